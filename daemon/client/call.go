package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"latchkey/plugins/secret"
)

// maxAnswer is how much of an answer is read: a page of a hundred keys with 64 KiB of metadata each fits.
const maxAnswer = 8 << 20

// call is one request of the contract.
type call struct {
	method string
	path   []string // the path's parts, unescaped
	query  url.Values
	body   any // nil: none
	// name and password make it a log-in, which shows no other credential.
	name     string
	password secret.Text
	login    bool
	// open calls need no credential and show none.
	open bool
}

// do makes a call and decodes its answer into result, unless that is nil. The answer's header is returned for lists.
func (c *Client) do(ctx context.Context, to call, result any) (http.Header, error) {
	var body []byte
	if to.body != nil {
		var err error
		if body, err = json.Marshal(to.body); err != nil {
			return nil, fmt.Errorf("request: %w", err)
		}
	}
	shown, err := c.credential(ctx, to, Credential{})
	if err != nil {
		return nil, err
	}
	header, err := c.try(ctx, to, body, shown, result)
	if refused, ok := errors.AsType[*Error](err); !ok || refused.Status != http.StatusUnauthorized || shown.Empty() {
		return header, err
	}
	other, renewal := c.credential(ctx, to, shown)
	if renewal != nil {
		return nil, renewal
	}
	if other.Empty() || other.same(shown) {
		return nil, err
	}
	return c.try(ctx, to, body, other, result)
}

// credential returns what a call shows.
func (c *Client) credential(ctx context.Context, to call, refused Credential) (Credential, error) {
	if to.login || to.open || c.source == nil {
		return Credential{}, nil
	}
	shown, err := c.source.Credential(ctx, refused)
	if err != nil {
		return Credential{}, err
	}
	return shown, shown.check()
}

// try makes one request.
func (c *Client) try(ctx context.Context, to call, body []byte, shown Credential, result any) (http.Header, error) {
	limited, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	defer cancel()
	request, err := c.request(limited, to, body, shown)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, c.failed(ctx, limited, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, c.failed(ctx, limited, err)
	}
	if len(text) > maxAnswer {
		return nil, c.unexpected("more than %d bytes", maxAnswer)
	}
	return answer.Header, c.read(answer, text, result)
}

// request builds the request.
func (c *Client) request(ctx context.Context, to call, body []byte, shown Credential) (*http.Request, error) {
	target := *c.base
	for _, part := range to.path {
		if part == "" || part == "." || part == ".." {
			return nil, errors.New("an id or a name is missing")
		}
	}
	target = *target.JoinPath(escaped(to.path)...)
	target.RawQuery = to.query.Encode()
	request, err := http.NewRequestWithContext(ctx, to.method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the address of the call cannot be built")
	}
	request.Header.Set("User-Agent", c.userAgent)
	request.Header.Set("Accept", "application/json")
	if to.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if to.login {
		request.SetBasicAuth(to.name, to.password.Reveal())
	}
	if !shown.Empty() {
		request.Header.Set(shown.header, shown.scheme+shown.text.Reveal())
	}
	return request, nil
}

// escaped returns the parts so that none can reach into another.
func escaped(parts []string) []string {
	list := make([]string, len(parts))
	for i, part := range parts {
		list[i] = url.PathEscape(part)
	}
	return list
}

// failed returns the error for a call that got no answer. Not net/http's own: that repeats the address, in which there can be
// a key.
func (c *Client) failed(ctx, limited context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if limited.Err() != nil {
		return &Unreachable{Server: c.name, Err: context.Cause(limited)}
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return &Unreachable{Server: c.name, Err: err}
}

// unexpected returns an *Unexpected.
func (c *Client) unexpected(format string, args ...any) error {
	return &Unexpected{Server: c.name, Reason: fmt.Sprintf(format, args...)}
}

// read makes a result or an error of an answer.
func (c *Client) read(answer *http.Response, text []byte, result any) error {
	switch status := answer.StatusCode; {
	case status >= http.StatusBadRequest:
		return refusal(answer, text)
	case status >= http.StatusMultipleChoices:
		return c.unexpected("it points elsewhere (HTTP %d), and a credential is never sent there", status)
	case result == nil:
		return nil
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "application/json" && kind != "application/jwk-set+json" {
		return c.unexpected("the answer is not JSON")
	}
	if err := json.Unmarshal(text, result); err != nil {
		return c.unexpected("the answer's JSON has another form") // json's own error may repeat what it read
	}
	return nil
}

// refusal returns the *Error that an answer is.
func refusal(answer *http.Response, text []byte) *Error {
	e := &Error{Status: answer.StatusCode, RequestID: sentence(answer.Header.Get("X-Request-Id"))}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(min(seconds, int(24*time.Hour/time.Second))) * time.Second
	}
	if e.Status == http.StatusUnauthorized {
		e.Challenge = sentence(answer.Header.Get("WWW-Authenticate"))
	}
	var body struct {
		Faultstring string `json:"faultstring"`
		Reason      string `json:"reason"`
	}
	switch kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); {
	case kind == "application/json" && json.Unmarshal(text, &body) == nil:
		e.Message, e.Reason = sentence(body.Faultstring), word(body.Reason)
	case kind == "text/plain" || kind == "":
		first, _, _ := strings.Cut(string(text), "\n")
		e.Message = sentence(first)
	}
	if e.Message == "" {
		e.Message = http.StatusText(answer.StatusCode)
	}
	if e.Message == "" {
		e.Message = "the server refused"
	}
	return e
}

// word returns a text that is one word of lower-case letters, digits and underscores; others become nothing.
func word(text string) string {
	if len(text) > 64 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return ""
	}
	return text
}
