package plugins

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"latchkey/plugins/proto"
)

// ErrUnsupported means that a backend does not have an optional ability.
var ErrUnsupported = errors.New("the backend does not have this ability")

// maxErrorText bounds what is taken over of a backend's error.
const maxErrorText = 512

// Client speaks to a backend over a connection. It is a Backend itself: each call ends at its deadline at the latest, no type
// of the protocol gets out, and an answer that breaks the contract is an error.
type Client struct {
	rpc      proto.BackendClient
	timeout  time.Duration
	parallel atomic.Uint32 // as Configure was told
}

var (
	_ Backend = (*Client)(nil)
	_ Checker = (*Client)(nil)
	_ Looker  = (*Client)(nil)
)

// NewClient returns a client whose calls take at most timeout each.
func NewClient(conn grpc.ClientConnInterface, timeout time.Duration) *Client {
	return &Client{rpc: proto.NewBackendClient(conn), timeout: timeout}
}

// bounds are the options of each call.
func bounds() []grpc.CallOption {
	return []grpc.CallOption{grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)}
}

// Configure hands the settings over; it must be the first call, and the only one of its kind. The error is a *SettingsError
// when the settings are wrong.
func (c *Client) Configure(ctx context.Context, settings Settings) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := c.rpc.Configure(ctx, &proto.ConfigureRequest{Settings: settings.Object().Reveal()}, bounds()...)
	if err != nil {
		return plain(err)
	}
	var faults []SettingFault
	for _, fault := range answer.GetFaults() {
		faults = append(faults, SettingFault{Key: oneLine(fault.GetKey()), Message: oneLine(fault.GetMessage())})
	}
	if len(faults) > 0 {
		return &SettingsError{Faults: faults}
	}
	c.parallel.Store(min(answer.GetParallel(), MaxParallel))
	return nil
}

// Parallel returns how many calls of Authenticate at a time are of use to the backend, as it said when it was configured; 0 when it
// said nothing, and so computes. See Waiter.
func (c *Client) Parallel() int { return int(c.parallel.Load()) }

// Authenticate asks the backend; see Backend.
func (c *Client) Authenticate(ctx context.Context, request Request) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := c.rpc.Authenticate(ctx, &proto.AuthenticateRequest{
		Name: request.Name, Password: []byte(request.Password.Reveal()), Trace: request.Trace,
	}, bounds()...)
	if err != nil {
		return Result{}, plain(err)
	}
	result := Result{
		Outcome: Outcome(answer.GetOutcome()), Name: answer.GetName(), DisplayName: answer.GetDisplayName(), Mail: answer.GetMail(),
		Groups: answer.GetGroups(), Reason: oneLine(answer.GetReason()), Steps: answer.GetSteps(),
	}
	return result, result.check()
}

// check refuses an answer that breaks the contract.
func (r Result) check() error {
	switch r.Outcome {
	case Denied, UnknownUser:
		return nil
	case Accepted:
		if r.Name == "" || len(r.Name) > maxName || strings.ContainsFunc(r.Name, unicode.IsControl) {
			return errors.New("the backend accepted somebody without a canonical name")
		}
		return nil
	case Undecided:
	}
	return errors.New("the backend answered without a decision")
}

// Check asks whether the backend could decide now; see Checker. A backend without the ability always can.
func (c *Client) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	_, err := c.rpc.Check(ctx, &proto.CheckRequest{}, bounds()...)
	if status.Code(err) == codes.Unimplemented {
		return nil
	}
	return plain(err)
}

// Lookup asks who somebody is; see Looker. The error is ErrUnsupported when the backend cannot look users up.
func (c *Client) Lookup(ctx context.Context, name string) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := c.rpc.Lookup(ctx, &proto.LookupRequest{Name: name}, bounds()...)
	if status.Code(err) == codes.Unimplemented {
		return Result{}, ErrUnsupported
	}
	if err != nil {
		return Result{}, plain(err)
	}
	result := Result{
		Outcome: Outcome(answer.GetOutcome()), Name: answer.GetName(), DisplayName: answer.GetDisplayName(), Mail: answer.GetMail(),
		Groups: answer.GetGroups(),
	}
	return result, result.check()
}

// plain makes an error for people of a gRPC error. A passed deadline stays context.DeadlineExceeded, so that who watches the
// backend can count it.
func plain(err error) error {
	if err == nil {
		return nil
	}
	state := status.Convert(err)
	switch state.Code() {
	case codes.DeadlineExceeded:
		return fmt.Errorf("no answer before the deadline: %w", context.DeadlineExceeded)
	case codes.Canceled:
		return context.Canceled
	case codes.ResourceExhausted:
		return fmt.Errorf("the message is longer than %d bytes", MaxMessage)
	default:
		return errors.New(oneLine(state.Message()))
	}
}

// oneLine returns a backend's text without control characters and not too long, fit for a log line.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return text
}
