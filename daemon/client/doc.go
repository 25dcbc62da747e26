// Package client speaks Latchkey's HTTP contract (docs/http.md). The latchkey command uses it, and so may any service that is
// written in Go: as a client, or through Require, which stands in front of an http.Handler and asks Latchkey who is calling.
//
// What always holds: a call ends within Options.Timeout or when its context does; at most 8 MiB of an answer are read; a
// redirect is never followed, since the credential would go along; secrets are secret.Text, and no error holds one, not even
// by way of an address; what a server says is cut to one line without control characters before it becomes part of an error.
//
// A call that failed returns one of these: *Error, when the server refused; *Unreachable, when there was no answer;
// *Unexpected, when the answer was none of Latchkey's; the context's own error, when the caller gave up; or an error about
// the arguments, and then nothing was sent.
//
// A tool that needs a licence calls Activate, or ActivateOrExit, when it starts. That one fails with *ActivationError only, and it is
// the one that keeps something on disk: the grant, in the user's cache folder.
//
// A Client does not retry, but for one case: when the server answers 401 and the Source has another credential, that one is tried
// once. It keeps nothing on disk.
package client
