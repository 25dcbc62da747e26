package client

import (
	"net/url"
	"strings"
	"testing"
)

// Two ways to write one address are one, and what is no address is refused without repeating it. hazard 38
func TestAddress(t *testing.T) {
	for text, want := range map[string]string{
		"https://Auth.Example.com":          "https://auth.example.com",
		"https://auth.example.com:443/":     "https://auth.example.com",
		"HTTP://127.0.0.1:80":               "http://127.0.0.1",
		"http://127.0.0.1:9100//":           "http://127.0.0.1:9100",
		"http://[::1]:9100":                 "http://[::1]:9100",
		"http://[::1]":                      "http://[::1]",
		"https://host/auth":                 "https://host",
		"https://host/auth/v1/":             "https://host",
		"https://host/api":                  "https://host",
		"https://host:9101/v1":              "https://host:9101",
		"https://host/latchkey/":            "https://host/latchkey",
		"https://host/latchkey/auth/v1":     "https://host/latchkey",
		"unix:///run/latchkey/api.sock":     "unix:///run/latchkey/api.sock",
		"unix:///run//latchkey/../api.sock": "unix:///run/api.sock",

		"":                               "",
		"host:9100":                      "",
		"ftp://host":                     "",
		"https://":                       "",
		"https:///path":                  "",
		"https://alice:canary@host":      "",
		"https://host?x-auth-token=c":    "",
		"https://host?":                  "",
		"https://host#f":                 "",
		"https://ho st":                  "",
		"https://host:canary":            "",
		"unix://run/latchkey/api.sock":   "",
		"unix:/run/api.sock\x00":         "",
		"unix:relative":                  "",
		"https://alice:canary@ho st/%zz": "",
	} {
		got, err := Normal(text)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is accepted as %q", text, got)
		case want == "" && strings.Contains(err.Error(), "canary"):
			t.Errorf("%q: the error repeats it: %v", text, err)
		case want != "" && (err != nil || got != want):
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, text := range []string{"https://host:9100/auth/v1", "unix:///run/api.sock", "http://[::1%25eth0]:1/", "https://a:b@c", "x", "uniX:/%00", "http://[::%25\xe8]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseAddress(text)
		if err != nil {
			return
		}
		again, err := parseAddress(at.name)
		if err != nil || again.name != at.name {
			t.Errorf("%q has the normal form %q, and that %q, %v", text, at.name, again.name, err)
		}
		if _, err := url.Parse(at.base.String()); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}
