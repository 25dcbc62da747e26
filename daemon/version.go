package daemon

import "runtime/debug"

// Version returns the program's version as the Go toolchain recorded it at build time: the module's version, which is made
// of the newest tag or of the commit, and "(devel)" where there is neither.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
