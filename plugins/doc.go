// Package plugins is the contract between the daemon and its backends, and the guide to writing one.
//
// A backend is a program of its own that answers one question: may this name log in with this password? To write one in Go,
// implement Backend and hand a Factory to Serve:
//
//	func main() { plugins.Serve("example", example.New) }
//
// The Factory gets the settings (Settings.Decode reads them into a struct and finds what is wrong) and a logger, and returns
// the backend. Authenticate returns a Result: Accepted with the account's canonical name, Denied, or UnknownUser, each with a
// reason for the audit log. An error means "could not decide" and becomes 503; a wrong password is never an error. Optional
// abilities (Checker, Looker, Closer) are interfaces of their own. plugintest.Run holds a backend to all of this, in process
// and as a child process. proto/backend.proto describes the same for other languages, and docs/example-backend is a whole one.
//
// On the daemon's side, Find and Launch start an executable, and Client speaks to it. Starting and speaking are apart: what is
// launched is a Connection, and there may be other ways to get one.
//
// What always holds: an executable that others could have changed, or whose checksum is not the pinned one, is not run, and
// what is run is the very file that was looked at. A backend gets none of the daemon's environment. Traffic goes over a
// private unix socket with mutual TLS made for that one start. Messages are at most MaxMessage bytes, and an answer that
// breaks the contract is an error. A panic in a backend's code fails the call and not the process. A backend ends when the
// daemon does, however that ended.
//
// What it does not do: it restarts nothing (package daemon/host does) and knows no backend by name.
package plugins
