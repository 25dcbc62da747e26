// Package conf reads the daemon's configuration.
package conf
