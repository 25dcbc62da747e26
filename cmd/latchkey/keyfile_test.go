package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func FuzzParseKeys(f *testing.F) {
	hash := strings.Repeat("0f", 64)
	for _, text := range []string{
		`[{"user":"bill","key_hash":"` + hash + `","enabled":true,"metadata":{"a":1e400}}]`,
		`{"user":"bill","key_hash":"` + hash + `","metadata":{"a":{"b":[null]}}}`,
		"- user: bill\n  key_hash: " + hash + "\n  metadata: {1: 2, x: .nan}\n", "user: bill\nkey_hash: " + hash + "\nenabled: yes\n",
		"a: &a [*a]", "- - -", "%YAML 1.1\n---\n...", "[]", "{}", "null", "", "\ufeff[", strings.Repeat("[", 20_000), strings.Repeat("- ", 5_000),
		"? {[x]: y}\n: z", "!!binary aGk=", "<<: {user: x}\nkey_hash: y",
	} {
		f.Add("keys", []byte(text))
		f.Add("keys.yaml", []byte(text))
	}
	f.Fuzz(func(t *testing.T, path string, text []byte) {
		keys, err := parseKeys(path, text)
		if err != nil {
			return
		}
		for _, key := range keys {
			if key.User == "" || len(key.KeyHash) != 128 && len(key.KeyHash) != 64 || key.ID != "" && !isID(key.ID) {
				t.Errorf("%q: %+v", text, key)
			}
			if key.Metadata != nil && (!json.Valid(key.Metadata) || key.Metadata[0] != '{') {
				t.Errorf("%q: metadata %s", text, key.Metadata)
			}
		}
		if _, err := json.Marshal(keys); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}
