package grant

import (
	"encoding/json"
	"errors"
	"time"
)

// Life is the longest time for which a grant is good.
const Life = 24 * time.Hour

// Kind says what a grant was given for.
type Kind string

// The kinds of a grant: a member's developer token, a CI token, a legacy key.
const (
	KindUser   Kind = "user"
	KindCI     Kind = "ci"
	KindLegacy Kind = "legacy"
)

// Workspace is whose licence a grant uses.
type Workspace struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Claims are what a grant says. Times are whole seconds; a fraction is cut off when a grant is signed.
type Claims struct {
	// Issuer is the server that signed it, as it calls itself.
	Issuer string
	// Subject is the name of the user, of the CI token or of the legacy key.
	Subject string
	// ID is the grant's own id; no two have the same.
	ID string
	// IssuedAt, NotBefore and ExpiresAt bound the time in which it is good: from NotBefore up to, and without, ExpiresAt.
	IssuedAt, NotBefore, ExpiresAt time.Time
	Kind                           Kind
	Workspace                      Workspace
	Plan                           string
	Features                       []string
	// Product, Version and MachineID are what the tool said of itself.
	Product, Version, MachineID string
}

// wire is the form of the claims in a grant: the names of RFC 7519 section 4.1, times as NumericDate.
type wire struct {
	Issuer    string    `json:"iss,omitempty"`
	Subject   string    `json:"sub,omitempty"`
	ID        string    `json:"jti"`
	IssuedAt  int64     `json:"iat"`
	NotBefore int64     `json:"nbf"`
	ExpiresAt int64     `json:"exp"`
	Kind      Kind      `json:"kind"`
	Workspace Workspace `json:"workspace"`
	Plan      string    `json:"plan,omitempty"`
	Features  []string  `json:"features"`
	Product   string    `json:"product"`
	Version   string    `json:"version,omitempty"`
	MachineID string    `json:"machine_id"`
}

// MarshalJSON returns the claims as a grant has them.
func (c Claims) MarshalJSON() ([]byte, error) {
	w := wire{
		c.Issuer, c.Subject, c.ID, c.IssuedAt.Unix(), c.NotBefore.Unix(), c.ExpiresAt.Unix(), c.Kind, c.Workspace, c.Plan, c.Features,
		c.Product, c.Version, c.MachineID,
	}
	if w.Features == nil {
		w.Features = []string{}
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads the claims of a grant; times are in UTC. It does not check them.
func (c *Claims) UnmarshalJSON(text []byte) error {
	var w wire
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
	*c = Claims{
		w.Issuer, w.Subject, w.ID, at(w.IssuedAt), at(w.NotBefore), at(w.ExpiresAt), w.Kind, w.Workspace, w.Plan, w.Features,
		w.Product, w.Version, w.MachineID,
	}
	return nil
}

// check returns an error for claims that no grant has.
func (c Claims) check() error {
	life := c.ExpiresAt.Unix() - c.IssuedAt.Unix()
	switch {
	case c.ID == "" || c.Product == "" || c.MachineID == "":
		return errors.New("a grant without an id, a product or a machine")
	case c.Kind != KindUser && c.Kind != KindCI && c.Kind != KindLegacy:
		return errors.New("a grant of an unknown kind")
	case c.IssuedAt.Unix() <= 0 || life <= 0 || life > int64(Life/time.Second):
		return errors.New("a grant that is good for no time, or for longer than a day")
	case c.NotBefore.Unix() < c.IssuedAt.Unix() || c.NotBefore.Unix() >= c.ExpiresAt.Unix():
		return errors.New("a grant that begins before it was issued, or after it has ended")
	}
	return nil
}
