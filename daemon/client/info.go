package client

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"time"

	"latchkey/daemon/machine"
)

// Info is what a server tells anybody of itself, and what a tool that was activated can tell of itself.
type Info struct {
	// Version is the program's.
	Version string
	// Edition is the licence's plan; "community" for a tool without one.
	Edition string
	// IsLicenceActivated is whether the program's licence is activated.
	IsLicenceActivated bool
	// SessionID is another one for each run of the program.
	SessionID string
	// MachineID names the machine, and shows nothing of its own id.
	MachineID string
	// System is the operating system, as Go names it.
	System string
	// IsDocker is whether the program runs in a container.
	IsDocker bool
	// ServerTime is the program's clock, in whole seconds.
	ServerTime time.Time
	// Uptime is how long the program has been running, in whole seconds.
	Uptime time.Duration
}

// wireInfo is the form of an Info in JSON.
type wireInfo struct {
	Version            string `json:"version"`
	Edition            string `json:"edition"`
	IsLicenceActivated bool   `json:"is_license_activated"`
	SessionID          string `json:"session_id"`
	MachineID          string `json:"machine_id"`
	System             string `json:"system"`
	IsDocker           bool   `json:"is_docker"`
	ServerTime         string `json:"server_time_utc"`
	Uptime             int64  `json:"uptime"`
}

// infoTime is how an Info writes its time: in UTC, without saying so again.
const infoTime = "2006-01-02T15:04:05"

// MarshalJSON returns the form in which GET /info answers: names with an underscore, server_time_utc without a zone, uptime in seconds.
func (i Info) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireInfo{
		i.Version, i.Edition, i.IsLicenceActivated, i.SessionID, i.MachineID, i.System, i.IsDocker,
		i.ServerTime.UTC().Format(infoTime), int64(i.Uptime / time.Second),
	})
}

// UnmarshalJSON reads the form that MarshalJSON writes. What is missing stays empty, and a time that cannot be read stays zero.
func (i *Info) UnmarshalJSON(text []byte) error {
	var w wireInfo
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	*i = Info{
		Version: sentence(w.Version), Edition: sentence(w.Edition), IsLicenceActivated: w.IsLicenceActivated,
		SessionID: sentence(w.SessionID), MachineID: sentence(w.MachineID), System: sentence(w.System), IsDocker: w.IsDocker,
		Uptime: time.Duration(w.Uptime) * time.Second,
	}
	for _, layout := range []string{infoTime, time.RFC3339} {
		if at, err := time.Parse(layout, w.ServerTime); err == nil {
			i.ServerTime = at.UTC()
		}
	}
	return nil
}

// Info returns what the server tells of itself (GET /info). No credential is shown.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var answer Info
	if _, err := c.do(ctx, call{method: http.MethodGet, path: []string{"info"}, open: true}, &answer); err != nil {
		return Info{}, err
	}
	return answer, nil
}

// Info returns what a tool can tell of itself. now is the time.
func (a *Activation) Info(now time.Time) Info {
	i := Info{
		Version: a.version, Edition: "community", IsLicenceActivated: a.Activated, SessionID: a.SessionID, MachineID: a.MachineID,
		System: runtime.GOOS, IsDocker: machine.InContainer(), ServerTime: now.UTC().Truncate(time.Second),
		Uptime: max(0, now.Sub(a.started)).Truncate(time.Second),
	}
	if a.Activated && a.Claims.Plan != "" {
		i.Edition = a.Claims.Plan
	}
	return i
}
