// Package credential is the one engine behind every kind of credential: session tokens, API keys, service tokens, developer
// tokens, CI tokens and invitations are minted, checked, changed, rotated, revoked and swept by the same code.
//
// A credential's text is 40 characters: a prefix that names the kind (lkt_, lka_, lks_, lkd_, lkc_, lki_), 30 base62 characters
// from the random source (178 bits) and 6 base62 characters of CRC-32 over what stands before them. The checksum is no
// protection; it lets garbage and typing errors be turned away without a look into the store, and lets scanners find leaked
// credentials without false alarms. Three kinds of text were not made here and have no such form: keys that StackStorm
// made, a bootstrap token that an administrator chose, and a workspace's legacy keys. They are looked up by StackStorm's hash.
//
// What is kept is the SHA-256 of the text, never the text. One SHA-256 is enough: what is hashed is random, not chosen by a
// person, so there is nothing to guess. That is not said of a short legacy key, which is why it activates and opens nothing else.
//
// What always holds: Issue returns a text only when its audit record is written and its hash is durable. A kind that expires
// is never made without an expiry, and is refused from the very instant of it on. Whose credential it is is looked at inside
// the transaction that changes it, and somebody else's is reported exactly as an unknown one. A text matches byte for byte or
// not at all. "The store does not answer" is an Unavailable fault, never a refusal.
//
// What it does not do: it knows no HTTP, no passwords and no roles' meaning (package access).
package credential
