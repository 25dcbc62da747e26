package api

import (
	"io"
	"net/http"
	"runtime"
	"time"

	"latchkey/daemon/machine"
)

// infoTime is how GET /info writes the server's time: in UTC, without saying so again.
const infoTime = "2006-01-02T15:04:05"

// community is the edition of who has no licence.
const community = "community"

// infoBody is the answer of GET /info.
type infoBody struct {
	Version   string `json:"version"`
	Edition   string `json:"edition"`
	Activated bool   `json:"is_license_activated"`
	SessionID string `json:"session_id"`
	MachineID string `json:"machine_id,omitempty"`
	System    string `json:"system"`
	InDocker  bool   `json:"is_docker"`
	Time      string `json:"server_time_utc"`
	Uptime    int64  `json:"uptime"`
}

// self is what does not change while the daemon runs.
type self struct {
	version, session, machine string
	container                 bool
}

// newSelf finds out what GET /info says of the daemon. The error says that randomness could not be read.
func newSelf(version string, random io.Reader) (self, error) {
	session, err := machine.NewSession(random)
	if err != nil {
		return self{}, err
	}
	return self{
		version: version, session: session, machine: machine.ID(machine.IDFile), container: machine.InContainer(),
	}, nil
}

// getInfo tells anybody which version runs and for how many seconds; and the holder of a developer token, a CI token or a legacy key
// whether it licenses anything. What cannot be decided is not activated.
func (h *Handler) getInfo(x *exchange) error {
	now := h.now()
	body := infoBody{
		Version: h.self.version, Edition: community, SessionID: h.self.session, MachineID: h.self.machine, System: runtime.GOOS,
		InDocker: h.self.container, Time: now.UTC().Format(infoTime), Uptime: int64(now.Sub(h.started) / time.Second),
	}
	if given, err := present(x.request.Header); err == nil && given.text != "" {
		if plan, ok := h.licences.Licensed(x.context(), given.text); ok {
			body.Edition, body.Activated = plan, true
		}
		x.private()
	}
	x.json(http.StatusOK, body)
	return nil
}
