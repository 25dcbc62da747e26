// Package ldap asks a directory server who somebody is (LDAP version 3, RFC 4511): it searches the account as a service
// account, binds as the account that it found with the password that was typed, and looks up its groups.
//
// What always holds:
//
//   - The password is right only when the directory answered a simple bind, with the distinguished name of exactly one entry
//     and a password that is not empty, with result 0. No unauthenticated bind (RFC 4513 section 5.1.2) is ever sent.
//   - Only a connection that is bound as the service account searches. User binds have connections of their own.
//   - Whatever was typed stands in a filter only as an escaped assertion value (RFC 4515 section 3); so does a distinguished
//     name that the directory returned.
//   - With use_ssl or use_tls nothing but the request to start TLS crosses the network before a certificate for that host has
//     been verified. Only insecure_skip_verify and insecure_plaintext, which are logged at each start, weaken that.
//   - The name in an answer is the directory's, as the directory spells it, and not the one that was typed.
//   - A directory that is away, slow or wrongly configured is an error ("could not decide"), never a wrong password.
//   - An unknown name costs the same questions as a known one with a wrong password, and waits as long.
//
// Several hosts are tried in the order of the settings. One that fails, or is silent for longer than it may, is passed over
// until it has been seen to answer again.
//
// The package does not follow nested groups by itself, does not change passwords, does not use SASL, and keeps nothing on disk.
// docs/backends-ldap.md is for the administrator.
package ldap
