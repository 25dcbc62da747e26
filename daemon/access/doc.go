// Package access says who a credential makes its bearer, and what he may do.
//
// A user's roles come from the section [roles] of the configuration. They are worked out at each check, from the groups that
// the log-in recorded (session tokens) or that the user's last log-in had (API keys), so a change of the file counts at once,
// for credentials that exist, too. A service token has the roles that it was made with, and those that [roles] gives to
// service:NAME.
//
// What always holds: a role's name is compared byte for byte; a name that is not in the one normal form (CheckRole) is
// refused and not repaired, and "admin" in another case is no role at all. Admin is the only role with a meaning here; the
// others are names that services ask for at the door. Nobody can give a role that he does not have, unless he is an admin.
//
// What it does not do: it keeps nothing, and knows no routes.
package access
