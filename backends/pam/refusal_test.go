package pam

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/msteinert/pam/v2"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// Refusals are answered at the same time, whether a module has hashed or not, and whether PAM was asked or not. hazard 7
func TestRefusalsTakeTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(options{MinRefusal: defaultMinRefusal}, 4)
		b.find = func(name string) (account, error) { return account{known: name != "nobody", name: name}, nil }
		b.transact = func(_ options, name string, password secret.Text) (*transcript, error) {
			c := &conversation{asked: true}
			switch {
			case name == "nobody":
				<-time.After(time.Millisecond)
				return &transcript{conversation: c, authenticate: pam.ErrUserUnknown}, nil
			case password.Reveal() != right:
				<-time.After(20 * time.Millisecond)
				return &transcript{conversation: c, authenticate: pam.ErrAuth}, nil
			case name == "expired":
				<-time.After(25 * time.Millisecond)
				return &transcript{conversation: c, user: name, account: pam.ErrAcctExpired}, nil
			}
			<-time.After(20 * time.Millisecond)
			return &transcript{conversation: c, user: name}, nil
		}
		for _, c := range []struct {
			name, password string
			want           time.Duration
		}{
			{"alice", right, 20 * time.Millisecond},
			{"alice", "wrong", defaultMinRefusal},
			{"nobody", "wrong", defaultMinRefusal},
			{"expired", right, defaultMinRefusal},
			{"a/b", "wrong", defaultMinRefusal},
			{"alice", "", defaultMinRefusal},
		} {
			began := time.Now()
			if _, err := b.Authenticate(t.Context(), plugins.Request{Name: c.name, Password: secret.New(c.password)}); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			if took := time.Since(began); took != c.want {
				t.Errorf("%s with %q is answered after %v, want %v", c.name, c.password, took, c.want)
			}
		}
		// While a refusal waits, no worker does.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := b.Authenticate(ctx, plugins.Request{Name: "nobody", Password: secret.New("x")}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a deadline before min_refusal gets %v", err)
		}
		if len(b.workers.slots) != 0 {
			t.Error("a refusal that waits keeps a worker")
		}
	})
}

// BenchmarkRefusal shows how long pam_unix really takes for a wrong password and for an unknown user, which is what
// min_refusal hides.
func BenchmarkRefusal(b *testing.B) {
	account := addAccount(b)
	backend := newBackend(stack(b, unix...), maxWorkers)
	for _, name := range []string{account, account + "x"} {
		b.Run(map[bool]string{true: "known", false: "unknown"}[name == account], func(b *testing.B) {
			for b.Loop() {
				ask(b, backend, name, "wrong")
			}
		})
	}
}
