// Package plugins is the contract between the daemon and its backends.
package plugins
