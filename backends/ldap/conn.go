package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// mode is how a connection is protected.
type mode uint8

const (
	modePlain    mode = iota // not at all
	modeStartTLS             // the StartTLS operation before anything else (RFC 4511 section 4.14)
	modeTLS                  // TLS from the first byte
)

// scheme returns the mode as the scheme of an address, for messages.
func (m mode) scheme() string {
	if m == modeTLS {
		return "ldaps"
	}
	return "ldap"
}

// port returns the mode's usual TCP port.
func (m mode) port() int {
	if m == modeTLS {
		return 636
	}
	return 389
}

// dialer opens connections, all of them protected in the same way.
type dialer struct {
	mode      mode
	plaintext bool // plain connections to other hosts are meant
	tls       *tls.Config
	keepAlive net.KeepAliveConfig
	log       *slog.Logger
	debug     bool
}

// dial connects to a server and protects the connection; nobody is bound on it yet. With StartTLS nothing but that request is
// sent until the server's certificate has been verified: when the server does not start TLS there is no connection.
func (d *dialer) dial(ctx context.Context, to endpoint) (*conn, error) {
	netDialer := net.Dialer{KeepAliveConfig: d.keepAlive}
	raw, err := netDialer.DialContext(ctx, "tcp", to.address)
	if err != nil {
		return nil, &connectionError{to, "connect", err}
	}
	c := &conn{raw: raw, endpoint: to, log: d.log, debug: d.debug}
	verify := d.tls.Clone()
	verify.ServerName = to.name
	switch d.mode {
	case modeTLS:
		secured := tls.Client(raw, verify)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, &connectionError{to, "TLS", err}
		}
		c.ldap = ldap.NewConn(secured, true)
		c.ldap.Start()
	case modeStartTLS:
		c.ldap = ldap.NewConn(raw, false)
		c.ldap.Start()
		if err := c.run(ctx, func() error { return c.ldap.StartTLS(verify) }); err != nil {
			c.close()
			return nil, &connectionError{to, "StartTLS", err}
		}
	default:
		c.ldap = ldap.NewConn(raw, false)
		c.ldap.Start()
	}
	return c, nil
}

// conn is a connection to a directory server. One goroutine uses it at a time.
type conn struct {
	ldap     *ldap.Conn
	raw      net.Conn
	endpoint endpoint
	log      *slog.Logger
	debug    bool

	idleSince time.Time
	reused    bool // it was in a pool
	broken    bool // it must not be used again
}

// run calls an operation on the connection and cuts the connection when ctx ends first: go-ldap's operations know no context.
func (c *conn) run(ctx context.Context, operation func() error) error {
	// A deadline in the past ends go-ldap's reader, and with it the operation. Where that reader has ended already, as it does
	// after an answer to StartTLS that belongs to nothing that was asked, go-ldap's own limit ends the operation a moment later.
	limit := time.Hour
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(time.Until(deadline), 0) + 50*time.Millisecond
	}
	c.ldap.SetTimeout(limit)
	stop := context.AfterFunc(ctx, func() { _ = c.raw.SetDeadline(time.Unix(1, 0)) })
	err := operation()
	if !stop() {
		c.broken = true
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// close ends the connection at once.
func (c *conn) close() {
	// go-ldap waits for its writer before it closes the network connection; closing that first frees a writer that waits for a
	// silent server.
	_ = c.raw.Close()
	_ = c.ldap.Close()
}

// alive reports whether the connection has not been seen to end.
func (c *conn) alive() bool { return !c.broken && !c.ldap.IsClosing() }

// bind binds as somebody (RFC 4511 section 4.2). It returns the controls of the answer, also beside an error. An empty name or
// password is refused before anything is sent: such a bind succeeds with many servers and proves nothing (RFC 4513 section 5.1).
func (c *conn) bind(ctx context.Context, dn, password string) ([]ldap.Control, error) {
	if dn == "" || password == "" {
		return nil, errors.New("a bind without a name or a password is never sent")
	}
	started := time.Now()
	var result *ldap.SimpleBindResult
	err := c.run(ctx, func() error {
		var err error
		result, err = c.ldap.SimpleBind(ldap.NewSimpleBindRequest(dn, password, []ldap.Control{ldap.NewControlBeheraPasswordPolicy()}))
		return err
	})
	err = c.judge("bind", err)
	if c.debug {
		c.log.Info("ldap bind", "host", c.endpoint.address, "dn", dn, "took", time.Since(started), "result", resultText(err))
	}
	if result == nil {
		return nil, err
	}
	return result.Controls, err
}

// search searches (RFC 4511 section 4.5). The result may be there beside an error, as far as it had come.
func (c *conn) search(ctx context.Context, request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	started := time.Now()
	result := &ldap.SearchResult{}
	err := c.run(ctx, func() error {
		found, err := c.ldap.Search(request)
		if found != nil {
			result = found
		}
		return err
	})
	err = c.judge("search", err)
	if c.debug {
		dns := make([]string, 0, len(result.Entries))
		for _, entry := range result.Entries {
			dns = append(dns, entry.DN)
		}
		c.log.Info("ldap search", "host", c.endpoint.address, "base", request.BaseDN, "scope", ldap.ScopeMap[request.Scope],
			"filter", request.Filter, "took", time.Since(started), "result", resultText(err), "entries", dns)
	}
	return result, err
}

// judge tells an answer of the server, which it returns as it is, from a connection that did not carry one.
func (c *conn) judge(doing string, err error) error {
	if err == nil || resultCode(err) != noResult {
		return err
	}
	c.broken = true
	return &connectionError{c.endpoint, doing, err}
}

// connectionError says that a server could not be asked.
type connectionError struct {
	endpoint endpoint
	doing    string
	err      error
}

// Error names the server and what was being done.
func (e *connectionError) Error() string {
	if errors.Is(e.err, context.DeadlineExceeded) {
		return fmt.Sprintf("%s: %s: no answer in time", e.endpoint.address, e.doing)
	}
	return fmt.Sprintf("%s: %s: %v", e.endpoint.address, e.doing, e.err)
}

// Unwrap returns the cause.
func (e *connectionError) Unwrap() error { return e.err }

// noResult is the code of an error that is no answer of a server.
const noResult = -1

// resultCode returns the result code (RFC 4511 section 4.1.9) of an error that a server answered, otherwise noResult. The codes
// from 200 on are go-ldap's own, for trouble with the connection or with reading from it.
func resultCode(err error) int {
	answer, ok := errors.AsType[*ldap.Error](err)
	if !ok || answer.ResultCode >= ldap.ErrorNetwork && answer.ResultCode < ldap.LDAPResultSyncRefreshRequired {
		return noResult
	}
	return int(answer.ResultCode)
}

// resultText returns an outcome for the log.
func resultText(err error) string {
	if err == nil {
		return "0 Success"
	}
	return err.Error()
}
