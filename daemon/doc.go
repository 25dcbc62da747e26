// Package daemon puts the service together: it opens the store, starts the backends, serves HTTP, re-reads the
// configuration and ends in good order. Each concern has its package below; here is only what connects them.
//
// What always holds: the daemon is ready (systemd's READY=1, /readyz) only when the store is open and the backends have
// answered; a reload that fails changes nothing; on the way down it takes no new connection, finishes the requests under
// way within DrainTimeout, and then ends the backends and closes the store.
//
// What it does not do: it parses no command line (package cmd/latchkeyd) and no configuration (package conf).
package daemon
