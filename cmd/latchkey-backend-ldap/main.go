// Command latchkey-backend-ldap is the backend ldap, which latchkeyd starts. It is not for starting by hand.
package main

import (
	"latchkey/backends/ldap"
	"latchkey/plugins"
)

func main() { plugins.Serve("ldap", ldap.New) }
