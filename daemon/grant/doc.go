// Package grant is the signed permission to use a product for a day: what a server gives a tool that it has activated, and what the
// tool can check without the server.
//
// A grant is a JSON Web Signature in compact form (RFC 7515) over a set of claims (RFC 7519). The algorithm is EdDSA with Ed25519
// (RFC 8037) and the header's typ is "latchkey-grant+jwt"; there is no other, so that no header can talk a reader into a weaker one.
// The key is named by its thumbprint (RFC 7638, SHA-256). Keys are published as a JWK set (RFC 7517), the current one first and
// beside it those that were current and those that will be, so that a change of keys invalidates no grant and surprises no reader.
//
// What always holds: nothing of a grant is believed before its signature is verified; a grant is good for Life at most, whatever it
// says; a clock that is before the time of issue by more than Leeway is refused. The time is passed in.
//
// It does not ask a server, does not keep anything, and does not know whether a grant was taken back: nothing can take one back
// before it expires.
package grant
