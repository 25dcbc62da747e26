// Package mail sends invitations into workspaces by SMTP (RFC 5321).
//
// What always holds: a name or an address that could add a header or another recipient is refused with ErrAddress before anything
// is sent. The server's certificate is verified. With tls = starttls or implicit nothing but the greeting is said without TLS; with
// none the user's password goes to an address on this host only. A mail takes no longer than [mail] timeout and ends when its
// context does. An error is one line, and holds neither the password nor the code of the invitation, whatever the server said.
//
// What it does not do: it keeps no queue and tries nothing twice. A mail that the server has taken may still be lost on its way.
package mail
