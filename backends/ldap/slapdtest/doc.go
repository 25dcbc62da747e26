// Package slapdtest starts a real OpenLDAP slapd for a test.
//
// Start writes a configuration, a directory and certificates into the test's temporary folder, loads the directory with
// slapadd, starts slapd on free loopback ports and ends it with the test. The directory always holds the entries of
// Directory; a test adds what it needs. A test whose machine has no slapd fails and says which package to install.
//
// It is for tests: certificates are made by a certificate authority that lives as long as the test, and every password is a
// constant of this package.
package slapdtest
