package boltstore_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
)

// scaleVariable says how many live tokens BenchmarkScale has, and as many expired ones; a million when it is not set.
const scaleVariable = "LATCHKEY_BENCH_TOKENS"

// few is how many live tokens the store has that the large one is compared with.
const few = 1000

// scale is a store of as many live tokens as expired ones; the expired ones have the lower numbers.
type scale struct{ tokens, users int }

func newScale(tokens int) scale { return scale{tokens, max(tokens/100, 100)} }

// token returns the nth token; from twice the number of tokens on they are new, and live.
func (s scale) token(n int) store.Credential {
	id := make([]byte, 12)
	binary.BigEndian.PutUint64(id[4:], uint64(n))
	expires := begin().Add(time.Duration(n-s.tokens) * time.Millisecond) // the last of the expired ones a moment ago
	if n >= s.tokens {
		expires = expires.Add(24 * time.Hour)
	}
	return store.Credential{
		ID: store.ID(hex.EncodeToString(id)), Kind: store.KindSession, Digest: scaleDigest(n), User: scaleUser(n % s.users),
		Groups: []string{"staff", "developers", "wheel"}, CreatedAt: begin(), ExpiresAt: expires,
		Source: "192.0.2.17", UserAgent: "python-requests/2.31.0", Backend: "ldap",
	}
}

// scaleDigest returns the digest of the nth token.
func scaleDigest(n int) store.Digest {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return store.Digest(sum[:])
}

// scaleUser returns the name of the nth user.
func scaleUser(n int) string { return "user" + strconv.Itoa(10_000_000 + n)[1:] }

// load makes the store at path.
func (s scale) load(path string) error {
	return boltstore.BulkLoad(path, 2*s.tokens, s.users, s.token, scaleDigest, scaleUser)
}

// BenchmarkScale measures a store of many live tokens, and as many expired ones that are swept; LATCHKEY_BENCH_TOKENS is their
// number. It needs 1.5 KB of disk for each in TMPDIR, and for ten millions three quarters of an hour. The figures:
//
//	checks/s-…         look-ups in a second by all cores: cold (of tokens that this process has not read before), read (none is in
//	                   the cache), kept (all are), beside those of a store with a thousand and the ratio of the two
//	swept/s-…          the sweep as the daemon does it, during its first minutes, and at its end, when the list of free pages is as
//	                   long as it gets; what is between is removed in large transactions without fsync
//	longest-…-ms       the longest check and log-in meanwhile, of a thousand checks and two hundred log-ins a second; alone is
//	                   without a sweep
//	start-…-ms         from the start of a process to its first check, after kill -9 during writes and after a proper stop
//	…-MB               memory of the process after the sweep: its own, that of Go's heap, and the part of the file that it has mapped
//
// The store is used by child processes, which hold nothing else.
func BenchmarkScale(b *testing.B) {
	tokens := 1_000_000
	if text := os.Getenv(scaleVariable); text != "" {
		var err error
		if tokens, err = strconv.Atoi(text); err != nil || tokens < few {
			b.Fatalf("%s: %q is no number of at least %d", scaleVariable, text, few)
		}
	}
	for range b.N {
		dir := b.TempDir()
		small, large := filepath.Join(dir, "small.db"), filepath.Join(dir, "large.db")
		for path, n := range map[string]int{small: few, large: tokens} {
			if err := newScale(n).load(path); err != nil {
				b.Fatal(err)
			}
		}
		runScale(b, small, large, tokens)
	}
}

// runScale measures stores that are loaded.
func runScale(b *testing.B, small, large string, tokens int) {
	b.Helper()
	size(b, large, "loaded")
	for _, round := range []string{"start-ms", "start-again-ms"} {
		c := startScaleChild(b, large, "start", tokens)
		b.ReportMetric(c.ready(b), round)
		c.end(b)
	}
	for _, measures := range []string{"checks " + small, "sweep " + alone, "sweep " + early, "skip"} {
		c := startScaleChild(b, large, measures, tokens)
		c.report(b)
		c.end(b)
	}
	c := startScaleChild(b, large, "sweep "+late, tokens)
	c.report(b)
	c.kill() // it goes on writing
	c = startScaleChild(b, large, "start", tokens)
	b.ReportMetric(c.ready(b), "start-after-kill-ms")
	c.end(b)
	c = startScaleChild(b, large, "start", tokens)
	b.ReportMetric(c.ready(b), "start-after-sweep-ms")
	c.end(b)
	size(b, large, "swept")
}

// size reports how large a file is, and how much of it is free.
func size(b *testing.B, path, when string) {
	b.Helper()
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	free, err := boltstore.FreePages(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1e9, when+"-GB")
	b.ReportMetric(float64(free), when+"-free-pages")
}

// scaleChild is a process that uses a store. It ends when its input does.
type scaleChild struct {
	command *exec.Cmd
	begun   time.Time
	said    *bufio.Scanner
	stop    func() error
}

func startScaleChild(b *testing.B, path, measures string, tokens int) *scaleChild {
	b.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childPath+"="+path, childMeasures+"="+measures, scaleVariable+"="+strconv.Itoa(tokens))
	command.Stderr = b.Output()
	input, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	c := &scaleChild{command: command, begun: time.Now(), said: bufio.NewScanner(output), stop: input.Close}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.kill)
	return c
}

// ready waits for the child's first check, and returns how many milliseconds after its start that was.
func (c *scaleChild) ready(b *testing.B) float64 {
	b.Helper()
	if !c.said.Scan() || c.said.Text() != "ready" {
		b.Fatalf("the child says %q", c.said.Text())
	}
	return time.Since(c.begun).Seconds() * 1e3
}

// report reports what the child measures, until it says that it is done.
func (c *scaleChild) report(b *testing.B) {
	b.Helper()
	c.ready(b)
	for c.said.Scan() && c.said.Text() != "done" {
		unit, text, _ := strings.Cut(c.said.Text(), " ")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			b.Fatalf("the child says %q", c.said.Text())
		}
		b.ReportMetric(value, unit)
		b.Log(c.said.Text())
	}
	if c.said.Text() != "done" {
		b.Fatal("the child died by itself")
	}
}

// end lets the child close the store properly.
func (c *scaleChild) end(b *testing.B) {
	b.Helper()
	if err := c.stop(); err != nil {
		b.Fatal(err)
	}
	if err := c.command.Wait(); err != nil {
		b.Fatal(err)
	}
}

// kill ends the child as kill -9 does.
func (c *scaleChild) kill() {
	_ = c.command.Process.Kill() // it may be dead already
	_ = c.command.Wait()
}

// tell says a figure to the parent.
func tell(unit string, value float64) { fmt.Println(unit, value) }
