// Package workspace keeps workspaces: their members, the seats of their subscriptions, and the credentials that hang on them.
//
// A workspace is changed in one transaction at a time (store.Workspaces). Each change first runs as a rehearsal, which keeps
// nothing; what is refused there is refused without a trace in the store. Then it is recorded in the audit log, and then it is
// made, with all its conditions looked at again.
//
// What always holds: a workspace has an active member whose role is admin; an active member has exactly one developer token, and
// nobody else has a usable one; no more seats of a subscription are in use than it has, where a member counts once however many
// legacy keys he holds beside his seat, and a legacy key that nobody is given counts by itself. Nobody gives a permission that he
// does not have. Whoever is not a member of a workspace sees nothing of it, and not that there is one.
//
// What it does not do: it knows no HTTP and signs no grants (package licence).
package workspace
