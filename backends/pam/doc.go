// Package pam is the backend pam: the accounts of the host, by its Pluggable Authentication Modules (pam(3)). It takes the
// place of StackStorm's backend of the same name.
//
// It runs two phases of the service's stack, pam_authenticate with PAM_DISALLOW_NULL_AUTHTOK and pam_acct_mgmt, so that a
// locked or expired account, one whose password must be changed and one without a password are refused. It opens no session
// and sets no credentials. The service is "latchkey", that is /etc/pam.d/latchkey.
//
// What always holds: the password answers the first prompt with echo off and no other; a stack that prompts a second time,
// or for something else, is a refusal (pam_extra_prompt) and never waits. A stack that accepts somebody without having asked
// for the password is an error, because its configuration lets everybody in. A module that fails to decide is an error and
// not a wrong password. Names and passwords with NUL, and names that no account can have, do not reach the modules. The
// identity is PAM_USER after pam_authenticate, as the system spells it (getpwnam(3)), and the groups are the system's.
//
// Every call into the modules runs on an operating system thread of its own, which ends with it, since modules change their
// thread's state; a transaction is ended on the thread that began it. At most maxWorkers run at once. Nothing can interrupt
// a module: when a call's context ends, its caller gets an error and the worker stays occupied until the module returns.
// When all are, Check says so, and the daemon starts the process anew.
//
// How long a stack takes differs between a user that it knows and one that it does not, so a refusal is answered at the
// earliest when min_refusal has passed.
//
// It does not make up for the rights of the process: pam_unix must be able to read /etc/shadow, for which a systemd drop-in
// gives the group shadow. A module that crashes takes the process with it, and nothing else.
package pam
