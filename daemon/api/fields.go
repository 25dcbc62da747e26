package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"latchkey/daemon/fault"
)

// fields are the fields of a request's JSON object. They are taken one by one with the methods below, by their exact names
// (encoding/json would take "USER" for "user"); null is as good as absent. The first error sticks and is returned by err and
// done, so that a function reads all that it wants before it asks.
type fields struct {
	values map[string]json.RawMessage
	taken  []string
	fault  error
}

func newFields(values map[string]json.RawMessage) *fields { return &fields{values: values} }

// take returns a field's value, and nil when it is absent or null.
func (f *fields) take(name string) json.RawMessage {
	f.taken = append(f.taken, name)
	value := f.values[name]
	if bytes.Equal(value, []byte("null")) {
		return nil
	}
	return value
}

// into decodes a field into target, a pointer, and reports whether the field is there and of the right type. The type's
// name is JSON's.
func (f *fields) into(name, kind string, target any) bool {
	value := f.take(name)
	if value == nil {
		return false
	}
	if err := json.Unmarshal(value, target); err != nil {
		f.refuse(fault.Invalidf("%s is not of type '%s'.", name, kind))
		return false
	}
	return true
}

// text returns a string, and whether the field is there.
func (f *fields) text(name string) (value string, given bool) {
	given = f.into(name, "string", &value)
	return value, given
}

// boolean returns a boolean, and whether the field is there.
func (f *fields) boolean(name string) (value, given bool) {
	given = f.into(name, "boolean", &value)
	return value, given
}

// texts returns an array of strings, and whether the field is there.
func (f *fields) texts(name string) (values []string, given bool) {
	var elements []*string
	if given = f.into(name, "array of strings", &elements); !given {
		return nil, false
	}
	for _, element := range elements {
		if element == nil {
			f.refuse(fault.Invalidf("%s is not of type 'array of strings'.", name))
			return nil, false
		}
		values = append(values, *element)
	}
	return values, true
}

// words returns an object whose values are strings, and whether the field is there.
func (f *fields) words(name string) (values map[string]string, given bool) {
	given = f.into(name, "object of strings", &values)
	return values, given
}

// object returns a JSON object as it was written but for spaces, and whether the field is there.
func (f *fields) object(name string) (value json.RawMessage, given bool) {
	var members map[string]json.RawMessage
	if given = f.into(name, "object", &members); !given {
		return nil, false
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, f.values[name]); err != nil {
		f.refuse(fault.Invalidf("%s is not of type 'object'.", name))
		return nil, false
	}
	return compact.Bytes(), true
}

// seconds returns an integer, and nil when the field is absent. What does not fit into 64 bits is cut to what does, since it
// is out of any bounds either way. The sentence of a type error is StackStorm's.
func (f *fields) seconds(name string) *int64 {
	value := f.take(name)
	if value == nil {
		return nil
	}
	number, err := strconv.ParseInt(string(value), 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		number, err = math.MaxInt64, nil
		if value[0] == '-' {
			number = math.MinInt64
		}
	}
	if err != nil {
		f.refuse(fault.Invalidf("%s is not of type 'integer', 'null'", show(value, name)))
		return nil
	}
	return &number
}

// refuse keeps err unless there is an earlier one.
func (f *fields) refuse(err error) {
	if f.fault == nil {
		f.fault = err
	}
}

// err returns the first error, and does not mind fields that nobody took.
func (f *fields) err() error { return f.fault }

// done returns the first error; a field that nobody took is one.
func (f *fields) done() error {
	if f.fault != nil {
		return f.fault
	}
	var unknown []string
	for name := range f.values {
		if !slices.Contains(f.taken, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return fault.Invalidf("Unknown field %s.", quoted(slices.Min(unknown)))
}

// quoted returns the name of a field as it can stand in a sentence: in quotes, escaped and cut.
func quoted(name string) string {
	if runes := []rune(name); len(runes) > 64 {
		name = string(runes[:64]) + "…"
	}
	return strconv.Quote(name)
}

// maxShown is the longest number that an error repeats, in bytes.
const maxShown = 12

// show returns a value as StackStorm's type errors begin with it, where it is one that cannot be a secret: a short number,
// a string of digits, a boolean, null, an empty array or object. For any other it returns name, so that no error repeats
// what was sent.
func show(value json.RawMessage, name string) string {
	text := strings.TrimSpace(string(value))
	switch text {
	case "[]", "{}":
		return text
	case "true":
		return "True"
	case "false":
		return "False"
	case "null":
		return "None"
	}
	if len(text) > maxShown {
		return name
	}
	if inner, ok := strings.CutPrefix(text, `"`); ok {
		if inner = strings.TrimSuffix(inner, `"`); onlyDigits(inner) {
			return fmt.Sprintf("'%s'", inner)
		}
		return name
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return text
	}
	return name
}

// onlyDigits reports whether text is one or more decimal digits.
func onlyDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
