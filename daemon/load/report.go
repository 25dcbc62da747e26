package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// ReportVersion is the version of the form that reports have. It goes up when a field changes its meaning or goes away.
const ReportVersion = 1

// maxReport is the largest report that is read, in bytes.
const maxReport = 4 << 20

// reportTool marks a report among other JSON documents.
const reportTool = "latchkey bench"

// Report is a run: what was asked for, and what was measured. It is what is kept in files.
type Report struct {
	Tool    string `json:"tool"`
	Version int    `json:"version"`
	// Server is its address, ServerVersion what it calls its version, Started when the run began (RFC 3339, UTC).
	Server        string `json:"server"`
	ServerVersion string `json:"server_version,omitempty"`
	Started       string `json:"started"`
	Settings
	Measured
	// TokensMade and TokensEnded are how many session tokens were made by log-ins, and ended afterwards.
	TokensMade  int64 `json:"tokens_made"`
	TokensEnded int64 `json:"tokens_ended"`
}

// Settings are what makes two runs comparable, and what a reader wants to know about a run.
type Settings struct {
	Connections int `json:"connections"`
	// AskedRate is how many calls were due in a second; 0: as fast as the connections went.
	AskedRate float64 `json:"asked_rate"`
	// Mix is the weight of each kind.
	Mix map[string]int `json:"mix"`
	// Check is what a check asks; empty when there are none. Users is by how many users log-ins were made.
	Check string `json:"check,omitempty"`
	Users int    `json:"users"`
	// WarmupSeconds and DurationSeconds are what was asked for; Measured says how long it was.
	WarmupSeconds   float64 `json:"warmup_seconds"`
	DurationSeconds float64 `json:"duration_seconds"`
}

// Measured is what came of a run.
type Measured struct {
	// Seconds is how long calls were counted.
	Seconds float64 `json:"measured_seconds"`
	// Interrupted says that the run was ended before its time.
	Interrupted bool         `json:"interrupted"`
	Kinds       []KindReport `json:"kinds"`
}

// KindReport is what came of the calls of one kind.
type KindReport struct {
	Kind string `json:"kind"`
	// Calls is how many calls have ended, Successes how many of them with a status of 2xx, and Rate the successes in a second.
	Calls     int64   `json:"calls"`
	Successes int64   `json:"successes"`
	Rate      float64 `json:"rate"`
	// Errors counts the other calls, by status or by why there was no answer.
	Errors map[string]int64 `json:"errors"`
	// NotSent is how many calls were due, at a fixed rate, and never sent, because all connections were waiting for answers.
	NotSent int64 `json:"not_sent"`
	// CutOff is how many calls an early end has cut off; they count nowhere else.
	CutOff int64 `json:"cut_off"`
	// Latency is about the successes; nil when there is none.
	Latency *Latency `json:"latency_ms,omitempty"`
	Bars    []Bar    `json:"histogram"`
}

// Latency has times in milliseconds.
type Latency struct {
	Min  float64 `json:"min"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

// Bar is how many successes took up to so many milliseconds, and more than the bar before.
type Bar struct {
	UpTo  float64 `json:"up_to_ms"`
	Calls int64   `json:"calls"`
}

// NewReport returns a report of this package's version.
func NewReport(settings Settings, measured Measured) Report {
	return Report{Tool: reportTool, Version: ReportVersion, Settings: settings, Measured: measured}
}

// FailedCalls returns how many calls did not succeed.
func (k KindReport) FailedCalls() int64 { return k.Calls - k.Successes }

// ReadReport reads what a Report was encoded as. The error says why it is none.
func ReadReport(from io.Reader) (Report, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxReport+1))
	if err != nil {
		return Report{}, err
	}
	if len(text) > maxReport {
		return Report{}, fmt.Errorf("it is larger than %d bytes", maxReport)
	}
	var head struct {
		Tool    string `json:"tool"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil || head.Tool != reportTool {
		return Report{}, errors.New(`it is no JSON of "latchkey bench"`)
	}
	if head.Version != ReportVersion {
		return Report{}, fmt.Errorf("its version is %d, and %d is the one that can be read", head.Version, ReportVersion)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return Report{}, errors.New("a field of it has another form")
	}
	return r, r.check()
}

// check finds what no run can have written, before it is calculated with.
func (r Report) check() error {
	if len(r.Kinds) == 0 || r.Connections < 1 || len(r.Mix) == 0 {
		return errors.New("there is no run in it")
	}
	for i, k := range r.Kinds {
		if slices.ContainsFunc(r.Kinds[:i], func(other KindReport) bool { return other.Kind == k.Kind }) {
			return errors.New("a kind of call is in it twice")
		}
		numbers := []float64{float64(k.Calls), float64(k.Successes), float64(k.Calls - k.Successes), k.Rate}
		if k.Latency != nil {
			numbers = append(numbers, k.Latency.Min, k.Latency.P50, k.Latency.P90, k.Latency.P99, k.Latency.P999, k.Latency.Max)
		}
		if slices.ContainsFunc(numbers, func(x float64) bool { return x < 0 || math.IsInf(x, 0) }) || (k.Successes > 0) != (k.Latency != nil) {
			return errors.New("a number in it is none that a run can have")
		}
	}
	return nil
}
