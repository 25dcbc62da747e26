package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
)

// refused opens what must not be opened, and fails the test unless the error is one line that names the file and says why.
func refused(t *testing.T, path, why string) {
	t.Helper()
	s, err := boltstore.Open(path, boltstore.Options{LockTimeout: 50 * time.Millisecond})
	if err == nil {
		t.Fatalf("it was opened (%v), and should be refused: %s", s.Close(), why)
	}
	if text := err.Error(); !strings.Contains(text, path) || !strings.Contains(text, why) || strings.Contains(text, "\n") {
		t.Fatalf("the error should be one line, name %s and say %q:\n%s", path, why, text)
	}
}

// mode returns a file's permission bits.
func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// logInto returns a logger and what it has said.
func logInto() (*slog.Logger, *bytes.Buffer) {
	var said bytes.Buffer
	return slog.New(slog.NewTextHandler(&said, nil)), &said
}

// snapshot writes what a crash at this moment would leave of an open store.
func snapshot(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	refused(t, filepath.Join(dir, "missing", "store.db"), "its folder is not there")
	refused(t, dir, "not a regular file")
	refused(t, at("text", bytes.Repeat([]byte("not a store\n"), 5000)), "no store or is damaged")
	refused(t, at("short", []byte("x")), "it is only 1 bytes long")

	foreign := filepath.Join(dir, "foreign.db")
	db, err := bbolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, foreign, "no store of Latchkey's")

	held := filepath.Join(dir, "held.db")
	openAt(t, held, boltstore.Options{NoSync: true})
	refused(t, held, "another process has it open")
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := openAt(t, path, boltstore.Options{NoSync: true}).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), binary.BigEndian.AppendUint32(nil, 99))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, path, "written by a newer version (schema 99, this version knows 2); upgrade")
}

func TestModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := openAt(t, path, boltstore.Options{NoSync: true}).Close(); err != nil {
		t.Fatal(err)
	}
	if got := mode(t, path); got != 0o600 {
		t.Errorf("a new store has mode %v", got)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	log, said := logInto()
	openAt(t, path, boltstore.Options{NoSync: true, Log: log})
	if got := mode(t, path); got != 0o600 {
		t.Errorf("a store that others could read has mode %v after it was opened", got)
	}
	if !strings.Contains(said.String(), "others could read the store") {
		t.Errorf("nobody was told: %s", said.String())
	}
}

// TestDamage opens what a crash on a bad disk, or a copy that was cut off, may leave. hazard 68
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	s := openAt(t, path, boltstore.Options{NoSync: true})
	load(t, s, 0, 2000)
	crashed := filepath.Join(dir, "crashed.db")
	snapshot(t, path, crashed)
	if err := openAt(t, crashed, boltstore.Options{NoSync: true}).Close(); err != nil {
		t.Fatalf("a whole file: %v", err)
	}
	snapshot(t, path, crashed)
	whole, err := os.ReadFile(crashed)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	used := len(bytes.TrimRight(whole, "\x00"))/page + 1
	whole = whole[:used*page]
	damage := func(t *testing.T, spoil func([]byte) []byte) error { // that was found
		t.Helper()
		path := filepath.Join(t.TempDir(), "store.db")
		if err := os.WriteFile(path, spoil(bytes.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := boltstore.Open(path, boltstore.Options{NoSync: true})
		if err == nil {
			defer s.Close()
			if err = s.Examined(); err != nil && s.Ping(t.Context()) == nil {
				t.Error("damage was found, and the store is well all the same")
			}
		}
		if err != nil {
			if !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "backup") {
				t.Errorf("the error does not help: %v", err)
			}
			return err
		}
		if _, total, err := s.Credentials(t.Context(), store.Query{}); err != nil || total < 1500 {
			t.Errorf("it was opened and has %d credentials, %v", total, err)
		}
		return nil
	}
	t.Run("cut off", func(t *testing.T) {
		for _, size := range []int{0, page, 3 * page, used / 2 * page, (used - 1) * page} {
			if damage(t, func(b []byte) []byte { return b[:size] }) == nil {
				t.Errorf("a file cut off after %d bytes was opened", size)
			}
		}
	})
	t.Run("pages that were never written", func(t *testing.T) {
		found, tried := 0, 0
		for n := 2; n < used; n += 5 { // a page that is free does no harm
			tried++
			if damage(t, func(b []byte) []byte { clear(b[n*page : (n+1)*page]); return b }) != nil {
				found++
			}
		}
		if found < tried/2 {
			t.Errorf("%d of %d damages were found", found, tried)
		}
	})
	t.Run("one header", func(t *testing.T) {
		for n := range 2 {
			if err := damage(t, func(b []byte) []byte { clear(b[n*page : (n+1)*page]); return b }); err != nil {
				t.Errorf("the other header is whole, and is that of the transaction before: %v", err)
			}
		}
		if damage(t, func(b []byte) []byte { clear(b[:2*page]); return b }) == nil {
			t.Error("a file without a header was opened")
		}
	})
}

