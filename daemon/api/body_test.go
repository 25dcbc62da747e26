package api

import (
	"net/http/httptest"
	"strings"
	"testing"

	"latchkey/daemon/fault"
)

// readString reads a body as readFields does, and returns the sentence of the error.
func readString(body, contentType string) (*fields, string) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	f, err := readFields(httptest.NewRecorder(), r)
	if err != nil {
		return nil, err.Error()
	}
	return f, ""
}

func TestReadFields(t *testing.T) {
	deep := func(n int) string {
		return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}"
	}
	for _, c := range []struct{ about, body, contentType, sentence string }{
		{"empty", "", "application/json", ""},
		{"empty, whatever the type", "", "image/png", ""},
		{"spaces only", " \r\n\t", "text/plain", ""},
		{"object", `{"a":1}`, "application/json", ""},
		{"with charset", `{"a":1}`, "application/json; charset=utf-8", ""},
		{"with a broken parameter", `{"a":1}`, "application/json; charset", ""},
		{"no type", `{"a":1}`, "", ""},
		{"curl -d", `{"ttl":60}`, "application/x-www-form-urlencoded", ""},
		{"text", `{"ttl":60}`, "text/plain", ""},
		{"a kind of JSON", `{"a":1}`, "application/vnd.api+json", ""},
		{"another type", `{"a":1}`, "application/xml", "The Content-Type is none that is read here; send application/json."},
		{"a real form", `ttl=60`, "application/x-www-form-urlencoded", "The body is not valid JSON."},
		{"array", `[]`, "application/json", "[] is not of type 'object'"},
		{"filled array", `["canary"]`, "application/json", "The body is not of type 'object'"},
		{"null", `null`, "application/json", "None is not of type 'object'"},
		{"number", ` 5 `, "application/json", "5 is not of type 'object'"},
		{"string", `"canary"`, "application/json", "The body is not of type 'object'"},
		{"cut short", `{"a":"canary`, "application/json", "The body is not valid JSON."},
		{"two documents", `{}{}`, "application/json", "The body is not valid JSON."},
		{"trailing text", `{"a":1} canary`, "application/json", "The body is not valid JSON."},
		{"not UTF-8", "{\"a\":\"\xff\"}", "application/json", "The body is not UTF-8."},
		{"16 deep", deep(16), "application/json", ""},
		{"17 deep", deep(17), "application/json", "The body is nested deeper than 16."},
		// hazard 51
		{"30000 deep", strings.Repeat("[", 30000), "application/json", "The body is nested deeper than 16."},
		{"64 KiB", `{"a":"` + strings.Repeat("x", 65536-8) + `"}`, "application/json", ""},
		{"one byte more", `{"a":"` + strings.Repeat("x", 65536-7) + `"}`, "application/json", "The body is larger than 65536 bytes."},
		{"a huge number", `{"a":1e999999}`, "application/json", ""},
	} {
		_, sentence := readString(c.body, c.contentType)
		if sentence != c.sentence {
			t.Errorf("%s: got %q, want %q", c.about, sentence, c.sentence)
		}
		// hazard 38
		if strings.Contains(sentence, "canary") {
			t.Errorf("%s: the error repeats a value", c.about)
		}
	}
}

// unread fails the test when it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("a body that was announced as too large was read")
	return 0, nil
}

// hazard 51
func TestAnnouncedLengthIsEnough(t *testing.T) {
	r := httptest.NewRequest("POST", "/", unread{t})
	r.ContentLength = 1 << 30
	w := httptest.NewRecorder()
	if _, err := readBody(w, r); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("got %v", err)
	}
	if w.Header().Get("Connection") != "close" {
		t.Error("the connection is kept, so the rest of the body would be read")
	}
}

