package plugins

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agext/levenshtein"
	"github.com/go-viper/mapstructure/v2"

	"latchkey/plugins/secret"
)

// Settings are a backend's settings: one JSON object. They come from StackStorm's `backend_kwargs`, where values have JSON
// types, or from an ini section `[backend.NAME]`, where every value is a string; Decode reads both. They hold secrets (a
// bind password), so they are kept in a type that cannot be printed.
type Settings struct{ object secret.Text }

// NewSettings returns the settings held in object, the text of a JSON object. The empty text means no settings.
func NewSettings(object secret.Text) Settings { return Settings{object: object} }

// Object returns the JSON text.
func (s Settings) Object() secret.Text { return s.object }

// Decode reads the settings into the struct that into points to, whose fields are named by `setting` tags. Fields that are
// not set keep their values, which are the defaults.
//
// A bool takes true and false as JSON or as the words true, yes, on, 1, false, no, off, 0 in any case; a time.Duration takes a
// number of seconds or a text such as "15m"; a number takes its digits in a string, too; a secret.Text takes a string. A list
// takes a JSON array, or a string: one that begins with "[" is a JSON array, otherwise its parts stand between semicolons
// where there is one, since a comma is part of a distinguished name. null, and the word None, mean not set.
//
// The error is a *SettingsError with every fault: keys that the struct does not have, with the nearest one that it has, and
// values that cannot be read, without the value.
func (s Settings) Decode(into any) error {
	values := map[string]any{}
	if !s.object.Empty() {
		decoder := json.NewDecoder(strings.NewReader(s.object.Reveal()))
		decoder.UseNumber()
		if err := decoder.Decode(&values); err != nil || values == nil {
			return &SettingsError{Faults: []SettingFault{{Message: "the settings must be one JSON object, such as {\"host\": \"ldap.example.com\"}"}}}
		}
		if decoder.More() {
			return &SettingsError{Faults: []SettingFault{{Message: "something follows the JSON object"}}}
		}
	}
	known := keysOf(into)
	var faults []SettingFault
	for _, key := range sortedKeys(values) {
		if !slices.Contains(known, key) {
			faults = append(faults, SettingFault{Key: key, Message: unknownKey(key, known)})
			continue
		}
		if value := values[key]; value == nil || value == "None" {
			continue
		}
		if err := decodeOne(key, values[key], into); err != nil {
			faults = append(faults, SettingFault{Key: key, Message: err.Error()})
		}
	}
	if len(faults) > 0 {
		return &SettingsError{Faults: faults}
	}
	return nil
}

func sortedKeys(values map[string]any) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// keysOf returns the keys that a struct has.
func keysOf(into any) []string {
	var keys []string
	for field := range reflect.TypeOf(into).Elem().Fields() {
		if key := field.Tag.Get("setting"); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// unknownKey says that a key is unknown, and which known one is nearest.
func unknownKey(key string, known []string) string {
	nearest, best := "", 0.49 // less alike than half is no help
	for _, candidate := range known {
		if likeness := levenshtein.Match(strings.ToLower(key), candidate, nil); likeness > best {
			nearest, best = candidate, likeness
		}
	}
	if nearest == "" {
		return "unknown setting; known are " + strings.Join(known, ", ")
	}
	return "unknown setting; did you mean " + nearest + "?"
}

// decodeOne reads one value. Its error says what is expected and never shows the value.
func decodeOne(key string, value any, into any) error {
	var expected error
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: into, TagName: "setting",
		DecodeHook: func(from, to reflect.Value) (any, error) {
			converted, err := convert(from.Interface(), to.Type())
			if err != nil {
				expected = err
			}
			return converted, err
		},
	})
	if err != nil {
		return err
	}
	if err := decoder.Decode(map[string]any{key: value}); err != nil {
		if expected != nil {
			return expected
		}
		return errors.New("the value has the wrong type")
	}
	return nil
}

// convert returns a value in the type of the field that it is for.
func convert(value any, to reflect.Type) (any, error) {
	switch to {
	case reflect.TypeFor[secret.Text]():
		text, ok := value.(string)
		if !ok {
			return nil, errors.New("must be a string")
		}
		return secret.New(text), nil
	case reflect.TypeFor[time.Duration]():
		return duration(value)
	}
	switch to.Kind() {
	case reflect.Bool:
		return boolean(value)
	case reflect.Int, reflect.Int64:
		return integer(value)
	case reflect.String:
		if number, ok := value.(json.Number); ok {
			return number.String(), nil
		}
		if _, ok := value.(string); !ok {
			return nil, errors.New("must be a string")
		}
	case reflect.Slice:
		return list(value)
	case reflect.Map:
		return object(value)
	default: // the struct itself, and what mapstructure does without help
	}
	return value, nil
}

func boolean(value any) (any, error) {
	if yes, ok := value.(bool); ok {
		return yes, nil
	}
	switch text := fmt.Sprint(value); strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return nil, errors.New("must be true or false")
}

func integer(value any) (any, error) {
	if _, ok := value.(bool); !ok {
		if n, err := strconv.ParseInt(strings.TrimSpace(fmt.Sprint(value)), 10, 64); err == nil {
			return n, nil
		}
	}
	return nil, errors.New("must be a whole number")
}

func duration(value any) (any, error) {
	text := strings.TrimSpace(fmt.Sprint(value))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds < 1<<31 {
		return time.Duration(seconds * float64(time.Second)), nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return d, nil
	}
	return nil, errors.New("must be a number of seconds, or a time such as 15m")
}

// list returns a value as a list of strings.
func list(value any) (any, error) {
	switch value := value.(type) {
	case []any:
		texts := make([]string, 0, len(value))
		for _, item := range value {
			text, ok := item.(string)
			if !ok {
				return nil, errors.New("must be a list of strings")
			}
			texts = append(texts, text)
		}
		return texts, nil
	case string:
		trimmed := strings.TrimSpace(value)
		if strings.HasPrefix(trimmed, "[") {
			var texts []string
			if err := json.Unmarshal([]byte(trimmed), &texts); err != nil {
				return nil, errors.New("begins with [ and is no JSON array of strings")
			}
			return texts, nil
		}
		var texts []string
		for part := range strings.SplitSeq(trimmed, ";") {
			if part = strings.TrimSpace(part); part != "" {
				texts = append(texts, part)
			}
		}
		return texts, nil
	}
	return nil, errors.New("must be a list of strings")
}

// object returns a value as a map; in the ini file it is written as a JSON object.
func object(value any) (any, error) {
	text, ok := value.(string)
	if !ok {
		return value, nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var values map[string]any
	if err := decoder.Decode(&values); err != nil {
		return nil, errors.New("must be a JSON object")
	}
	return values, nil
}
