package conf

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"
)

// A bootstrap token that was made is taken, whatever made it.
func TestBootstrap(t *testing.T) {
	for _, token := range []string{
		rand.Text(), "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c", "latchkey-bootstrap-4fQ9zT1xW7kR3mB8vN2c",
	} {
		c := mustLoad(t, "[bootstrap]\ntoken = "+token+"\nroles = admin, ops\n")
		if c.Bootstrap.Token.Reveal() != token || c.Bootstrap.Name != "bootstrap" || len(c.Bootstrap.Roles) != 2 || c.Bootstrap.TTL != 24*time.Hour {
			t.Errorf("[bootstrap] %+v", c.Bootstrap)
		}
	}
	c := mustLoad(t, "[bootstrap]\ntoken = "+rand.Text()+"\nname = first\nroles = ops\nttl = 0\n")
	if c.Bootstrap.Name != "first" || c.Bootstrap.TTL != 0 {
		t.Errorf("[bootstrap] %+v", c.Bootstrap)
	}
}

// A short or guessable one is refused, and is not shown.
func TestWeakBootstrap(t *testing.T) {
	const short = "it is shorter than 20 characters, words that people guess not counted"
	for token, want := range map[string]string{
		"x7Qm2":                                 short,
		"changeme-changeme-changeme-now":        short,
		"MyBootstrapServiceToken2026!!":         short,
		"PASSWORDpasswordPassw0rdSECRET":        short,
		"aaaaaaaaaaaaaaaaaaaaaaaa":              "it has fewer than 8 different characters",
		"1212121212343434343434":                "it has fewer than 8 different characters",
		"abcdefghijklmnopqrstuvwxyz":            "it holds a sequence such as abcdefg, 9876543 or 1111111",
		"x7Qm2-12345678901234567890":            "it holds a sequence such as abcdefg, 9876543 or 1111111",
		"x7Qm2-9876543-Zk3vQ8xN1pR7":            "it holds a sequence such as abcdefg, 9876543 or 1111111",
		"x7Qm2bR9x7Qm2bR9x7Qm2bR9":              "it repeats itself",
		"x7Qm2bR9 x7Qm2bR9x7Qm2bR9":             "it holds a space or a character that is not ASCII",
		"x7Qm2bR9éx7Qm2bR9x7Qm2bR9":             "it holds a space or a character that is not ASCII",
		strings.Repeat("x7Qm2bR9Zk3vQ8xN1", 16): "it is longer than 256 characters",
	} {
		check(t, "[bootstrap]\nroles = ops\ntoken = "+token+"\n", "3: [bootstrap] token: "+want+"; make one with: openssl rand -hex 24")
	}
}

// A bootstrap section is whole or a fault.
func TestHalfABootstrap(t *testing.T) {
	check(t, "[bootstrap]\nname = x\n", "1: [bootstrap] token: it is missing; give token or token_file", "1: [bootstrap] roles: a bootstrap token needs at least one role")
	check(t, "[bootstrap]\ntoken = 9f86d081884c7d659a2feaa0c55ad015\nroles = ,\n", "3: [bootstrap] roles: a bootstrap token needs at least one role")
	check(t, "[bootstrap]\ntoken = 9f86d081884c7d659a2feaa0c55ad015\nroles = ops, Admin, a b\nttl = 1\n",
		`3: [bootstrap] roles: "Admin": write it admin; roles are compared letter by letter`,
		`3: [bootstrap] roles: "a b": a role's name holds no space, comma or control character`,
		"4: [bootstrap] ttl: must be a time from 1m to 87600h: a number of seconds, or with a unit, such as 15m; or 0")
	mustLoad(t, "[bootstrap]\n")
}
