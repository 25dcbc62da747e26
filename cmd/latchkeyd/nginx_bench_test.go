package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// nginxConfiguration has each place twice: one that asks at the door and one that does not. What is served is a service behind
// nginx or a file. The arguments are the user, a folder, and the ports of nginx, of the daemon and of the service.
const nginxConfiguration = `%[1]s
daemon off;
worker_processes auto;
pid %[2]s/nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	upstream door { server 127.0.0.1:%[4]d; keepalive 64; keepalive_requests 100000000; }
	upstream service { server 127.0.0.1:%[5]d; keepalive 64; keepalive_requests 100000000; }
	server {
		listen 127.0.0.1:%[3]d;
		proxy_http_version 1.1;
		proxy_set_header Connection "";
		location /open/service { proxy_pass http://service; }
		location /shut/service { auth_request /door; proxy_pass http://service; }
		location = /open/file { alias %[2]s/htfile; }
		location = /shut/file { auth_request /door; alias %[2]s/htfile; }
		location = /door {
			internal;
			proxy_pass http://door/auth/v1/verify;
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
			proxy_set_header Host $http_host;
			proxy_set_header Connection "";
			proxy_set_header X-Forwarded-For $remote_addr;
			proxy_set_header X-Original-URI $request_uri;
		}
	}
}
`

// startNginx starts nginx in front of a service that answers at once, and returns its port.
func startNginx(b *testing.B, s *site) (port int) {
	b.Helper()
	program, err := exec.LookPath("/usr/sbin/nginx")
	if err != nil {
		b.Fatalf("%v (apt-get install nginx-light)", err)
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // the folder lets nobody else in
	}
	s.write("htfile", "the content\n")
	port = freePort(b)
	file := s.write("nginx.conf", fmt.Sprintf(nginxConfiguration, user, s.dir, port, s.port, empty(b)))
	p := launch(b, nil, program, "-e", "stderr", "-p", s.dir, "-c", file)
	b.Cleanup(func() { // its workers would outlive a kill
		p.signal(syscall.SIGTERM)
		p.wait()
	})
	eventually(b, "nginx", func() bool {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	return port
}

// BenchmarkCheckThroughNginx compares requests that a real nginx asks about at the door with requests for the same that it does
// not ask about, in turn, in one run, over 16 connections. The figure to read is "ratio", the median over the pairs of rounds.
// Of the two places the file says more about the door, since nginx makes one call for it and none otherwise.
func BenchmarkCheckThroughNginx(b *testing.B) {
	const connections = 16
	s := benchSite(b, "bolt", map[string]string{"alice": "secret"})
	s.start()
	token := s.token("alice:secret", "")
	port := startNginx(b, s)
	// Without a token the door must be shut, or the comparison is one of nothing.
	if err := callers(b, 1, port, "GET /shut/file HTTP/1.1\r\nHost: localhost\r\n\r\n")[0].call(" 401 "); err != nil {
		b.Fatal(err)
	}
	for _, place := range []string{"service", "file"} {
		b.Run("serves="+place, func(b *testing.B) {
			line := func(door string) []*caller {
				return callers(b, connections, port, "GET /"+door+"/"+place+" HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: "+token+"\r\n\r\n")
			}
			shut := line("shut")
			var took []time.Duration
			rates := inTurn(b, func() float64 {
				rate, times := during(b, shut, " 200 ")
				took = append(took, times...)
				return rate
			}, plainly(b, line("open"), " 200 "))
			b.ReportMetric(median(rates[0]), "requests/s")
			b.ReportMetric(median(rates[1]), "unasked/s")
			b.ReportMetric(ratio(rates[0], rates[1]), "ratio")
			reportTimes(b, took)
		})
	}
}
