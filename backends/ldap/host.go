package ldap

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

// rest is how long a host that failed is left alone before it is asked again whether it is back.
const rest = 15 * time.Second

// hosts remembers which servers failed, so that not every log-in waits for the same silent one.
//
// Servers are used in the order of the settings. One that failed is used only when all have failed; when its rest is over, due
// hands it to one caller, who finds out in the background whether it is back.
type hosts struct {
	now func() time.Time
	log *slog.Logger

	mu   sync.Mutex
	list []*hostState
}

type hostState struct {
	endpoint endpoint
	down     bool
	since    time.Time // of the last failure
	probed   bool      // somebody is finding out
}

func newHosts(endpoints []endpoint, now func() time.Time, log *slog.Logger) *hosts {
	h := &hosts{now: now, log: log}
	for _, e := range endpoints {
		h.list = append(h.list, &hostState{endpoint: e})
	}
	return h
}

// count returns how many servers there are.
func (h *hosts) count() int { return len(h.list) }

// order returns the servers in the order in which to try them: those that work first.
func (h *hosts) order() []endpoint {
	h.mu.Lock()
	defer h.mu.Unlock()
	sorted := slices.Clone(h.list)
	slices.SortStableFunc(sorted, func(a, b *hostState) int {
		switch {
		case a.down == b.down:
			return 0
		case a.down:
			return 1
		}
		return -1
	})
	endpoints := make([]endpoint, 0, len(sorted))
	for _, state := range sorted {
		endpoints = append(endpoints, state.endpoint)
	}
	return endpoints
}

// failed notes that a server could not be asked.
func (h *hosts) failed(e endpoint, cause error) { h.note(e, cause) }

// answered notes that a server works.
func (h *hosts) answered(e endpoint) { h.note(e, nil) }

func (h *hosts) note(e endpoint, cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, state := range h.list {
		if state.endpoint != e {
			continue
		}
		was := state.down
		state.down, state.probed = cause != nil, false
		switch {
		case state.down:
			state.since = h.now()
			if !was {
				h.log.Warn("directory server failed", "host", e.address, "error", cause.Error(), "asked_again_after", rest)
			}
		case was:
			h.log.Info("directory server is back", "host", e.address)
		}
	}
}

// due returns the servers whose rest is over. Each is handed out once; the caller reports by failed or answered. An only
// server is never due: each log-in asks it anyway.
func (h *hosts) due() []endpoint {
	h.mu.Lock()
	defer h.mu.Unlock()
	var due []endpoint
	if len(h.list) == 1 {
		return nil
	}
	for _, state := range h.list {
		if state.down && !state.probed && !h.now().Before(state.since.Add(rest)) {
			state.probed = true
			due = append(due, state.endpoint)
		}
	}
	return due
}
