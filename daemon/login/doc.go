// Package login decides who is logging in. It is the one guard in front of every password, whatever route the password
// came by.
//
// An attempt goes through these steps, in this order: the name is made canonical or refused (Canonical); the throttle asks
// whether this name is locked and whether this address has tries left; the attempt waits in a bounded queue for a free
// core; the chain of backends decides; the account must not be disabled here; the outcome is counted and recorded in the
// audit log.
//
// What always holds: there is one canonical name, worked out once, before anything is counted, asked or recorded. An
// empty password, one with a NUL byte and one of more than MaxPassword bytes reach no backend. However many attempts run
// at the same time, no name gets more wrong guesses than the throttle allows. Every refusal is the same error to the
// caller and takes as long as the slowest kind of refusal does, whoever refused and why; the reason is in the audit
// record. "Could not decide" is an Unavailable fault, never a refusal and never an acceptance. A lock stops passwords
// only: tokens and keys are not looked at here.
//
// What it does not do: it parses no HTTP, hashes nothing (backends do, in processes of their own) and makes no credential
// text (package credential does).
package login
