package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// BenchmarkCreate compares the creation of durable tokens with 64 clients, in proxy mode so that no password is checked, with
// the empty handler and with bare records of the same size that are appended to a file and synced in groups, in turn, in one
// run. The figure to read is "ratio", the share that creations reach of the lesser of the two, the median over the rounds.
// "syncs/s" is how often the disk confirms one record alone.
func BenchmarkCreate(b *testing.B) {
	const clients = 64
	size := recordSize(b)
	for _, kind := range benchStores {
		b.Run("store="+kind, func(b *testing.B) {
			s := benchSite(b, kind, nil)
			s.auth = "mode = proxy\n"
			s.startOn(kind)
			creation := callers(b, clients, s.port, creationRequest)
			plain := callers(b, clients, empty(b), creationRequest)
			appended := newAppender(b, s.path("appended"))
			alone := newAppender(b, s.path("alone"))
			record := make([]byte, size)
			var took []time.Duration
			rates := inTurn(b, func() float64 {
				rate, times := during(b, creation, " 201 ")
				took = append(took, times...)
				return rate
			}, plainly(b, plain, " 200 "), func() float64 {
				return together(b, clients, func(int) error { return appended.add(record) })
			}, func() float64 {
				return together(b, 1, func(int) error { return alone.add(record) })
			})
			var ratios []float64
			for n, rate := range rates[0] {
				ratios = append(ratios, rate/min(rates[1][n], rates[2][n]))
			}
			b.ReportMetric(median(rates[0]), "creations/s")
			b.ReportMetric(median(rates[1]), "empty/s")
			b.ReportMetric(median(rates[2]), "appended/s")
			b.ReportMetric(median(rates[3]), "syncs/s")
			b.ReportMetric(median(ratios), "ratio")
			b.ReportMetric(float64(size), "record-B")
			reportTimes(b, took)
		})
	}
}

// creationRequest is a log-in by a web server in front.
const creationRequest = "POST /auth/v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nX-Forwarded-User: alice\r\n\r\n"

// recordSize returns by how many bytes a token makes the keys and values in a store more; PostgreSQL's is taken to be the same.
func recordSize(b *testing.B) int {
	b.Helper()
	s := newSite(b, nil)
	s.auth = "mode = proxy\n"
	var sizes [2]int
	for n := range sizes { // the first token makes the user known, too
		s.start()
		s.do(request{method: "POST", path: "/auth/v1/tokens", header: map[string]string{"X-Forwarded-User": "alice"}}).want(b, http.StatusCreated)
		s.daemon.stop()
		sizes[n] = contentSize(b, s.path("latchkey.db"))
	}
	return sizes[1] - sizes[0]
}

// contentSize returns how many bytes the keys and values of a store are. What a daemon notes about itself does not count.
func contentSize(b *testing.B, path string) (size int) {
	b.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: patience})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, bucket *bbolt.Bucket) error {
			if strings.HasPrefix(string(name), "meta") {
				return nil
			}
			return bucket.ForEach(func(key, value []byte) error {
				size += len(key) + len(value)
				return nil
			})
		})
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}

// appender is the least that makes records durable: a file to whose end one goroutine writes what waits, and which it syncs
// before it tells those who wait.
type appender struct {
	file  *os.File
	queue chan appended
}

// appended is a record that waits; done gets the outcome.
type appended struct {
	record []byte
	done   chan error
}

func newAppender(b *testing.B, path string) *appender {
	b.Helper()
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	a := &appender{file: file, queue: make(chan appended, 256)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.loop()
	}()
	b.Cleanup(func() {
		close(a.queue)
		<-ended
		_ = file.Close()
	})
	return a
}

// add returns when the record is durable.
func (a *appender) add(record []byte) error {
	done := make(chan error, 1)
	a.queue <- appended{record, done}
	return <-done
}

func (a *appender) loop() {
	var group []byte
	for first := range a.queue {
		waiting := []appended{first}
		for more := len(a.queue); more > 0; more-- {
			waiting = append(waiting, <-a.queue)
		}
		group = group[:0]
		for _, w := range waiting {
			group = append(group, w.record...)
		}
		_, err := a.file.Write(group)
		if err == nil {
			err = a.file.Sync()
		}
		for _, w := range waiting {
			w.done <- err
		}
	}
}