// TestManyMakeOne lets many make the same store at once: one file, which one of them holds, and no rubbish beside it.
func TestManyMakeOne(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a*b?[c].db")
	if err := os.WriteFile(filepath.Join(dir, ".a*b?[c].db.new-123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	var makers sync.WaitGroup
	var mu sync.Mutex
	var opened []*boltstore.Store
	for range 8 {
		makers.Go(func() {
			s, err := boltstore.Open(path, boltstore.Options{NoSync: true, LockTimeout: 50 * time.Millisecond})
			if err != nil {
				if !strings.Contains(err.Error(), "another process has it open") {
					t.Error(err)
				}
				return
			}
			mu.Lock()
			defer mu.Unlock()
			opened = append(opened, s)
		})
	}
	makers.Wait()
	if len(opened) != 1 {
		t.Fatalf("%d hold the store", len(opened))
	}
	create(t, opened[0], 1)
	if err := opened[0].Close(); err != nil {
		t.Fatal(err)
	}
	openAt(t, path, boltstore.Options{NoSync: true})
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 {
		t.Errorf("beside the store there is something: %v", left)
	}
}

// create adds the nth token.
func create(t testing.TB, s store.Store, n int) {
	t.Helper()
	if err := s.CreateCredential(t.Context(), token(n)); err != nil {
		t.Fatal(err)
	}
}

// TestProperCloseIsNoted looks for the whole check of a file in what is logged: after a crash, and not after a proper Close.
func TestProperCloseIsNoted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	reopen := func(path string, crashed bool) *boltstore.Store {
		t.Helper()
		log, said := logInto()
		s := openAt(t, path, boltstore.Options{NoSync: true, Log: log})
		if got := strings.Contains(said.String(), "not closed properly"); got != crashed {
			t.Errorf("it was checked: %t, and should be: %t (%s)", got, crashed, said.String())
		}
		return s
	}
	for round := range 3 {
		s := reopen(path, false)
		for n := range 100 {
			create(t, s, round*100+n)
		}
		snapshot(t, path, filepath.Join(dir, fmt.Sprint("crashed", round)))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := reopen(path, false) // and nothing is written
	snapshot(t, path, filepath.Join(dir, "unused"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	reopen(path, false)
	reopen(filepath.Join(dir, "unused"), false)
	for round := range 3 {
		crashed := filepath.Join(dir, fmt.Sprint("crashed", round))
		s := reopen(crashed, true)
		if _, total, err := s.Credentials(t.Context(), store.Query{}); err != nil || total != round*100+100 {
			t.Errorf("%d credentials, %v", total, err)
		}
		if err := s.Close(); err != nil { // and nothing was written
			t.Fatal(err)
		}
		reopen(crashed, false)
	}
}

// A file of the version before workspaces is brought to this one when it is opened, with all that is in it.
func TestOlderSchemaIsUpgraded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openAt(t, path, boltstore.Options{NoSync: true})
	create(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{"tenants", "names", "members", "accounts", "mails"} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), binary.BigEndian.AppendUint32(nil, 1))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s = openAt(t, path, boltstore.Options{NoSync: true})
		if _, err := s.Credential(t.Context(), token(1).ID); err != nil {
			t.Error(err)
		}
		if _, total, err := s.Workspaces(t.Context(), "", 0); err != nil || total != 0 {
			t.Errorf("%d workspaces, %v", total, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
