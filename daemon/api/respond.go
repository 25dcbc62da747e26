package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

// timeLayout is how an answer writes times: UTC, with six fraction digits (RFC 3339, and what StackStorm writes).
const timeLayout = "2006-01-02T15:04:05.000000Z"

// stamp returns t as an answer writes it, and nothing for the zero time, so that such a field is left out.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeLayout)
}

// json answers with a document. It is encoded before anything is sent, so that what cannot be encoded becomes a 500.
func (x *exchange) json(status int, document any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		x.complain("encoding", err)
		x.WriteHeader(http.StatusInternalServerError)
		return
	}
	x.body(status, body.Bytes())
}

// body answers with a JSON document that is encoded already.
func (x *exchange) body(status int, document []byte) {
	x.Header().Set("Content-Type", "application/json")
	x.WriteHeader(status)
	_, _ = x.Write(document) // a client that has gone away needs no answer
}

// private forbids everyone on the way to keep the answer: it holds or describes a credential (RFC 9111 section 5.2.2.5).
func (x *exchange) private() { x.Header().Set("Cache-Control", "no-store") }

// document returns metadata as an answer shows it: an object, never null.
func document(metadata json.RawMessage) json.RawMessage {
	if len(metadata) == 0 {
		return json.RawMessage("{}")
	}
	return metadata
}

// orEmpty returns list, and an empty one for nil, which JSON would show as null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
