package userconfig

import (
	"strings"
	"testing"
)

// StackStorm's own sample and every form of a setting.
func TestParse(t *testing.T) {
	f, err := Parse("config", []byte("\ufeff# comment\n; comment\n\n[general]\r\nBASE_URL = https://host\nCacert: /ca.pem\n"+
		"[credentials]\n  username=alice\npassword = \"a # b ; c\" \\ %(x)s\napi_key =\n[auth]\nurl = https://host/auth\n[cli]\ncache_token = off\n"))
	if err != nil {
		t.Fatal(err)
	}
	if f.URL != "https://host/auth" || f.CACert != "/ca.pem" || f.Username != "alice" || !f.NoCache || !f.APIKey.Empty() {
		t.Errorf("%+v", f)
	}
	if got := f.Password.Reveal(); got != `"a # b ; c" \ %(x)s` {
		t.Errorf("password %q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"[general]\nurl = https://host\n", "[credentials]\nusername = alice\npassword = `a\n", "[credentials]\npassword = \"\"\"\nusername = x",
		"[cli]\ncache_token = perhaps", "x", "[", "[]", "[a]\n= b", "[general]\nurl = a\nurl = b", "[general.x]\nurl=a", "\"[\nx", "[credentials]\nusername=a\npassword=b\\",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		const canary = "kJ7-canary"
		parsed, err := Parse("config", text)
		if err == nil && parsed.HasPassword() && parsed.Username == "" {
			t.Errorf("%q: a password of nobody", text)
		}
		// Whatever is around it, a password is read as it stands or the file is refused, and an error does not repeat it.
		parsed, err = Parse("config", append(append([]byte{}, text...), "\n[credentials]\nusername = u\npassword = "+canary+"\n"...))
		if err == nil && parsed.Password.Reveal() != canary {
			t.Errorf("%q: the password is %q", text, parsed.Password.Reveal())
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
