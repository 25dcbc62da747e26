package api

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
)

const (
	requestIDHeader = "X-Request-Id" // canonical form of X-Request-ID
	maxRequestID    = 128
)

// requestIDs makes request ids: a random word chosen at start, and a number. They are unique, not secret, so that a
// request costs no call for randomness.
type requestIDs struct {
	prefix string
	last   atomic.Uint64
}

// newRequestIDs draws the prefix from random.
func newRequestIDs(random io.Reader) (*requestIDs, error) {
	var word [8]byte
	if _, err := io.ReadFull(random, word[:]); err != nil {
		return nil, fmt.Errorf("randomness for request ids: %w", err)
	}
	return &requestIDs{prefix: hex.EncodeToString(word[:]) + "-"}, nil
}

// of returns the id of a request: the one that it came with, if that is sane, and a new one otherwise.
func (ids *requestIDs) of(r *http.Request) string {
	if values := r.Header[requestIDHeader]; len(values) == 1 && saneRequestID(values[0]) {
		return values[0]
	}
	return ids.prefix + strconv.FormatUint(ids.last.Add(1), 10)
}

// saneRequestID reports whether id is 1 to 128 of A–Z, a–z, 0–9, dot, underscore and dash, so that it can stand in a log line
// and in a header as it is.
func saneRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
