package ldap

import "fmt"

// trace collects the steps of a decision for an administrator; a nil trace collects nothing.
type trace struct {
	steps []string
	asked endpoint // the server of the last step
}

func newTrace(wanted bool) *trace {
	if !wanted {
		return nil
	}
	return &trace{}
}

// step adds a sentence. It must hold no secret.
func (t *trace) step(format string, args ...any) {
	if t != nil {
		t.steps = append(t.steps, fmt.Sprintf(format, args...))
	}
}

// server says which server is asked from now on.
func (t *trace) server(e endpoint, m mode, as string) {
	if t == nil || t.asked == e {
		return
	}
	t.asked = e
	protection := map[mode]string{modePlain: "without TLS", modeStartTLS: "StartTLS", modeTLS: "TLS"}[m]
	t.step("Asked %s://%s (%s) as %s.", m.scheme(), e.address, protection, as)
}

func (t *trace) all() []string {
	if t == nil {
		return nil
	}
	return t.steps
}
