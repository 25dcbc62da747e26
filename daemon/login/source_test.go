package login

import (
	"fmt"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/fault"
)

// fakeClock is a clock that a test moves.
type fakeClock struct{ at time.Time }

func newFakeClock() *fakeClock                { return &fakeClock{time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)} }
func (c *fakeClock) now() time.Time           { return c.at }
func (c *fakeClock) advance(by time.Duration) { c.at = c.at.Add(by) }

func TestSourcesBucket(t *testing.T) {
	clock := newFakeClock()
	s := newSources(clock.now, conf.Throttle{SourceRate: 60, SourceBurst: 3})
	for range 3 {
		if err := s.take("192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	err := s.take("192.0.2.1")
	if fault.KindOf(err) != fault.Limited {
		t.Fatalf("fourth try: %v, want Limited", err)
	}
	if err := s.take("192.0.2.2"); err != nil {
		t.Fatalf("another address is limited, too: %v", err)
	}
	clock.advance(time.Second)
	if err := s.take("192.0.2.1"); err != nil {
		t.Fatalf("after a second: %v", err)
	}
	if err := s.take("192.0.2.1"); err == nil {
		t.Fatal("one second gave two tokens")
	}
	s.refund("192.0.2.1")
	if err := s.take("192.0.2.1"); err != nil {
		t.Fatalf("after a refund: %v", err)
	}
}

func TestSourceKey(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"2001:db8::1", "2001:db8::ffff:2"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"fe80::1%eth0", "fe80::2%eth1"},
	} {
		if sourceKey(c.a) != sourceKey(c.b) {
			t.Errorf("%s and %s have buckets of their own", c.a, c.b)
		}
	}
	if sourceKey("2001:db8:0:1::1") == sourceKey("2001:db8:0:2::1") || sourceKey("unix") != "unix" {
		t.Error("two networks share a bucket")
	}
}

func TestSourcesAreBounded(t *testing.T) {
	clock := newFakeClock()
	s := newSources(clock.now, conf.Throttle{SourceRate: 60, SourceBurst: 3})
	for i := range maxSources + 100 {
		if err := s.take(fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.buckets); n > maxSources {
		t.Fatalf("%d buckets, bound %d", n, maxSources)
	}
}
