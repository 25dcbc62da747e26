package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"latchkey/daemon/client"
	"latchkey/daemon/load"
	"latchkey/plugins/secret"
)

// maxUsersFile is the largest file of users that is read, in bytes.
const maxUsersFile = 16 << 20

// benchUser is somebody who logs in.
type benchUser struct {
	name     string
	password secret.Text
}

// benchUsers are who logs in, in turn. Who is refused is left out from then on: more tries would lock him.
type benchUsers struct {
	count int // how many there were at the beginning

	mu   sync.Mutex
	list []benchUser
	turn int
	out  []string
}

// benchUsers returns who logs in: the user of -u with the password that the flags say, or the users of --users.
func (a *app) benchUsers(ctx context.Context, f *benchFlags, configured file) (*benchUsers, error) {
	if f.users != "" {
		list, err := readUsers(f.users)
		return &benchUsers{list: list, count: len(list)}, err
	}
	if err := client.CheckName(f.user); err != nil {
		return nil, usageError{err}
	}
	password, err := a.password(ctx, f.password, f.user, configured)
	return &benchUsers{list: []benchUser{{f.user, password}}, count: 1}, err
}

// readUsers reads a file of users. Errors name the line and never hold it.
func readUsers(path string) ([]benchUser, error) {
	opened, err := openSecret(path)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	limited := &io.LimitedReader{R: opened, N: maxUsersFile + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxPassword)
	var list []benchUser
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == "" {
			continue
		}
		name, password, _ := strings.Cut(line, ":")
		if password == "" || client.CheckName(name) != nil {
			return nil, usageError{fmt.Errorf("%s:%d: a user is written as NAME:PASSWORD", path, number)}
		}
		list = append(list, benchUser{name, secret.New(password)})
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, usageError{fmt.Errorf("%s has a line of more than %d bytes", path, maxPassword)}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case limited.N <= 0:
		return nil, usageError{fmt.Errorf("%s is larger than %d bytes", path, maxUsersFile)}
	case len(list) == 0:
		return nil, usageError{fmt.Errorf("%s has no user in it", path)}
	}
	return list, nil
}

// next returns whose turn it is; an error when all have been refused.
func (u *benchUsers) next() (benchUser, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.list) == 0 {
		return benchUser{}, hinted{
			&client.Error{Status: http.StatusUnauthorized, Message: "every user who was to log in has been refused"},
			"The name or the password is wrong, or the account may not log in; the server does not tell which.",
		}
	}
	user := u.list[u.turn%len(u.list)]
	u.turn++
	return user, nil
}

// refuse leaves a user out from now on.
func (u *benchUsers) refuse(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := len(u.list)
	if u.list = slices.DeleteFunc(u.list, func(other benchUser) bool { return other.name == name }); len(u.list) < before {
		u.out = append(u.out, name)
	}
}

// refused returns who was refused.
func (u *benchUsers) refused() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Sorted(slices.Values(u.out))
}

// benchTokens are the session tokens that log-ins have made and that are to be ended.
type benchTokens struct {
	keep bool

	mu   sync.Mutex
	made int64
	list []secret.Text
}

// add notes a token.
func (t *benchTokens) add(token secret.Text) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made++
	if !t.keep {
		t.list = append(t.list, token)
	}
}

// benchRequests are what calls are made from. They are built once: building one costs as much as sending it, and what the tool costs is
// missing from a server on the same host.
type benchRequests struct {
	check, login *http.Request
	body         string // of the check
}

