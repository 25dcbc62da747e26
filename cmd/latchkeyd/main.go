// Command latchkeyd is the Latchkey daemon. `latchkeyd` serves; its subcommands check a configuration, test a backend, make
// a backup and start a throw-away instance. See latchkeyd(8) and docs/.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
