package flatfile

import (
	"fmt"
	"strings"
	"testing"

	"latchkey/plugins"
)

// counting makes a backend count the work of its checks instead of doing it; nobody's password is right.
func counting(b *Backend) *int64 {
	var total int64
	b.verify = func(h hash, _ string) bool { total += h.work(); return false }
	return &total
}

// stored returns well-formed hashes of every scheme at several costs.
func stored() map[string]string {
	texts := map[string]string{
		"apr1": "$apr1$salt$" + strings.Repeat("a", 22), "SHA": shaHash, "SSHA": "{SSHA}" + strings.Repeat("a", 32), "DES": "aaaaaaaaaaaaa", "plain": "secret",
	}
	for _, cost := range []int{4, 5, 9, 10, 12} {
		texts[fmt.Sprintf("bcrypt %d", cost)] = strings.Replace(bcryptHash, "$04$", fmt.Sprintf("$%02d$", cost), 1)
	}
	for _, rounds := range []int{1000, 5000, 12345, 1_000_000} {
		texts[fmt.Sprintf("sha512 %d", rounds)] = fmt.Sprintf("$6$rounds=%d$salt$%s", rounds, strings.Repeat("a", 86))
		texts[fmt.Sprintf("sha256 %d", rounds)] = fmt.Sprintf("$5$rounds=%d$salt$%s", rounds, strings.Repeat("a", 43))
	}
	return texts
}

// Whatever the scheme, an unknown user, a user who cannot log in and a wrong or too long password cost the same checks.
// hazard 7
func TestRefusalsCostTheSameWork(t *testing.T) {
	for scheme, text := range stored() {
		b := serve(t, options{AllowPlaintext: true, AllowDES: true}, quiet(), "alice:"+text, "locked:*", "twice:"+text, "twice:"+text)
		total := counting(b)
		spent := make(map[string]int64)
		for _, name := range []string{"alice", "locked", "twice", "nobody"} {
			for _, length := range []int{1, 8, 100, 1024} {
				*total = 0
				if got := ask(t, b, name, strings.Repeat("\x7f", length)); got.Outcome == plugins.Accepted {
					t.Fatalf("%s: %s is let in", scheme, name)
				}
				spent[fmt.Sprintf("%s %d", name, length)] = *total
			}
		}
		for what, work := range spent {
			if difference := work - spent["alice 8"]; max(difference, -difference) > digestWork {
				t.Errorf("%s: a refusal of %s costs %d, a wrong password of the same file %d", scheme, what, work, spent["alice 8"])
			}
		}
	}
}

// In a file of several schemes, a wrong password for the weakest one costs about what the strongest costs. hazard 7
func TestRefusalsOfAMixedFile(t *testing.T) {
	const granularity = bcryptUnit << minBcryptCost // what bcrypt can do at least
	for scheme, text := range stored() {
		for other, second := range stored() {
			b := serve(t, options{AllowPlaintext: true, AllowDES: true}, quiet(), "alice:"+text, "bob:"+second)
			total := counting(b)
			spent := make(map[string]int64)
			for _, name := range []string{"alice", "bob", "nobody"} {
				*total = 0
				ask(t, b, name, "wrong")
				spent[name] = *total
			}
			allowed := max(granularity, sha512Unit*minRounds, spent["nobody"]/100)
			for name, work := range spent {
				if difference := work - spent["nobody"]; max(difference, -difference) > allowed {
					t.Errorf("%s beside %s: %s costs %d, an unknown user %d", scheme, other, name, work, spent["nobody"])
				}
			}
		}
	}
}

// The decoys are hashes that can be checked and that nothing matches.
func TestDecoys(t *testing.T) {
	for _, scheme := range []scheme{schemeBcrypt, schemeSHA512, schemeSHA256, schemeAPR1, schemeDES} {
		made := decoys(scheme, 4_000_000)
		if len(made) == 0 {
			t.Errorf("%s has no decoys", scheme)
		}
		for _, decoy := range made {
			if decoy.scheme != scheme || decoy.matches("") || decoy.matches("password") {
				t.Errorf("%s: the decoy is of scheme %s or matches", scheme, decoy.scheme)
			}
		}
	}
}

// BenchmarkRefusal shows the real times of what TestRefusalsCostTheSameWork counts: the lines of one scheme should be alike.
func BenchmarkRefusal(b *testing.B) {
	for _, scheme := range []string{"bcrypt 10", "bcrypt 5", "sha512 5000", "sha256 5000", "apr1"} {
		backend := serve(b, options{}, quiet(), "alice:"+stored()[scheme], "locked:*")
		mixed := serve(b, options{}, quiet(), "alice:"+stored()[scheme], "bob:"+stored()["bcrypt 10"])
		for _, name := range []string{"alice", "locked", "nobody"} {
			b.Run(scheme+"/"+name, func(b *testing.B) {
				for b.Loop() {
					ask(b, backend, name, "wrong")
				}
			})
		}
		b.Run(scheme+" beside bcrypt 10/alice", func(b *testing.B) {
			for b.Loop() {
				ask(b, mixed, "alice", "wrong")
			}
		})
	}
}
