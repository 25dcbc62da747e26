package audit

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// maxValue bounds each field, in bytes; so a record is at most about 4 KiB.
const maxValue = 256

// timeLayout is RFC 3339 in UTC with six fraction digits.
const timeLayout = "2006-01-02T15:04:05.000000Z07:00"

// line is a record as it is written: exactly these fields, and no other.
type line struct {
	Time         string `json:"time"`
	Event        string `json:"event"`
	RequestID    string `json:"request_id,omitempty"`
	Source       string `json:"source,omitempty"`
	UserAgent    string `json:"user_agent,omitempty"`
	Route        string `json:"route,omitempty"`
	User         string `json:"user,omitempty"`
	RealUser     string `json:"real_user,omitempty"`
	Kind         string `json:"kind,omitempty"`
	CredentialID string `json:"credential_id,omitempty"`
	Backend      string `json:"backend,omitempty"`
	Outcome      string `json:"outcome,omitempty"`
	Reason       string `json:"reason,omitempty"`
}

// encode returns an event as one line of JSON with its newline. JSON escapes control characters; what is no UTF-8 is replaced
// and what is too long is cut.
func encode(e Event) ([]byte, error) {
	text, err := json.Marshal(line{
		Time: e.Time.UTC().Format(timeLayout), Event: bounded(e.Event), RequestID: bounded(e.RequestID), Source: bounded(e.Source),
		UserAgent: bounded(e.UserAgent), Route: bounded(e.Route), User: bounded(e.User), RealUser: bounded(e.RealUser),
		Kind: bounded(e.Kind), CredentialID: bounded(e.CredentialID), Backend: bounded(e.Backend), Outcome: bounded(e.Outcome),
		Reason: bounded(e.Reason),
	})
	return append(text, '\n'), err
}

// bounded cuts a value at maxValue bytes, between two characters.
func bounded(value string) string {
	value = strings.ToValidUTF8(value, "\uFFFD")
	if len(value) <= maxValue {
		return value
	}
	end := maxValue
	for !utf8.RuneStart(value[end]) {
		end--
	}
	return value[:end]
}

// stamped gives an event the time when it has none.
func stamped(e Event, now func() time.Time) Event {
	if e.Time.IsZero() {
		e.Time = now()
	}
	return e
}