// buildRequests builds the requests; that of the check once its credential is known.
func (b *bench) buildRequests() error {
	var err error
	if b.requests.login, err = b.request(http.MethodPost, "auth", "v1", "tokens"); err != nil {
		return err
	}
	switch b.flags.check {
	case checkUser:
		b.requests.check, err = b.request(http.MethodGet, "api", "v1", "user")
	case checkVerify:
		b.requests.check, err = b.request(http.MethodGet, "auth", "v1", "verify")
	case checkIntrospect:
		b.requests.body = url.Values{"token": {b.bearer.Reveal()}}.Encode()
		b.requests.check, err = b.request(http.MethodPost, "auth", "v1", "introspect")
	}
	if err != nil {
		return err
	}
	if b.requests.body != "" {
		b.requests.check.ContentLength = int64(len(b.requests.body))
		b.requests.check.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if !b.bearer.Empty() {
		b.requests.check.Header.Set("Authorization", "Bearer "+b.bearer.Reveal())
	}
	return nil
}

// request returns a request of the server.
func (b *bench) request(method string, path ...string) (*http.Request, error) {
	request, err := http.NewRequest(method, b.base.JoinPath(path...).String(), http.NoBody)
	if err != nil {
		return nil, errors.New("the address of the call cannot be built")
	}
	request.Header.Set("User-Agent", b.app.clientOptions(b.settings).UserAgent)
	request.Header.Set("Accept", "application/json")
	return request, nil
}

// nextCheck returns a check.
func (b *bench) nextCheck() (load.Call, error) {
	request := b.requests.check
	if b.requests.body != "" {
		request = request.WithContext(context.Background()) // a copy; the run gives it its own context
		request.Body = io.NopCloser(strings.NewReader(b.requests.body))
	}
	return load.Call{Request: request}, nil
}

// nextLogin returns the log-in of the user whose turn it is.
func (b *bench) nextLogin() (load.Call, error) {
	user, err := b.users.next()
	if err != nil {
		return load.Call{}, err
	}
	request := b.requests.login.Clone(context.Background())
	request.SetBasicAuth(user.name, user.password.Reveal())
	return load.Call{Request: request, Done: func(status int, body []byte) {
		var made struct {
			Token string `json:"token"`
		}
		switch {
		case status == http.StatusUnauthorized:
			b.users.refuse(user.name)
		case status == http.StatusCreated && json.Unmarshal(body, &made) == nil && made.Token != "":
			b.tokens.add(secret.New(made.Token))
		}
	}}, nil
}

// probe makes one call of each kind, so that a wrong address or credential ends the run before it begins, with the error and the exit
// code that any other command would have.
func (b *bench) probe(ctx context.Context) error {
	if b.mix[checks] > 0 {
		if err := b.learnCredential(ctx); err != nil {
			return err
		}
	}
	if err := b.buildRequests(); err != nil {
		return err
	}
	if b.mix[checks] > 0 {
		if err := b.probeCheck(ctx); err != nil {
			return err
		}
	}
	if b.mix[logins] == 0 {
		return nil
	}
	user, err := b.users.next()
	if err != nil {
		return err
	}
	made, err := b.client.LogIn(ctx, user.name, user.password, client.SessionRequest{})
	if err != nil {
		return loginFailed(user.name, err)
	}
	b.tokens.add(made.Token)
	return nil
}

// learnCredential finds out which credential the checks show. The client's own call comes first: it renews a log-in that has ended,
// and its errors say best what is wrong.
func (b *bench) learnCredential(ctx context.Context) error {
	if _, err := b.client.WhoAmI(ctx); err != nil {
		return err
	}
	shown, err := b.client.Shown(ctx)
	if err != nil {
		return err
	}
	b.bearer = shown.Text()
	if b.flags.check == checkIntrospect && b.bearer.Empty() {
		return usageError{errors.New("there is no credential to introspect")}
	}
	return nil
}

// probeCheck makes one check as the run will.
func (b *bench) probeCheck(ctx context.Context) error {
	call, err := b.nextCheck()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	transport := b.options.Transport()
	if idle, ok := transport.(interface{ CloseIdleConnections() }); ok {
		defer idle.CloseIdleConnections()
	}
	answer, err := transport.RoundTrip(call.Request.WithContext(limited))
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &client.Unreachable{Server: b.client.URL(), Err: err}
	}
	defer answer.Body.Close()
	switch status := answer.StatusCode; {
	case status >= http.StatusBadRequest:
		refused := &client.Error{Status: status, Message: fmt.Sprintf("HTTP %d", status)}
		return fmt.Errorf("the first check (%s): %w", b.flags.check, refused)
	case status >= http.StatusMultipleChoices:
		return &client.Unexpected{Server: b.client.URL(), Reason: fmt.Sprintf("it points elsewhere (HTTP %d)", status)}
	}
	return nil
}

// endTokens ends the session tokens that the log-ins have made, also after Ctrl-C, and returns how many it has ended. What goes wrong
// is told and is no failure of the run.
func (b *bench) endTokens(ctx context.Context) int64 {
	if b.users == nil {
		return 0
	}
	if refused := b.users.refused(); len(refused) > 0 {
		b.app.note("latchkey: warning: refused, and not tried again: %s", strings.Join(refused, ", "))
	}
	tokens := b.tokens.list
	if len(tokens) > 100 && isTerminal(b.app.stderr) {
		b.app.note("Ending %d session tokens.", len(tokens))
	}
	ctx, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	queue := make(chan secret.Text)
	var mu sync.Mutex
	var ended int64
	var workers sync.WaitGroup
	for range min(16, b.options.Connections, len(tokens)) {
		workers.Go(func() {
			for token := range queue {
				err := b.client.With(client.SessionToken(token)).LogOut(ctx)
				mu.Lock()
				if err == nil || isUnauthorized(err) { // the server no longer knows it
					ended++
				}
				mu.Unlock()
				if lost, ok := errors.AsType[*client.Unreachable](err); ok {
					giveUp(lost) // the others would wait as long
				}
			}
		})
	}
	for _, token := range tokens {
		queue <- token
	}
	close(queue)
	workers.Wait()
	if left := int64(len(tokens)) - ended; left > 0 {
		b.app.note("latchkey: warning: %d of %d session tokens are not ended; they end when they expire", left, len(tokens))
	}
	return ended
}
