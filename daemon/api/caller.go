package api

import (
	"errors"

	"latchkey/daemon/access"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// caller returns who makes a request, by the credential that it presents. A request without one is root's on root's socket,
// the system user's where [auth] enable is False, and otherwise an Unauthenticated fault.
func (x *exchange) caller() (access.Caller, error) {
	given, err := present(x.request.Header)
	if err == nil && given.text == "" && x.settings.Auth.QueryCredentials {
		given, err = presentInQuery(x.request.URL.RawQuery)
	}
	if err != nil {
		return access.Caller{}, err
	}
	if given.text == "" {
		return x.anonymous()
	}
	who, err := x.holder(given)
	if err == nil && who.Entry != nil && !x.route.member && !anywhere(who.Entry.Credential.Kind) {
		return access.Caller{}, errMemberToken
	}
	return who, err
}

// anywhere reports whether a kind of credential is good on every route. A developer token must not make credentials that outlive it.
func anywhere(kind store.Kind) bool { return kind != store.KindDeveloper && kind != store.KindCI }

// admin returns the caller if he is an administrator.
func (x *exchange) admin() (access.Caller, error) {
	who, err := x.caller()
	if err != nil {
		return access.Caller{}, err
	}
	return who, who.RequireAdmin()
}

// refused records that a credential was refused, and returns err: whether or not it could be recorded, it stays a refusal.
func (x *exchange) refused(event string, err error) error {
	record := audit.Event{Event: event, Origin: x.origin(), Outcome: audit.OutcomeRefused}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		record.Reason = known.Reason
	}
	if failed := x.handler.audit.Record(x.context(), record); failed != nil {
		x.complain("audit_unavailable", failed)
	}
	return err
}

// holder returns whose credential it is.
func (x *exchange) holder(given presented) (access.Caller, error) {
	x.presented = given
	who, err := x.handler.guard.Caller(x.context(), given.text, given.kinds)
	if err != nil {
		if fault.KindOf(err) == fault.Unauthenticated {
			err = x.refused(audit.EventCheck, err)
		}
		return access.Caller{}, err
	}
	return who, nil
}

// anonymous returns who a caller without a credential is.
func (x *exchange) anonymous() (access.Caller, error) {
	if name, ok := x.context().Value(adminKey{}).(string); ok {
		return access.Caller{User: name, Roles: []string{access.Admin}, Admin: true}, nil
	}
	if !x.settings.Auth.Enable {
		return x.handler.guard.Identity(x.settings.System.User, nil), nil
	}
	return access.Caller{}, errNone
}

// ownedBy returns what the caller may reach of the given kinds: all of it as an admin, and his own otherwise.
func ownedBy(who access.Caller, kinds credential.Kinds) credential.Owner {
	return credential.Owner{User: who.User, Any: who.Admin, Kinds: kinds}
}

// owns reports whether the caller may see a credential.
func owns(who access.Caller, c *store.Credential) bool {
	return who.Admin || (who.User != "" && who.User == c.User)
}

// whose returns the user that a request is about: the one whom it names, which for another only an admin may do, and the
// caller by default.
func whose(who access.Caller, asked string) (string, error) {
	if asked != "" && asked != who.User && !who.Admin {
		return "", errNotOwner
	}
	if asked == "" {
		asked = who.User
	}
	if asked == "" {
		return "", errNoUser
	}
	return asked, nil
}