func TestFields(t *testing.T) {
	for _, c := range []struct {
		about, body, sentence string
		read                  func(*fields)
	}{
		{"text", `{"a":"x"}`, "", func(f *fields) { f.text("a") }},
		{"null is absent", `{"a":null}`, "", func(f *fields) {
			if _, given := f.text("a"); given {
				t.Error("null is given")
			}
		}},
		{"text of another type", `{"a":7}`, "a is not of type 'string'.", func(f *fields) { f.text("a") }},
		{"boolean", `{"a":true}`, "", func(f *fields) { f.boolean("a") }},
		{"boolean of another type", `{"a":"canary"}`, "a is not of type 'boolean'.", func(f *fields) { f.boolean("a") }},
		{"object", `{"a":{"b":[1, null]}}`, "", func(f *fields) {
			if value, _ := f.object("a"); string(value) != `{"b":[1,null]}` {
				t.Errorf("object: %s", value)
			}
		}},
		{"object of another type", `{"a":["canary"]}`, "a is not of type 'object'.", func(f *fields) { f.object("a") }},
		{"texts", `{"a":["x","y"]}`, "", func(f *fields) { f.texts("a") }},
		{"texts with null", `{"a":["x",null]}`, "a is not of type 'array of strings'.", func(f *fields) { f.texts("a") }},
		{"texts of another type", `{"a":"canary"}`, "a is not of type 'array of strings'.", func(f *fields) { f.texts("a") }},
		{"words", `{"a":{"slack":"n"}}`, "", func(f *fields) { f.words("a") }},
		{"words of another type", `{"a":{"slack":1}}`, "a is not of type 'object of strings'.", func(f *fields) { f.words("a") }},
		{"unknown", `{"a":"x","b":1}`, `Unknown field "b".`, func(f *fields) { f.text("a") }},
		{"unknown by its case", `{"A":"x"}`, `Unknown field "A".`, func(f *fields) { f.text("a") }},
		{"unknown with control characters", `{"a\nb":"x"}`, `Unknown field "a\nb".`, func(*fields) {}},
		{"the first error counts", `{"a":1,"b":1,"c":1}`, "a is not of type 'string'.", func(f *fields) { f.text("a"); f.text("b") }},
		{"integer", `{"a":60}`, "", func(f *fields) {
			if n := f.seconds("a"); n == nil || *n != 60 {
				t.Error("integer is not 60")
			}
		}},
		{"integer as a string", `{"a":"60"}`, "'60' is not of type 'integer', 'null'", func(f *fields) { f.seconds("a") }},
		{"integer as another string", `{"a":"canary"}`, "a is not of type 'integer', 'null'", func(f *fields) { f.seconds("a") }},
		{"fraction", `{"a":1.5}`, "1.5 is not of type 'integer', 'null'", func(f *fields) { f.seconds("a") }},
		{"boolean for an integer", `{"a":true}`, "True is not of type 'integer', 'null'", func(f *fields) { f.seconds("a") }},
		{"array for an integer", `{"a":["canary"]}`, "a is not of type 'integer', 'null'", func(f *fields) { f.seconds("a") }},
		{"more than 64 bits", `{"a":99999999999999999999}`, "", func(f *fields) {
			if n := f.seconds("a"); n == nil || *n < 1<<62 {
				t.Error("a large number is not large")
			}
		}},
		{"less than 64 bits", `{"a":-99999999999999999999}`, "", func(f *fields) {
			if n := f.seconds("a"); n == nil || *n > 0 {
				t.Error("a negative number is not negative")
			}
		}},
	} {
		f, sentence := readString(c.body, "application/json")
		if sentence != "" {
			t.Fatalf("%s: %s", c.about, sentence)
		}
		c.read(f)
		if err := f.done(); err != nil {
			sentence = err.Error()
		}
		if sentence != c.sentence {
			t.Errorf("%s: got %q, want %q", c.about, sentence, c.sentence)
		}
		// hazard 38
		if strings.Contains(sentence, "canary") {
			t.Errorf("%s: the error repeats a value", c.about)
		}
	}
}

// hazard 51
func FuzzReadFields(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "[]", "null", `{"ttl":60}`, `{"ttl":"60"}`, `{"ttl":1e400}`, `{"user":"\u0000"}`, `{"metadata":{"a":{"b":null}}}`,
		strings.Repeat(`{"a":`, 20), `{"a":1}{"b":2}`, "\xef\xbb\xbf{}", "{\"a\":\"\xff\"}", `{"ttl":-0}`, `{"roles":["a",null]}`,
	} {
		f.Add(seed, "application/json")
	}
	f.Add("ttl=60", "application/x-www-form-urlencoded")
	f.Add("{}", "application/json; charset=\x00")
	f.Fuzz(func(t *testing.T, body, contentType string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		read, err := readFields(httptest.NewRecorder(), r)
		if err != nil {
			if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.TooLarge {
				t.Fatalf("kind %d: %v", kind, err)
			}
			return
		}
		read.text("user")
		read.boolean("enabled")
		read.object("metadata")
		read.seconds("ttl")
		read.texts("roles")
		read.words("nicknames")
		if err := read.done(); err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatalf("%v", err)
		}
	})
}
