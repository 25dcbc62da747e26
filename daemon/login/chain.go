package login

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"latchkey/daemon/fault"
	"latchkey/plugins"
)

// Backend is one backend of the chain, as the daemon sees it.
type Backend interface {
	// Name is the backend's name in the configuration, such as "ldap".
	Name() string
	// Authenticate is as plugins.Backend's: a wrong password is a result, an error means "could not decide".
	Authenticate(ctx context.Context, request plugins.Request) (plugins.Result, error)
}

// Chain asks backends in order: the next one on UnknownUser and on error, none after Denied. It is safe for concurrent use.
type Chain struct {
	links []link
}

// link is a backend and the gate in front of it. Each backend has a gate of its own, so that a directory that hangs uses up
// its own slots and not those of the file beside it.
type link struct {
	backend Backend
	gate    *gate
}

// parallel is what a backend may say of itself: how many callers at once it can use, because it waits and does not compute; 0 for
// as many as there are cores.
type parallel interface{ Parallel() int }

// NewChain returns the chain of backends. Each is asked by as many callers at once as there are cores, or as it says of itself, and
// queue more may wait for it.
func NewChain(backends []Backend, queue int) *Chain {
	chain := &Chain{}
	for _, backend := range backends {
		slots := runtime.GOMAXPROCS(0)
		if said, ok := backend.(parallel); ok && said.Parallel() > 0 {
			slots = said.Parallel()
		}
		chain.links = append(chain.links, link{backend: backend, gate: newGate(slots, queue)})
	}
	return chain
}

// Verdict is what the chain decided and who decided it.
type Verdict struct {
	plugins.Result
	// Backend is the backend that accepted or denied, empty when none knows the name.
	Backend string
	// Asked are the backends that decided anything, in order; those that could not decide are in the error.
	Asked []string
}

var errNoBackend = errors.New("no backend is configured")

// Ask returns the verdict on a request. When no backend accepts and one could not decide, the error is an Unavailable fault
// that names each such backend; the verdict then still holds what the others said.
func (c *Chain) Ask(ctx context.Context, request plugins.Request) (Verdict, error) {
	if len(c.links) == 0 {
		return Verdict{}, fault.Unavailablef("no_backend", errNoBackend)
	}
	verdict := Verdict{Result: plugins.Result{Outcome: plugins.UnknownUser, Reason: plugins.ReasonUnknownUser}}
	var failures []error
	for _, link := range c.links {
		result, err := link.ask(ctx, request)
		verdict.Steps = append(verdict.Steps, trace(request, link.backend.Name(), result, err)...)
		if err != nil {
			failures = append(failures, fmt.Errorf("backend %s: %w", link.backend.Name(), err))
			continue
		}
		verdict.Asked = append(verdict.Asked, link.backend.Name())
		if result.Outcome == plugins.UnknownUser {
			continue
		}
		result.Steps = verdict.Steps
		verdict.Result, verdict.Backend = result, link.backend.Name()
		break
	}
	if verdict.Outcome != plugins.Accepted && len(failures) > 0 {
		return verdict, undecided(failures)
	}
	return verdict, nil
}

// undecided makes one Unavailable fault of the backends' errors and keeps the hint of when to try again.
func undecided(failures []error) error {
	unavailable := fault.Unavailablef("backend_unavailable", errors.Join(failures...))
	for _, failure := range failures {
		if known, ok := errors.AsType[*fault.Error](failure); ok && known.Kind == fault.Unavailable {
			unavailable.Reason, unavailable.RetryAfter = known.Reason, known.RetryAfter
		}
	}
	return unavailable
}

// ask puts the question to one backend and holds its answer to the contract: an answer that is none of the three decisions,
// or that accepts somebody without a canonical name, is an error.
func (l link) ask(ctx context.Context, request plugins.Request) (plugins.Result, error) {
	leave, err := l.gate.enter(ctx)
	if err != nil {
		return plugins.Result{}, err
	}
	defer leave()
	result, err := l.backend.Authenticate(ctx, request)
	if err != nil {
		return plugins.Result{}, err
	}
	switch result.Outcome {
	case plugins.Denied, plugins.UnknownUser:
		return result, nil
	case plugins.Accepted:
		if name, err := Canonical(result.Name); err != nil || name != result.Name {
			return plugins.Result{}, errors.New("accepted somebody without a canonical name")
		}
		return result, nil
	case plugins.Undecided:
	}
	return plugins.Result{}, errors.New("answered without a decision")
}

// trace returns the sentences that `latchkeyd backend test` prints for one backend.
func trace(request plugins.Request, name string, result plugins.Result, err error) []string {
	if !request.Trace {
		return nil
	}
	var steps []string
	for _, step := range result.Steps {
		steps = append(steps, name+": "+step)
	}
	switch {
	case err != nil:
		return append(steps, name+": could not decide: "+err.Error())
	case result.Outcome == plugins.Accepted:
		return append(steps, fmt.Sprintf("%s: accepted as %q, groups %q", name, result.Name, result.Groups))
	case result.Outcome == plugins.Denied:
		return append(steps, name+": denied: "+result.Reason)
	default:
		return append(steps, name+": does not know this user")
	}
}
