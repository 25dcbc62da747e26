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
	buffer, ok := x.handler.buffers.Get().(*buffer)
	if !ok {
		buffer = newBuffer()
	}
	buffer.Reset()
	if err := buffer.encoder.Encode(document); err != nil {
		x.complain("encoding", err)
		x.WriteHeader(http.StatusInternalServerError)
		return // an encoder that has failed once is not used again
	}
	x.body(status, buffer.Bytes())
	if buffer.Cap() <= maxKeptBuffer {
		clear(buffer.Bytes()) // it may have held a new token
		x.handler.buffers.Put(buffer)
	}
}

// maxKeptBuffer is the largest buffer that is kept for another answer, in bytes.
const maxKeptBuffer = 64 << 10

// buffer is where a document is encoded.
type buffer struct {
	bytes.Buffer
	encoder *json.Encoder
}

func newBuffer() *buffer {
	b := &buffer{}
	b.encoder = json.NewEncoder(&b.Buffer)
	b.encoder.SetEscapeHTML(false)
	return b
}

// body answers with a JSON document that is encoded already.
func (x *exchange) body(status int, document []byte) {
	x.setHeader("Content-Type", "application/json")
	x.WriteHeader(status)
	_, _ = x.Write(document) // a client that has gone away needs no answer
}

// private forbids everyone on the way to keep the answer: it holds or describes a credential (RFC 9111 section 5.2.2.5).
func (x *exchange) private() { x.setHeader("Cache-Control", "no-store") }

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
