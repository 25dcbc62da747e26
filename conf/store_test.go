package conf

import (
	"strings"
	"testing"
	"time"
)

// A database is taken as the store, and what is shown of it is never its password.
func TestDatabase(t *testing.T) {
	for _, canary := range []string{
		"postgres://latchkey:canary@db.example.com/latchkey?sslmode=verify-full", "postgresql://db/latchkey?user=latchkey&password=canary",
		"postgres://latchkey@db1,db2/latchkey?sslpassword=canary&target_session_attrs=read-write",
	} {
		c := mustLoad(t, "[store]\nurl = "+canary+"\ngrace = 30\ncache = 256\n")
		if c.Store.URL.Reveal() != canary || c.Store.Grace != 30*time.Second || c.Store.Cache != 256<<20 || storePath(c) != "" {
			t.Errorf("store %+v", c.Store)
		}
		if text := c.Explain(); strings.Contains(text, "canary") || !strings.Contains(text, "/latchkey") {
			t.Errorf("shown as\n%s", text)
		}
		shared := write(t, "shared.conf", "[store]\nurl = "+canary+"\n", 0o644)
		_, err := Load([]string{shared}, nil)
		if err == nil || !strings.Contains(err.Error(), "shared.conf:2: [store] url with a password: it is a secret") || strings.Contains(err.Error(), "canary") {
			t.Errorf("in a file that everybody can read: %v", err)
		}
	}
	shared := write(t, "shared.conf", "[store]\nurl = postgres:///latchkey?host=/run/postgresql\n", 0o644)
	if _, err := Load([]string{shared}, nil); err != nil {
		t.Errorf("without a password: %v", err)
	}
}
