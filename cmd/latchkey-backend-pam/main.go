// Command latchkey-backend-pam is the backend pam, which latchkeyd starts. It is not for starting by hand.
package main

import (
	"latchkey/backends/pam"
	"latchkey/plugins"
)

func main() { plugins.Serve("pam", pam.New) }
