// Command latchkey-backend-flat-file is the backend flat_file, which latchkeyd starts. It is not for starting by hand.
package main

import (
	"latchkey/backends/flatfile"
	"latchkey/plugins"
)

func main() { plugins.Serve("flat_file", flatfile.New) }
