package licence_test

import (
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/grant"
	"latchkey/daemon/licence"
)

// at is a time of the day on which the tests take place, or on a later one.
func at(day, hour int) time.Time { return time.Date(2026, 12, day, hour, 0, 0, 0, time.UTC) }

// What every sentence about a legacy key ends with.
const moveOn = "Set LATCHKEY_AUTH_TOKEN to your developer token, or in CI to a CI token, and ask an admin of the workspace for a seat."

// A legacy key is refused when legacy keys are, and told when they are accepted again, when the next pause is, when they end, and how
// to move on. The first instant of a pause and of the end is within, and the last of a pause is not.
func TestLegacyKeysAreRefused(t *testing.T) {
	first, next := conf.Downtime{Start: at(1, 8), End: at(1, 12)}, conf.Downtime{Start: at(3, 8), End: at(3, 12)}
	sunset := at(10, 0)
	const (
		more   = " " + moveOn + " More: " + guide
		ends   = " From 2026-12-10 00:00 UTC on they are not accepted any more."
		pause  = "Legacy keys are not accepted at the moment."
		again  = " They are again from 2026-12-01 12:00 UTC on."
		nextly = " The next time in which they are not accepted is from 2026-12-03 08:00 UTC to 2026-12-03 12:00 UTC."
	)
	for name, c := range map[string]struct {
		legacy   conf.Legacy
		now      time.Time
		reason   licence.Reason
		sentence string
	}{
		"not accepted": {conf.Legacy{Guide: guide}, at(1, 9), licence.LegacyKeysNotAccepted, "Legacy keys are not accepted here." + more},
		"not accepted, whatever else": {
			conf.Legacy{Sunset: sunset, Downtimes: []conf.Downtime{first}}, at(1, 9), licence.LegacyKeysNotAccepted, "Legacy keys are not accepted here. " + moveOn,
		},
		"at the sunset": {conf.Legacy{Accept: true, Sunset: sunset, Guide: guide}, sunset, licence.LegacyKeySunset, "Legacy keys are not accepted any more." + more},
		"after the sunset, in a pause": {
			conf.Legacy{Accept: true, Sunset: at(1, 8), Downtimes: []conf.Downtime{first}, Guide: guide},
			at(1, 9), licence.LegacyKeySunset,
			"Legacy keys are not accepted any more." + more,
		},
		"in a pause": {
			conf.Legacy{Accept: true, Sunset: sunset, Downtimes: []conf.Downtime{first, next}, Guide: guide},
			at(1, 8), licence.LegacyKeyDowntime,
			pause + again + nextly + ends + more,
		},
		"at its last moment, and nothing else is known": {
			conf.Legacy{Accept: true, Downtimes: []conf.Downtime{first}},
			at(1, 12).Add(-time.Nanosecond), licence.LegacyKeyDowntime,
			pause + again + " " + moveOn,
		},
		"in the first of two that touch": {
			conf.Legacy{Accept: true, Downtimes: []conf.Downtime{{Start: at(1, 8), End: at(1, 10)}, {Start: at(1, 10), End: at(1, 12)}, next}, Guide: guide},
			at(1, 9), licence.LegacyKeyDowntime, pause + again + nextly + more,
		},
		"in two that overlap": {
			conf.Legacy{Accept: true, Downtimes: []conf.Downtime{{Start: at(1, 8), End: at(1, 11)}, {Start: at(1, 9), End: at(1, 12)}, {Start: at(1, 9), End: at(1, 10)}, next}, Guide: guide},
			at(1, 10), licence.LegacyKeyDowntime, pause + again + nextly + more,
		},
		"in one that goes on to the sunset": {
			conf.Legacy{Accept: true, Sunset: sunset, Downtimes: []conf.Downtime{{Start: at(1, 8), End: at(11, 0)}}, Guide: guide},
			at(1, 9), licence.LegacyKeyDowntime, pause + ends + more,
		},
		"the next is behind the sunset": {
			conf.Legacy{Accept: true, Sunset: at(3, 8), Downtimes: []conf.Downtime{first, next}, Guide: guide},
			at(1, 9), licence.LegacyKeyDowntime, pause + again + " From 2026-12-03 08:00 UTC on they are not accepted any more." + more,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.licensed(t)
			key := h.legacy(t, "laptop")
			h.accept(c.legacy)
			h.now = c.now
			event := h.wantRefused(t, ask(legacyText), c.reason, c.sentence)
			if event.User != "laptop" || event.Kind != "legacy" || event.CredentialID != string(key.ID) || event.Workspace != string(h.acme) {
				t.Errorf("recorded: %+v", event)
			}
		})
	}
}

