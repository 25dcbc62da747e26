package credential

import "latchkey/daemon/store"

// Kinds is a set of kinds of credential.
type Kinds uint8

// The kinds, and the two sets that HTTP headers stand for. Invitation and Legacy are in neither: they make their bearer nobody's
// caller, and are taken by the one route that is for them.
const (
	Session Kinds = 1 << iota
	APIKey
	Service
	Developer
	CI
	Invitation
	Legacy
	AllKinds = Session | APIKey | Service | Developer | CI
	KeyKinds = AllKinds &^ Session
)

// foreign are the kinds that a text which was not made here can be, and noted those whose last use is kept.
const (
	foreign = APIKey | Service | Legacy
	noted   = Service | Developer | CI | Legacy
)

// kinds are the kinds with their bits and the prefixes of their texts; legacy keys are never made here and have none. Which of
// them must expire is in store.Credential.Check.
var kinds = [...]struct {
	kind   store.Kind
	bit    Kinds
	prefix string
}{
	{store.KindSession, Session, "lkt_"},
	{store.KindAPIKey, APIKey, "lka_"},
	{store.KindService, Service, "lks_"},
	{store.KindDeveloper, Developer, "lkd_"},
	{store.KindCI, CI, "lkc_"},
	{store.KindInvitation, Invitation, "lki_"},
	{store.KindLegacy, Legacy, ""},
}

// Has reports whether the set holds a kind.
func (k Kinds) Has(kind store.Kind) bool { return k&kindSet(kind) != 0 }

// kindSet returns the set of one kind; it is empty for what is none.
func kindSet(kind store.Kind) Kinds {
	for i := range kinds {
		if kinds[i].kind == kind {
			return kinds[i].bit
		}
	}
	return 0
}

// prefixOf returns the prefix of a kind's texts, and false for what is no kind that is made here.
func prefixOf(kind store.Kind) (string, bool) {
	for i := range kinds {
		if kinds[i].kind == kind {
			return kinds[i].prefix, kinds[i].prefix != ""
		}
	}
	return "", false
}

// kindOfPrefix returns the kind whose texts begin with prefix.
func kindOfPrefix(prefix string) (store.Kind, bool) {
	for i := range kinds {
		if kinds[i].prefix == prefix {
			return kinds[i].kind, true
		}
	}
	return "", false
}
