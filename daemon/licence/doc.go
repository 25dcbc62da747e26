// Package licence answers tools that ask whether they may be used: activation with a developer token, a CI token or a legacy key.
//
// The answer is a grant (package grant), signed, good for at most 24 hours and never beyond the end of the subscription, or a refusal
// with one of the documented reasons. What a workspace's admin has changed counts at the next activation.
//
// What always holds: a developer token is granted something only while its member is active, his account is not disabled and he holds
// a seat of a subscription that runs; a legacy key only while [legacy] accepts it. What could not be read is neither a grant nor a
// refusal. Every grant and every refusal is in the audit log; a grant that cannot be recorded is not given.
//
// What it does not do: it counts no machines, and takes nothing back that it has signed: a grant that is given is good until it ends.
package licence