// A legacy key that is accepted comes with a notice; a token never does.
func TestLegacyKeysAreAccepted(t *testing.T) {
	const going = "Legacy keys are going away."
	next := conf.Downtime{Start: at(3, 8), End: at(3, 12)}
	past := conf.Downtime{Start: at(1, 6), End: at(1, 7)}
	for name, c := range map[string]struct {
		legacy conf.Legacy
		notice string
	}{
		"nothing is known": {conf.Legacy{}, going + " " + moveOn},
		"guide":            {conf.Legacy{Guide: guide}, going + " " + moveOn + " More: " + guide},
		"all": {
			conf.Legacy{Sunset: at(10, 0), Downtimes: []conf.Downtime{past, next, {Start: at(4, 0), End: at(5, 0)}}, Guide: guide},
			going + " The next time in which they are not accepted is from 2026-12-03 08:00 UTC to 2026-12-03 12:00 UTC." +
				" From 2026-12-10 00:00 UTC on they are not accepted any more. " + moveOn + " More: " + guide,
		},
		"pauses that touch are one": {
			conf.Legacy{Downtimes: []conf.Downtime{next, {Start: at(3, 12), End: at(3, 20)}}},
			going + " The next time in which they are not accepted is from 2026-12-03 08:00 UTC to 2026-12-03 20:00 UTC. " + moveOn,
		},
		"a pause that goes on to the sunset": {
			conf.Legacy{Sunset: at(3, 10), Downtimes: []conf.Downtime{next}},
			going + " The next time in which they are not accepted is from 2026-12-03 08:00 UTC to 2026-12-03 10:00 UTC." +
				" From 2026-12-03 10:00 UTC on they are not accepted any more. " + moveOn,
		},
		"a pause that has just ended": {conf.Legacy{Downtimes: []conf.Downtime{{Start: at(1, 7), End: at(1, 8)}}}, going + " " + moveOn},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.now = at(1, 8)
			h.licensed(t)
			h.legacy(t, "laptop")
			c.legacy.Accept = true
			h.accept(c.legacy)
			r := ask(legacyText)
			r.CI = true // a legacy key is good there, too
			claims, given := h.verified(t, r)
			if given.Notice != c.notice {
				t.Errorf("%s\nwant %s", given.Notice, c.notice)
			}
			if claims.Kind != grant.KindLegacy || claims.Subject != "laptop" || claims.Plan != "team" || claims.Workspace.Name != "acme" {
				t.Errorf("%+v", claims)
			}
			if _, given := h.verified(t, ask(h.token.Reveal())); given.Notice != "" {
				t.Errorf("a token's notice: %s", given.Notice)
			}
		})
	}
}

// A legacy key licenses what its subscription does, and a key without a name is called by its id.
func TestLegacyKeyAndItsSubscription(t *testing.T) {
	h := newHouse(t)
	ends := h.now.Add(24 * time.Hour)
	h.subscribe(t, h.now, ends)
	key := h.legacy(t, "")
	if claims, _ := h.verified(t, ask(legacyText)); claims.Subject != string(key.ID) {
		t.Errorf("%+v", claims)
	}
	h.now = ends
	h.subscribe(t, h.now, h.now.AddDate(1, 0, 0))
	h.wantRefused(t, ask(legacyText), licence.SubscriptionExpired, expired)
}
