package load

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// idle is how long a connection may be unused and is still trusted. Servers close idle connections after a minute or more, and a call
// that meets such an end would be counted as lost.
const idle = 20 * time.Second

// Connection is an http.RoundTripper that has one connection, kept from call to call, and makes a new one when that is lost. It speaks
// HTTP/1.1 and does on its caller's goroutine what http.Transport does on three, for two thirds of the processor time: on the server's
// own host all that the tool takes is missing from what is measured. It tries nothing again. One goroutine at a time may use it, and
// has to close the body of an answer before the next call.
type Connection struct {
	dial func(context.Context) (net.Conn, error)
	now  func() time.Time

	conn   net.Conn // nil: none
	reader *bufio.Reader
	writer *bufio.Writer
	used   time.Time
}

var _ http.RoundTripper = (*Connection)(nil)

// NewConnection returns a connection that is made by dial when the first call needs it; now is the clock.
func NewConnection(dial func(context.Context) (net.Conn, error), now func() time.Time) *Connection {
	return &Connection{dial: dial, now: now}
}

// CloseIdleConnections closes the connection.
func (c *Connection) CloseIdleConnections() {
	if c.conn != nil {
		_ = c.conn.Close() // nobody waits for anything of it
		c.conn = nil
	}
}

// RoundTrip sends a request and returns the answer. The error is the context's when that has ended.
func (c *Connection) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	if c.conn != nil && c.now().Sub(c.used) > idle {
		c.CloseIdleConnections()
	}
	if c.conn == nil {
		conn, err := c.dial(ctx)
		if err != nil {
			return nil, why(ctx, err)
		}
		c.conn, c.reader, c.writer = conn, bufio.NewReader(conn), bufio.NewWriter(conn)
	}
	conn := c.conn
	deadline, _ := ctx.Deadline()
	err := conn.SetDeadline(deadline)
	release := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // long ago: what waits, waits no longer
	var answer *http.Response
	if err == nil {
		answer, err = c.exchange(request)
	}
	if err != nil {
		release()
		c.CloseIdleConnections()
		return nil, why(ctx, err)
	}
	answer.Body = &answerBody{ReadCloser: answer.Body, of: c, ctx: ctx, release: release, last: answer.Close}
	return answer, nil
}

// exchange writes a request and reads the answer up to its body.
func (c *Connection) exchange(request *http.Request) (*http.Response, error) {
	if err := request.Write(c.writer); err != nil {
		return nil, err
	}
	if err := c.writer.Flush(); err != nil {
		return nil, err
	}
	for {
		answer, err := http.ReadResponse(c.reader, request)
		if err != nil || answer.StatusCode >= http.StatusOK { // others are announcements, RFC 9110 section 15.2
			return answer, err
		}
	}
}

// why returns the error of a call: the context's, which is why the connection's own came to be.
func why(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	if errors.Is(err, os.ErrDeadlineExceeded) { // the connection's clock was a little faster
		return context.DeadlineExceeded
	}
	return err
}

// answerBody is the body of an answer. The connection is kept when it was read to its end.
type answerBody struct {
	io.ReadCloser
	of      *Connection
	ctx     context.Context // the request's, as that of http.Request
	release func() bool
	last    bool // the server closes the connection behind it
	ended   bool
}

// Read reads.
func (b *answerBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if errors.Is(err, io.EOF) {
		b.ended = true
		return n, err
	}
	if err != nil {
		err = why(b.ctx, err)
	}
	return n, err
}

// Close gives the connection back, or closes it.
func (b *answerBody) Close() error {
	if !b.release() || !b.ended || b.last {
		b.of.CloseIdleConnections()
	}
	b.of.used = b.of.now()
	return nil
}
