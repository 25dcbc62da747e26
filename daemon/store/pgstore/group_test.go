package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

// firstBlocker is the number of the first of those tokens that keep the store busy.
const firstBlocker = 1_000_000

// gate holds creations up: each of the groups that may be under way is one creation that waits for a lock of another connection,
// and what is created meanwhile waits to go together.
type gate struct {
	store    *pgstore.Store
	holder   *pgx.Conn // has the lock
	admin    *pgx.Conn
	blockers []pending
}

// pending is a creation under way.
type pending struct {
	record store.Credential
	cancel context.CancelFunc
	done   chan error
}

// shut makes a store whose creations are held up.
func shut(t *testing.T, url string, s *pgstore.Store) *gate {
	t.Helper()
	g := &gate{store: s, holder: connect(t, url), admin: connect(t, url)}
	run(t, g.holder, "BEGIN")
	run(t, g.holder, "LOCK TABLE latchkey.credentials IN EXCLUSIVE MODE")
	for n := range pgstore.MaxGroups {
		g.blockers = append(g.blockers, g.start(t, token(firstBlocker+n)))
		eventually(t, "a creation to wait for the lock", func() bool { return ask[int](t, g.admin, waiting) == n+1 })
	}
	return g
}

// start begins to create a credential.
func (g *gate) start(t *testing.T, c store.Credential) pending {
	ctx, cancel := context.WithCancel(t.Context())
	p := pending{record: c, cancel: cancel, done: make(chan error, 1)}
	t.Cleanup(cancel)
	go func() { p.done <- g.store.CreateCredential(ctx, c) }()
	return p
}

// startAll begins to create credentials that go together, and returns when all of them wait.
func (g *gate) startAll(t *testing.T, records ...store.Credential) (all []pending) {
	t.Helper()
	for _, c := range records {
		all = append(all, g.start(t, c))
	}
	eventually(t, "all creations to wait", func() bool { return g.store.WaitingCreations() == len(records) })
	return all
}

// queued returns a store that has one credential, and in which the creations of 20 others wait to go together.
func queued(t *testing.T) (url string, s *pgstore.Store, g *gate, all []pending) {
	t.Helper()
	url = pgtest.Start(t).NewDatabase(t)
	s = openAt(t, url, pgstore.Options{})
	create(t, s, 1)
	g = shut(t, url, s)
	return url, s, g, g.startAll(t, tokens(10, 29)...)
}

// open lets everything happen, and returns what came of it.
func (g *gate) open(t *testing.T, all []pending) (outcomes []error) {
	t.Helper()
	run(t, g.holder, "COMMIT")
	for _, p := range g.blockers {
		wantError(t, "a creation that was held up", <-p.done, nil)
	}
	for _, p := range all {
		outcomes = append(outcomes, <-p.done)
	}
	return outcomes
}

// tokens returns tokens with these numbers.
func tokens(first, last int) (all []store.Credential) {
	for n := first; n <= last; n++ {
		all = append(all, token(n))
	}
	return all
}

// wantStored fails the test unless the credentials are there as they are given.
func wantStored(t *testing.T, s store.Store, all ...store.Credential) {
	t.Helper()
	for _, c := range all {
		got, err := s.Credential(t.Context(), c.ID)
		if err != nil {
			t.Fatalf("credential %s: %v", c.ID, err)
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Errorf("credential %s came back otherwise (- wanted, + got):\n%s", c.ID, diff)
		}
	}
}

// transactions counts those that have made the credentials that are there.
const transactions = "SELECT count(DISTINCT xmin::text) FROM latchkey.credentials"

// TestGroup creates many credentials at the same time: they share one transaction, of which the one whose digest is taken, the
// one whose id is taken, and the one that the server refuses know that; all others are there.
func TestGroup(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	s := openAt(t, url, pgstore.Options{})
	create(t, s, 1, 2)
	g := shut(t, url, s)
	all := g.startAll(t, tokens(10, 109)...)
	for n, err := range g.open(t, all) {
		wantError(t, fmt.Sprintf("creation %d", n), err, nil)
	}
	if n := ask[int](t, g.admin, transactions); n != 2+pgstore.MaxGroups+1 {
		t.Errorf("there were %d transactions for 2 and %d creations by themselves and 100 together", n, pgstore.MaxGroups)
	}
	wantStored(t, s, tokens(10, 109)...)

	run(t, g.admin, "ALTER TABLE latchkey.credentials ADD CONSTRAINT polite CHECK (source IS DISTINCT FROM 'rude'::bytea)")
	run(t, g.admin, "DELETE FROM latchkey.credentials WHERE id >= '\\x0000000000000000000f4240'") // the blockers
	g = shut(t, url, s)
	sameDigest, sameID, rude, twin := token(201), token(202), token(203), token(204)
	sameDigest.Digest, sameID.ID, rude.Source, twin.Digest = token(1).Digest, token(2).ID, "rude", token(210).Digest
	good := tokens(211, 260)
	all = g.startAll(t, append(slices.Clone(good), sameDigest, sameID, rude, twin, token(210))...)
	outcomes := g.open(t, all)
	for n := range good {
		wantError(t, fmt.Sprintf("creation %d", n), outcomes[n], nil)
	}
	wantStored(t, s, good...)
	wantStored(t, s, token(1), token(2))
	others := outcomes[len(good):]
	wantError(t, "with a digest that is taken", others[0], store.ErrExists)
	wantError(t, "with an id that is taken", others[1], store.ErrExists)
	if others[2] == nil || errors.Is(others[2], store.ErrExists) {
		t.Errorf("one that the server refuses: %v", others[2])
	}
	if (others[3] == nil) == (others[4] == nil) || !errors.Is(errors.Join(others[3:]...), store.ErrExists) {
		t.Errorf("two with the same digest: %v", others[3:])
	}
	wantConsistent(t, s)
}

