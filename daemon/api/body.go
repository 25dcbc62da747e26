package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"latchkey/daemon/fault"
)

// The bounds of a request. MaxHeaderBytes is for http.Server's field of that name: net/http allows 4 KiB more than it is
// told, so that a request line and headers of more than 16 KiB are answered with 431.
const (
	MaxHeaderBytes = 12 << 10
	maxBody        = 64 << 10
	maxDepth       = 16
	// maxAnnounced is the announced length of a body above which nothing of it is read. Below it the first maxBody bytes are, so
	// that a document which is nested too deeply is told so and not sent again in smaller pieces.
	maxAnnounced = 1 << 20
)

var (
	errTooLarge = &fault.Error{Kind: fault.TooLarge, Reason: "body_too_large", Public: "The body is larger than 65536 bytes."}
	errNotJSON  = fault.Invalidf("The body is not valid JSON.")
	errTooDeep  = fault.Invalidf("The body is nested deeper than %d.", maxDepth)
)

// checkLength refuses a body whose announced length is too large. It reads nothing, and the connection is closed after the
// answer so that nothing more of the body is read either.
func checkLength(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength <= maxAnnounced {
		return nil
	}
	w.Header().Set("Connection", "close")
	return errTooLarge
}

// readBody returns the body, which is nil when it is empty or holds only spaces. It is a TooLarge fault when it is longer
// than maxBody, whatever length was announced, unless what was read of it is wrong already by its depth.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := checkLength(w, r); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		w.Header().Set("Connection", "close")
		if errors.Is(checkDepth(body), errTooDeep) {
			return nil, errTooDeep
		}
		return nil, errTooLarge
	}
	if err != nil {
		return nil, fault.Invalidf("The body could not be read.")
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	return body, nil
}

// readFields returns the fields of the JSON object in the body; an empty body is an object without fields.
//
// An object under text/plain or a form type is read as JSON, too: curl's -d sends one unless it is told otherwise.
func readFields(w http.ResponseWriter, r *http.Request) (*fields, error) {
	body, err := readBody(w, r)
	if err != nil || body == nil {
		return newFields(nil), err
	}
	if !readable(r.Header.Get("Content-Type")) {
		return nil, fault.Invalidf("The Content-Type is none that is read here; send application/json.")
	}
	return parseFields(body)
}

// readable reports whether a body of this Content-Type is read as JSON.
func readable(contentType string) bool {
	if contentType == "" {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return false
	}
	switch kind {
	case "application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data":
		return true
	}
	return strings.HasSuffix(kind, "+json")
}

// parseFields returns the fields of the JSON object that document is (RFC 8259). Depth is checked token by token before
// anything is built. No error holds a value of the document, except for the few that type errors show (see show).
func parseFields(document []byte) (*fields, error) {
	if !utf8.Valid(document) {
		return nil, fault.Invalidf("The body is not UTF-8.")
	}
	if err := checkDepth(document); err != nil {
		return nil, err
	}
	var values map[string]json.RawMessage
	err := json.Unmarshal(document, &values)
	if _, other := errors.AsType[*json.UnmarshalTypeError](err); other || (err == nil && values == nil) {
		return nil, fault.Invalidf("%s is not of type 'object'", show(document, "The body"))
	}
	if err != nil {
		return nil, errNotJSON
	}
	return newFields(values), nil
}

// checkDepth refuses a document with more than maxDepth arrays and objects within one another.
func checkDepth(document []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	depth := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errNotJSON
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxDepth {
			return errTooDeep
		}
	}
}
