package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/msteinert/pam/v2"
)

// benchmarkSystemLogin compares the log-ins of clients, as many as there are cores and twice as many, with bare PAM transactions
// for the same real account and the same stack (Debian's "other", so pam_unix), as many at once as there are cores.
func benchmarkSystemLogin(b *testing.B) {
	const service, password = "other", "opensesame"
	account := systemAccount(b, password)
	s := benchSite(b, "bolt", nil)
	s.auth = "backend = pam\n"
	s.extra = "[backend.pam]\nservice = " + service + "\n"
	s.start()
	logins := callers(b, 2*runtime.NumCPU(), s.port, logIn(account, password))
	rates := inTurn(b, func() float64 {
		rate, _ := during(b, logins, " 201 ")
		return rate
	}, func() float64 {
		return together(b, runtime.NumCPU(), func(int) error { return barePAM(service, account, password) })
	})
	b.ReportMetric(median(rates[0]), "logins/s")
	b.ReportMetric(median(rates[1]), "bare/s")
	b.ReportMetric(ratio(rates[0], rates[1]), "ratio")
}

// systemAccount makes a real account and removes it at the end.
func systemAccount(b *testing.B, password string) string {
	b.Helper()
	digits := make([]byte, 6)
	if _, err := rand.Read(digits); err != nil {
		b.Fatal(err)
	}
	name := "lkbench" + hex.EncodeToString(digits)
	run := func(input string, arguments ...string) {
		b.Helper()
		c := exec.Command(arguments[0], arguments[1:]...)
		c.Stdin = strings.NewReader(input)
		if output, err := c.CombinedOutput(); err != nil {
			b.Fatalf("%s (Debian package passwd, as root): %v: %s", arguments[0], err, output)
		}
	}
	run("", "useradd", "--no-create-home", "--user-group", name)
	b.Cleanup(func() { run("", "userdel", name) })
	run(fmt.Sprintf("%s:%s\n", name, password), "chpasswd")
	return name
}

// barePAM runs the two phases that the backend runs, and nothing else happens.
func barePAM(service, account, password string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	transaction, err := pam.StartFunc(service, account, func(pam.Style, string) (string, error) { return password, nil })
	if err != nil {
		return err
	}
	defer func() { _ = transaction.End() }() // nothing is lost with it
	if err := transaction.Authenticate(pam.DisallowNullAuthtok); err != nil {
		return err
	}
	return transaction.AcctMgmt(pam.DisallowNullAuthtok)
}
