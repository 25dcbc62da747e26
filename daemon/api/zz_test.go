package api_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func BenchmarkZZ(b *testing.B) {
	s := newSite(b)
	session := s.logIn("bob")
	body := []byte(`{"username":"alice","authentication":{"method":"authentication token","location":"header","token_expire":"2026-11-26T23:51:01Z"},"rbac":{"enabled":true,"roles":[],"is_admin":false}}` + "\n")
	base := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Cache-Control"] = []string{"no-store"}
		h["Content-Type"] = []string{"application/json"}
		h["X-Request-Id"] = []string{"b5fa22cdfcba56bf-3"}
		w.WriteHeader(200)
		w.Write(body)
	}))
	defer base.Close()
	for name, u := range map[string]string{"check": s.url, "base": base.URL} {
		b.Run(name, func(b *testing.B) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(u, "http://"))
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			rd := bufio.NewReader(conn)
			req := []byte("GET /api/v1/user HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: " + session + "\r\n\r\n")
			b.ReportAllocs()
			for b.Loop() {
				conn.Write(req)
				n := 0
				for {
					line, err := rd.ReadSlice('\n')
					if err != nil {
						b.Fatal(err)
					}
					if len(line) == 2 {
						break
					}
					if strings.HasPrefix(string(line), "Content-Length: ") {
						for _, c := range line[16:] {
							if c >= '0' && c <= '9' {
								n = n*10 + int(c-'0')
							}
						}
					}
				}
				io.CopyN(io.Discard, rd, int64(n))
			}
		})
	}
}