// TestGroupWithoutCopy has a server that refuses COPY, here because of a policy for rows: all that go together are stored all the same.
func TestGroupWithoutCopy(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	admin := connect(t, url)
	run(t, admin, "CREATE ROLE plain LOGIN")
	run(t, admin, "ALTER DATABASE "+ask[string](t, admin, "SELECT current_database()")+" OWNER TO plain")
	s := openAt(t, strings.Replace(url, pgtest.Superuser+"@", "plain@", 1), pgstore.Options{})
	create(t, s, 1)
	run(t, admin, "CREATE POLICY everything ON latchkey.credentials USING (true)")
	run(t, admin, "ALTER TABLE latchkey.credentials ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
	g := shut(t, url, s)
	for n, err := range g.open(t, g.startAll(t, tokens(10, 29)...)) {
		wantError(t, fmt.Sprintf("creation %d", n), err, nil)
	}
	wantStored(t, s, tokens(10, 29)...)
	if n := ask[int](t, admin, transactions); n != 1+pgstore.MaxGroups+20 {
		t.Errorf("there were %d transactions: COPY was not refused", n)
	}
}

// TestAlone creates credentials one after the other: each is a transaction of its own, and waits for nobody.
func TestAlone(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	s, admin := openAt(t, url, pgstore.Options{}), connect(t, url)
	create(t, s, 1, 2, 3, 4, 5)
	if n := ask[int](t, admin, transactions); n != 5 {
		t.Errorf("there were %d transactions for 5 creations", n)
	}
	wantStored(t, s, tokens(1, 5)...)
}

// TestCallersOfAGroupLeave has callers go while their creations wait for a lock in the database or for their turn: each goes at
// once, and the others get what they came for.
func TestCallersOfAGroupLeave(t *testing.T) {
	_, s, g, all := queued(t)
	all[7].cancel()
	wantError(t, "one who waits for his turn", <-all[7].done, context.Canceled)

	// When nobody waits for a group, its transaction is given up, and the next group takes its place.
	g.blockers[0].cancel()
	wantError(t, "one who is alone in his group", <-g.blockers[0].done, context.Canceled)
	g.blockers = g.blockers[1:]
	eventually(t, "the next group", func() bool { return s.WaitingCreations() == 0 })
	eventually(t, "the next group to wait for the lock", func() bool { return ask[int](t, g.admin, waiting) == pgstore.MaxGroups })
	all[3].cancel()
	wantError(t, "one whose group is held up", <-all[3].done, context.Canceled)

	all = slices.Concat(all[:3], all[4:7], all[8:])
	for n, err := range g.open(t, all) {
		wantError(t, fmt.Sprintf("creation %d", n), err, nil)
	}
	for _, p := range all {
		wantStored(t, s, p.record)
	}
	for _, never := range []store.ID{token(17).ID, token(firstBlocker).ID} {
		_, err := s.Credential(t.Context(), never)
		wantError(t, "what was given up", err, store.ErrNotFound)
	}
	wantConsistent(t, s)
}

// TestCutGroup cuts the connection of a group: everybody of it is told that it failed, nothing of it is there, and the store goes
// on. A connection that was cut while nothing happened is noticed by nobody.
func TestCutGroup(t *testing.T) {
	_, s, g, all := queued(t)
	for _, p := range g.blockers {
		p.cancel()
		wantError(t, "one who has gone", <-p.done, context.Canceled)
	}
	g.blockers = nil
	eventually(t, "the group to wait for the lock", func() bool {
		return s.WaitingCreations() == 0 && ask[int](t, g.admin, waiting+" AND query ILIKE 'copy %'") == 1
	})
	if n := ask[int](t, g.admin, terminate+" AND query ILIKE 'copy %'"); n != 1 {
		t.Errorf("%d connections were cut", n)
	}
	for n, err := range g.open(t, all) {
		if err == nil || errors.Is(err, store.ErrExists) {
			t.Errorf("creation %d, of which the connection was cut: %v", n, err)
		}
	}
	if _, total, err := s.Credentials(t.Context(), store.Query{}); total != 1 || err != nil {
		t.Errorf("there are %d credentials, %v", total, err)
	}
	ask[int](t, g.admin, terminate)
	var together sync.WaitGroup
	for n := range 40 {
		together.Go(func() {
			if err := s.CreateCredential(t.Context(), token(100+n)); err != nil {
				t.Errorf("after all connections were cut: %v", err)
			}
		})
	}
	together.Wait()
	wantStored(t, s, tokens(100, 139)...)
}

// TestCloseWaits closes a store while creations wait: they are made first.
func TestCloseWaits(t *testing.T) {
	url, s, g, all := queued(t)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	eventually(t, "the store to take no more", s.Closing)
	for n, err := range g.open(t, all) {
		wantError(t, fmt.Sprintf("creation %d", n), err, nil)
	}
	wantError(t, "Close", <-closed, nil)
	if err := s.CreateCredential(t.Context(), token(2)); err == nil || errors.Is(err, store.ErrExists) {
		t.Errorf("a creation in a store that is closed: %v", err)
	}
	wantStored(t, openAt(t, url, pgstore.Options{}), tokens(10, 29)...)
}
