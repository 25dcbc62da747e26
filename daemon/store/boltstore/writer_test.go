package boltstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
)

// deadline is when these tests give up.
const deadline = 10 * time.Second

// soon fails the test unless done is closed before the deadline.
func soon(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(deadline):
		t.Fatalf("%s: not within %v", what, deadline)
	}
}

// A caller whose write waits behind one that hangs goes when his context ends; his write is not made, and checks go on.
func TestCallersDoNotHang(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
	create(t, s, 1)
	release, inside := make(chan struct{}), make(chan struct{})
	var stuck sync.WaitGroup
	stuck.Go(func() {
		_, err := s.UpdateCredential(t.Context(), token(1).ID, func(c *store.Credential) error {
			close(inside)
			<-release
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	soon(t, "the change that hangs", inside)
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := s.CreateCredential(ctx, token(2)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a write behind one that hangs: %v", err)
		}
		_, err := s.UpdateCredential(ctx, token(1).ID, func(*store.Credential) error { t.Error("it was called back"); return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a write behind one that hangs: %v", err)
		}
		for range 100 {
			if _, err := s.CredentialByDigest(t.Context(), token(1).Digest); err != nil {
				t.Errorf("a check beside a write that hangs: %v", err)
			}
			if _, err := s.Credential(t.Context(), token(1).ID); err != nil {
				t.Errorf("a read beside a write that hangs: %v", err)
			}
		}
	}()
	soon(t, "the callers behind it", waited)
	close(release)
	stuck.Wait()
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Credential(t.Context(), token(2).ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the write of a caller who had gone: %v", err)
	}
}

// A panic in a change is an error that says so, and is in the log with its place.
func TestPanicIsLogged(t *testing.T) {
	log, said := logInto()
	s := openAt(t, filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true, Log: log})
	_, err := s.PutUser(t.Context(), "bob", func(*store.User, bool) error { panic("odd") })
	if err == nil || !strings.Contains(err.Error(), "a change panicked: odd") {
		t.Errorf("the error is %v", err)
	}
	if !strings.Contains(said.String(), "writer_test.go") {
		t.Errorf("the log does not say where: %s", said.String())
	}
}
