package ldap

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// How long a connection that nobody uses is trusted.
const (
	// A connection for searches that was idle for longer is asked for a sign of life first, which is cheaper than to find out
	// by a timeout that a firewall has forgotten it.
	freshFor = 5 * time.Second
	// How long it may take to give it.
	signOfLife = 2 * time.Second
	// A connection that was idle for longer is closed. Servers and firewalls do the same, some of them silently.
	idleFor = 30 * time.Second
)

var errClosed = errors.New("the LDAP backend is closed")

// pool keeps connections of one kind. It has at most its size of them, in use or idle; who comes later waits.
//
// There are two: connections bound as the service account, which search, and connections for the binds of users, which do
// nothing else: what a user's bind leaves behind on a connection is undone only by the next bind (RFC 4511 section 4.2.1).
type pool struct {
	open    func(context.Context, endpoint) (*conn, error)
	search  bool // its connections may search, and so give a sign of life
	hosts   *hosts
	timeout time.Duration
	now     func() time.Time
	slots   chan struct{}
	closing <-chan struct{}

	mu     sync.Mutex
	idle   []*conn // the last one used at the end
	closed bool
}

// use calls ask with a connection, and again with another one while connections fail: one that was idle may be stale, because
// its server was restarted; a fresh one that fails speaks against its server, and the next is asked. An answer of a server,
// also a refusal, is final, unless the server says that it is busy or unavailable.
//
// Each try gets its share of the time that ctx has left, and no more than the network timeout.
func (p *pool) use(ctx context.Context, ask func(context.Context, *conn) error) error {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-p.closing:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if p.isClosed() {
		return errClosed
	}
	stale := false
	for tries := p.hosts.count(); ; {
		c, err := p.take(ctx, stale)
		if err != nil {
			return err
		}
		share, cancel := p.share(ctx, tries+count(c.reused))
		err = ask(share, c)
		cancel()
		reused := c.reused
		gone, final := p.judge(c, err)
		p.put(c)
		if final || errors.Is(ctx.Err(), context.Canceled) {
			return err
		}
		stale = stale || reused
		if reused {
			p.drop(c.endpoint)
		}
		if !reused || gone {
			p.hosts.failed(c.endpoint, err)
			tries--
		}
		if tries <= 0 || ctx.Err() != nil {
			return err
		}
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// judge says what an outcome means: whether it is final, and if not, whether the server is gone, not only the connection.
func (p *pool) judge(c *conn, err error) (gone, final bool) {
	if err == nil {
		p.hosts.answered(c.endpoint)
		return false, true
	}
	if _, trouble := errors.AsType[*connectionError](err); trouble {
		return errors.Is(err, context.DeadlineExceeded), false
	}
	switch resultCode(err) {
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable:
		c.broken = true
		return true, false
	}
	return false, true
}

// share returns a context with the time for one of several tries.
func (p *pool) share(ctx context.Context, tries int) (context.Context, context.CancelFunc) {
	limit := p.timeout
	if deadline, ok := ctx.Deadline(); ok && tries > 0 {
		limit = min(limit, time.Until(deadline)/time.Duration(tries))
	}
	return context.WithTimeout(ctx, limit)
}

// take returns a connection to the first server that works: an idle one that is alive, unless a fresh one is asked for,
// otherwise a new one.
func (p *pool) take(ctx context.Context, fresh bool) (*conn, error) {
	order := p.hosts.order()
	for c := p.pop(order[0]); c != nil; c = p.pop(order[0]) {
		if !fresh && p.lives(ctx, c) {
			return c, nil
		}
		c.close()
	}
	var failures []error
	for i, to := range order {
		share, cancel := p.share(ctx, len(order)-i)
		c, err := p.open(share, to)
		cancel()
		if err == nil {
			return c, nil
		}
		failures = append(failures, err)
		if _, trouble := errors.AsType[*connectionError](err); !trouble || errors.Is(ctx.Err(), context.Canceled) {
			return nil, err
		}
		p.hosts.failed(to, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, &unreachableError{failures}
}

// unreachableError says that no server could be asked, and why each of them could not.
type unreachableError struct{ failures []error }

// Error returns one line.
func (e *unreachableError) Error() string {
	texts := make([]string, 0, len(e.failures))
	for _, failure := range e.failures {
		texts = append(texts, failure.Error())
	}
	return "no directory server could be asked: " + strings.Join(texts, "; ")
}

// Unwrap returns the causes.
func (e *unreachableError) Unwrap() []error { return e.failures }

// lives reports whether an idle connection may be used.
func (p *pool) lives(ctx context.Context, c *conn) bool {
	idle := p.now().Sub(c.idleSince)
	switch {
	case !c.alive() || idle >= idleFor:
		return false
	case !p.search || idle < freshFor:
		return true
	}
	short, cancel := context.WithTimeout(ctx, min(signOfLife, p.timeout))
	defer cancel()
	_, err := c.search(short, ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false,
		"(objectClass=*)", []string{noAttributes}, nil))
	return err == nil
}

// noAttributes asks for entries without attributes (RFC 4511 section 4.5.1.8).
const noAttributes = "1.1"

// pop takes an idle connection to a server out of the pool. Connections to others are closed: they were made while it was
// away. It returns nil when there is none.
func (p *pool) pop(to endpoint) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		c := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if c.endpoint == to {
			return c
		}
		c.close()
	}
	return nil
}

// put gives a connection back.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || !c.alive() {
		c.close()
		return
	}
	c.idleSince, c.reused = p.now(), true
	p.idle = append(p.idle, c)
}

// drop closes the idle connections to a server: when one was stale, the others are, too.
func (p *pool) drop(to endpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.idle[:0]
	for _, c := range p.idle {
		if c.endpoint == to {
			c.close()
			continue
		}
		kept = append(kept, c)
	}
	p.idle = kept
}

func (p *pool) isClosed() bool {
	select {
	case <-p.closing:
		return true
	default:
		return false
	}
}

// close closes the idle connections now and those in use when they are given back.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		c.close()
	}
	p.idle = nil
}
