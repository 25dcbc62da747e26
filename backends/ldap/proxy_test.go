package ldap_test

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// proxy stands between the backend and a directory, reads every message that the backend sends in clear, and may answer in the
// directory's place or be silent.
type proxy struct {
	address string
	// answer, where it is not nil, may answer a message; nil passes the message on.
	answer func(*ber.Packet) *ber.Packet

	mu    sync.Mutex
	tags  []ber.Tag // of the operations that were sent
	conns []net.Conn
	count atomic.Int64 // connections
}

// newProxy starts a proxy to a server. It ends with the test.
func newProxy(t testing.TB, to string, answer func(*ber.Packet) *ber.Packet) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: listener.Addr().String(), answer: answer}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.count.Add(1)
			p.keep(client)
			wg.Go(func() { p.serve(client, to) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
		wg.Wait()
	})
	return p
}

func (p *proxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

// sent returns how many operations of a kind were sent (RFC 4511 appendix B: 0 bind, 3 search, 23 extended).
func (p *proxy) sent(tag ber.Tag) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, t := range p.tags {
		if t == tag {
			n++
		}
	}
	return n
}

func (p *proxy) operations() []ber.Tag {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.tags)
}

func (p *proxy) serve(client net.Conn, to string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	p.keep(server)
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	for {
		packet, err := ber.ReadPacket(client)
		if err != nil || len(packet.Children) < 2 {
			return
		}
		p.mu.Lock()
		p.tags = append(p.tags, packet.Children[1].Tag)
		p.mu.Unlock()
		if p.answer != nil {
			if answer := p.answer(packet); answer != nil {
				_, _ = client.Write(answer.Bytes())
				continue
			}
		}
		if _, err := server.Write(packet.Bytes()); err != nil {
			return
		}
		if packet.Children[1].Tag == ldap.ApplicationExtendedRequest {
			// What follows StartTLS is not for reading.
			_, _ = io.Copy(server, client)
			return
		}
	}
}

// refuseStartTLS answers StartTLS as a server without TLS does (RFC 4511 section 4.14.2).
func refuseStartTLS(packet *ber.Packet) *ber.Packet {
	if packet.Children[1].Tag != ldap.ApplicationExtendedRequest {
		return nil
	}
	return result(packet, ldap.ApplicationExtendedResponse, ldap.LDAPResultProtocolError)
}

// result makes an LDAPResult (RFC 4511 section 4.1.9) that answers a message.
func result(to *ber.Packet, operation ber.Tag, code int) *ber.Packet {
	answer := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	answer.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, to.Children[0].Value, ""))
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, operation, nil, "")
	body.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	for range 2 {
		body.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	}
	answer.AppendChild(body)
	return answer
}

// silent listens and never answers: connections are accepted and nothing comes back.
func silent(t testing.TB) (address string, connections func() int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var count atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			count.Add(1)
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wg.Wait()
		for _, conn := range open {
			_ = conn.Close()
		}
	})
	return listener.Addr().String(), func() int { return int(count.Load()) }
}

// refusing returns an address that nobody listens on.
func refusing(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// within fails the test when something took longer than it may.
func within(t testing.TB, limit time.Duration, what string, do func()) {
	t.Helper()
	started := time.Now()
	do()
	if took := time.Since(started); took > limit {
		t.Errorf("%s took %v, more than %v", what, took, limit)
	}
}
