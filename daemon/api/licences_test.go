package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/grant"
	"latchkey/daemon/licence"
)

// What the page about users and licences says of seats and legacy keys.
func TestSeats(t *testing.T) {
	for name, test := range map[string]func(*testing.T, *company){
		"TrialOf14DaysOnce":                  testTrial,
		"UsedAndTotalAreShown":               testSeatCounts,
		"NoneLeftIsRefusedWithTheNumbers":    testNoneLeft,
		"AssignedOnlyToThoseWhoJoined":       testSeatNeedsJoining,
		"ChangesCountAtOnce":                 testSeatChangesAtOnce,
		"RotationLeavesTheLicence":           testRotationKeepsSeat,
		"LegacyKeyIsShownWithItsMember":      testLegacyKeyShown,
		"SeatAndLegacyKeyCountOnce":          testCountedOnce,
		"UnassignedLegacyKeyCountsByItself":  testUnassignedKey,
		"LegacyKeyIsDeletedAfterTheMove":     testDeletedAfterMove,
		"LegacyKeysGoOnDuringTheTransition":  testTransition,
		"LegacyKeyDowntimesAreAnnounced":     testDowntimes,
		"LegacyKeysEndAtSunset":              testSunset,
		"SubscriptionIsForAnAdministrator":   testSubscriptionFields,
		"CITokensAreTheWorkspaces":           testCITokens,
		"DeveloperTokenIsRotatedNotDeleted":  testRotation,
		"DeveloperTokenIsRefusedInCI":        testDeveloperTokenInCI,
		"WithoutALicenceATokenIsNotEnough":   testNoLicence,
		"ActivationSaysWhoAndWhat":           testGrant,
		"InfoTellsWhetherATokenIsLicensed":   testInfoOfToken,
		"BadActivationRequests":              testBadActivation,
		"AuditLogOfTheWorkspaceCannotBeRead": testNoAuditFile,
	} {
		t.Run(name, func(t *testing.T) { test(t, newCompany(t)) })
	}
}

func testTrial(t *testing.T, c *company) {
	bob, _ := c.join("bob")
	c.do("POST", at("subscriptions"), bob, body(`{"trial":true}`)).fault(403, "Only an admin of the workspace can start the trial.")
	c.do("POST", at("subscriptions"), c.ann, body(`{"trial":true}`)).want(201)
	c.do("POST", at("subscriptions"), c.ann, body(`{"trial":true}`)).fault(409, "The workspace has had its trial.")
	c.do("PUT", at("members", "ann", "seat"), c.ann).want(200)
	c.granted(c.activate(c.annToken, false))
	c.clock.advance(14 * 24 * time.Hour)
	c.refused(c.activate(c.annToken, false), licence.TrialExpired, "get a subscription")
}

func testSeatCounts(t *testing.T, c *company) {
	c.join("bob")
	c.subscribe(3)
	c.do("PUT", at("members", "bob", "seat"), c.ann).want(200)
	got := c.do("GET", at("seats"), c.ann).want(200)
	if !strings.HasPrefix(got.body, `{"used":1,"total":3,`) || !strings.Contains(got.body, `"user":"bob"`) {
		t.Error(got.body)
	}
	if got := c.do("GET", at("subscriptions"), c.ann).want(200); !strings.Contains(got.body, `"seats":3,"used":1`) {
		t.Error(got.body)
	}
}

func testNoneLeft(t *testing.T, c *company) {
	c.do("PUT", at("members", "ann", "seat"), c.ann).fault(409, "The workspace has no subscription that runs now.")
	c.join("bob")
	c.subscribe(1)
	c.do("PUT", at("members", "bob", "seat"), c.ann).want(200)
	c.do("PUT", at("members", "ann", "seat"), c.ann).fault(409, "No seat is left: 1 of 1 are in use.")
	c.do("PUT", at("members", "bob", "seat"), c.ann).fault(409, "The member has a seat already.")
	c.do("DELETE", at("members", "bob", "seat"), c.ann).want(204)
	c.do("DELETE", at("members", "bob", "seat"), c.ann).fault(409, "The member has no seat.")
	c.do("PUT", at("members", "ann", "seat"), c.ann).want(200)
}

func testSeatNeedsJoining(t *testing.T, c *company) {
	bob, _ := c.join("bob")
	c.subscribe(3)
	c.invite("carol", "member")
	c.do("PUT", at("members", "carol@example.com", "seat"), c.ann).
		fault(409, "The member was invited and has not joined yet; a seat can be assigned when he has.")
	c.do("PUT", at("members", "bob", "seat"), bob).fault(403, "The permission licences.assign is required.")
	c.do("DELETE", at("members", "bob"), c.ann).want(204)
	c.do("PUT", at("members", "bob@example.com", "seat"), c.ann).fault(409, "The member was removed; invite him again first.")
	c.do("PUT", at("members", "nobody", "seat"), c.ann).fault(404, "Member is not found.")
	if got := c.do("GET", at("seats"), c.ann).want(200); !strings.HasPrefix(got.body, `{"used":0,"total":3,`) {
		t.Error(got.body)
	}
}

func testSeatChangesAtOnce(t *testing.T, c *company) {
	c.subscribe(1)
	c.refused(c.activate(c.annToken, false), licence.NoLicenceAssigned, "assign you a seat")
	c.do("PUT", at("members", "ann", "seat"), c.ann).want(200)
	c.granted(c.activate(c.annToken, false))
	c.do("DELETE", at("members", "ann", "seat"), c.ann).want(204)
	c.refused(c.activate(c.annToken, false), licence.NoLicenceAssigned, "assign you a seat")
}

func testRotationKeepsSeat(t *testing.T, c *company) {
	c.subscribe(1)
	c.do("PUT", at("members", "ann", "seat"), c.ann).want(200)
	fresh := c.do("POST", at("developertoken", "rotate"), c.ann).want(200).get("token")
	c.granted(c.activate(fresh, false))
}

const legacyKey = "k7GhT2pQ9x"

func testLegacyKeyShown(t *testing.T, c *company) {
	c.join("bob")
	c.subscribe(2)
	added := c.do("POST", at("legacykeys"), c.ann, body(`{"key":"`+legacyKey+`","name":"old","member":"bob"}`)).want(201)
	listed := c.do("GET", at("legacykeys"), c.ann).want(200)
	if strings.Contains(added.body+listed.body, legacyKey) || listed.body != "["+added.body+"]" {
		t.Errorf("added %s, listed %s", added.body, listed.body)
	}
	if got := c.do("GET", at("members", "bob"), c.ann).want(200); !strings.Contains(got.body, `"legacy_keys":1`) {
		t.Error(got.body)
	}
	c.do("POST", at("legacykeys"), c.ann, body(`{"key":"`+legacyKey+`"}`)).want(409)
	for _, bad := range []string{"short", "has a space in it", c.annToken} {
		c.do("POST", at("legacykeys"), c.ann, body(`{"key":"`+bad+`"}`)).want(400)
	}
	c.do("GET", "/api/v1/user", header("X-API-Key", legacyKey)).want(401) // it opens no door
}

// used returns how many seats are in use.
func (c *company) used() int {
	c.t.Helper()
	var seats struct{ Used int }
	c.into(c.do("GET", at("seats"), c.ann).want(200), &seats)
	return seats.Used
}

func testCountedOnce(t *testing.T, c *company) {
	c.join("bob")
	c.subscribe(1)
	c.do("POST", at("legacykeys"), c.ann, body(`{"key":"`+legacyKey+`","member":"bob"}`)).want(201)
	c.do("PUT", at("members", "bob", "seat"), c.ann).want(200) // uses no further one
	if c.used() != 1 {
		t.Errorf("%d are in use", c.used())
	}
	c.do("PUT", at("members", "ann", "seat"), c.ann).fault(409, "No seat is left: 1 of 1 are in use.")
}

func testUnassignedKey(t *testing.T, c *company) {
	c.subscribe(1)
	key := c.do("POST", at("legacykeys"), c.ann, body(`{"key":"`+legacyKey+`"}`)).want(201).get("id")
	c.do("PUT", at("members", "ann", "seat"), c.ann).fault(409, "No seat is left: 1 of 1 are in use.")
	c.do("DELETE", at("legacykeys", key), c.ann).want(204) // as the page says, it may have to go first
	c.do("PUT", at("members", "ann", "seat"), c.ann).want(200)
	c.do("DELETE", at("legacykeys", key), c.ann).fault(404, "Legacy key is not found.")
}

func testDeletedAfterMove(t *testing.T, c *company) {
	_, text := c.join("bob")
	c.subscribe(2)
	key := c.do("POST", at("legacykeys"), c.ann, body(`{"key":"`+legacyKey+`","member":"bob"}`)).want(201).get("id")
	c.do("PUT", at("members", "bob", "seat"), c.ann).want(200)
	c.do("DELETE", at("legacykeys", key), c.ann).want(204)
	c.granted(c.activate(text, false))
	c.refused(c.activate(legacyKey, false), licence.UnknownToken, "LATCHKEY_AUTH_TOKEN")
	if c.used() != 1 {
		t.Errorf("%d are in use", c.used())
	}
}

func testTransition(t *testing.T, c *company) {
	c.subscribe(2)
	c.do("POST", at("legacykeys"), c.ann, body(`{"key":"`+legacyKey+`","name":"old"}`)).want(201)
	for _, ci := range []bool{false, true} {
		claims := c.granted(c.activate(legacyKey, ci))
		if claims.Kind != grant.KindLegacy || claims.Subject != "old" {
			t.Errorf("%+v", claims)
		}
	}
	c.legacy(conf.Legacy{})
	c.refused(c.activate(legacyKey, false), licence.LegacyKeysNotAccepted, "Set LATCHKEY_AUTH_TOKEN")
}

func testDowntimes(t *testing.T, c *company) {
	c.subscribe(2)
	c.do("POST", at("legacykeys"), c.ann, body(`{"key":"`+legacyKey+`"}`)).want(201)
	now := c.clock.Now()
	first := conf.Downtime{Start: now.Add(time.Hour), End: now.Add(2 * time.Hour)}
	second := conf.Downtime{Start: now.Add(24 * time.Hour), End: now.Add(25 * time.Hour)}
	c.legacy(conf.Legacy{Accept: true, Downtimes: []conf.Downtime{first, second}, Guide: "https://example.com/move"})
	notice := c.activate(legacyKey, false).want(200).get("notice")
	if !strings.Contains(notice, "from 2026-05-27 13:39 UTC to 2026-05-27 14:39 UTC") || !strings.Contains(notice, "https://example.com/move") {
		t.Error(notice)
	}
	c.clock.advance(time.Hour)
	c.refused(c.activate(legacyKey, false), licence.LegacyKeyDowntime, "again from 2026-05-27 14:39 UTC on. The next time in which they are not accepted is from 2026-05-28")
	c.clock.advance(time.Hour)
	c.granted(c.activate(legacyKey, false))
}

func testSunset(t *testing.T, c *company) {
	c.subscribe(2)
	c.do("POST", at("legacykeys"), c.ann, body(`{"key":"`+legacyKey+`"}`)).want(201)
	c.do("PUT", at("members", "ann", "seat"), c.ann).want(200)
	c.legacy(conf.Legacy{Accept: true, Sunset: c.clock.Now().Add(time.Hour)})
	if notice := c.activate(legacyKey, false).want(200).get("notice"); !strings.Contains(notice, "From 2026-05-27 13:39 UTC on") {
		t.Error(notice)
	}
	c.clock.advance(time.Hour)
	c.refused(c.activate(legacyKey, false), licence.LegacyKeySunset, "Set LATCHKEY_AUTH_TOKEN")
	c.granted(c.activate(c.annToken, false))
}

func testSubscriptionFields(t *testing.T, c *company) {
	c.do("POST", at("subscriptions"), c.ann, body(`{"plan":"team","seats":1,"ends_at":"2027-01-31"}`)).fault(403, "Administrator access required.")
	for _, bad := range []string{
		`{"plan":"team","seats":1}`, `{"plan":"team","seats":0,"ends_at":"2027-01-31"}`, `{"seats":1,"ends_at":"2027-01-31"}`,
		`{"plan":"team","seats":1,"ends_at":"2027-13-31"}`, `{"plan":"team","seats":1,"ends_at":"2020-01-31"}`,
		`{"plan":"team","seats":1,"starts_at":"2027-02-01","ends_at":"2027-01-31"}`, `{"trial":true,"plan":"team"}`,
	} {
		c.do("POST", at("subscriptions"), c.root, body(bad)).want(400)
	}
	later := c.do("POST", at("subscriptions"), c.root, body(`{"plan":"team","seats":1,"starts_at":"2026-06-01","ends_at":"2026-06-30"}`)).want(201)
	if later.get("starts_at") != "2026-06-01T00:00:00.000000Z" || later.get("ends_at") != "2026-07-01T00:00:00.000000Z" || later.get("state") != "pending" {
		t.Error(later.body)
	}
	c.do("PUT", at("members", "ann", "seat"), c.ann, body(`{"subscription":"`+later.get("id")+`"}`)).want(200)
	c.refused(c.activate(c.annToken, false), licence.SubscriptionPending, "not started")
	c.clock.advance(10 * 24 * time.Hour)
	c.granted(c.activate(c.annToken, false))
	c.clock.advance(40 * 24 * time.Hour)
	c.refused(c.activate(c.annToken, false), licence.SubscriptionExpired, "renew")
	c.ann = token(c.logIn("ann"))
	c.do("PUT", at("members", "ann", "seat"), c.ann, body(`{"subscription":"000000000000000000000000"}`)).fault(404, "Subscription is not found.")
	c.do("PUT", at("members", "ann", "seat"), c.ann, body(`{"subscription":"`+later.get("id")+`"}`)).fault(409, "The subscription has ended.")
	c.root = token(c.logIn("alice"))
	c.subscribe(1) // the next one: the seat of the old one is given up for it
	c.do("PUT", at("members", "ann", "seat"), c.ann).want(200)
	c.granted(c.activate(c.annToken, false))
	c.do("PUT", at("members", "ann", "seat"), c.ann).fault(409, "The member has a seat already.")
}

func testCITokens(t *testing.T, c *company) {
	bob, _ := c.join("bob")
	c.subscribe(1)
	c.do("PUT", at("members", "bob"), c.ann, body(`{"permissions":["ci_tokens.manage"]}`)).want(200)
	made := c.do("POST", at("citokens"), bob, body(`{"name":"nightly","ttl":"48h"}`)).want(201)
	text, id := made.get("token"), made.get("id")
	c.do("DELETE", at("members", "bob"), c.ann).want(204) // the token survives its maker
	claims := c.granted(c.activate(text, true))
	if claims.Kind != grant.KindCI || claims.Subject != "nightly" || c.used() != 0 {
		t.Errorf("%+v, %d seats", claims, c.used())
	}
	door := c.do("GET", "/auth/v1/verify", header("X-API-Key", text)).want(200)
	if door.header.Get("X-Auth-Kind") != "ci" || door.header.Get("X-Auth-Roles") != "" || len(door.header.Get("X-Auth-Workspace")) != 24 {
		t.Errorf("at the door: %v", door.header)
	}
	c.do("GET", acme, header("X-API-Key", text)).fault(403, "A CI token cannot manage a workspace; log in, or use a developer token.")
	if got := c.do("GET", at("citokens"), c.ann).want(200); !strings.Contains(got.body, `"created_by":"bob"`) || strings.Contains(got.body, "lkc_") {
		t.Error(got.body)
	}
	fresh := c.do("POST", at("citokens", id, "rotate"), c.ann).want(200).get("token")
	c.refused(c.activate(text, true), licence.UnknownToken, "rotated")
	c.clock.advance(48 * time.Hour)
	c.refused(c.activate(fresh, true), licence.TokenExpired, "Create a new one")
	c.ann = token(c.logIn("ann"))
	c.do("POST", at("citokens", id, "rotate"), c.ann).fault(409, "The token has expired; create a new one.")
	c.do("DELETE", at("citokens", id), c.ann).want(204)
	c.do("DELETE", at("citokens", id), c.ann).want(404)
	c.do("POST", at("citokens"), c.ann, body(`{"name":"x","expiration":"2026-13-40"}`)).want(400)
}

func testRotation(t *testing.T, c *company) {
	shown := c.do("GET", at("developertoken"), c.ann).want(200)
	c.do("DELETE", at("developertoken"), c.ann).want(405)
	c.do("DELETE", at("citokens", shown.get("id")), c.ann).want(404)
	c.do("DELETE", "/api/v1/apikeys/"+shown.get("id"), c.ann).want(404)
	c.do("POST", "/auth/v1/revoke", form("token="+c.annToken)).want(200)
	c.do("GET", "/api/v1/user", header("X-API-Key", c.annToken)).want(200)
	rotated := c.do("POST", at("developertoken", "rotate"), header("X-API-Key", c.annToken)).want(200) // full access to the workspace
	if rotated.get("id") != shown.get("id") {
		t.Error("it is another token")
	}
	c.do("GET", "/api/v1/user", header("X-API-Key", c.annToken)).want(401)
	c.do("GET", acme, header("X-API-Key", c.annToken)).want(401)
	c.refused(c.activate(c.annToken, false), licence.UnknownToken, "rotated")
	c.do("GET", "/api/v1/user", header("X-API-Key", rotated.get("token"))).want(200)
	c.do("POST", at("developertoken", "rotate"), c.root).fault(403, "Only a member of the workspace has a developer token.")
}

func testDeveloperTokenInCI(t *testing.T, c *company) {
	c.subscribe(1)
	c.do("PUT", at("members", "ann", "seat"), c.ann).want(200)
	c.refused(c.activate(c.annToken, true), licence.DeveloperTokenInCI, "to a CI token")
}

func testNoLicence(t *testing.T, c *company) {
	c.refused(c.activate(c.annToken, false), licence.NoLicenceAssigned, "seat")
	ci := c.do("POST", at("citokens"), c.ann, body(`{"name":"nightly"}`)).want(201).get("token")
	c.refused(c.activate(ci, true), licence.NoSubscription, "no subscription")
	c.do("GET", "/api/v1/user", header("X-API-Key", c.annToken)).want(200)
	c.do("PUT", "/api/v1/users/ann", c.root, body(`{"enabled":false}`)).want(200)
	c.refused(c.activate(c.annToken, false), licence.AccountDisabled, "disabled")
}

func testGrant(t *testing.T, c *company) {
	c.subscribe(1)
	c.do("PUT", at("members", "ann", "seat"), c.ann).want(200)
	claims := c.granted(c.activate(c.annToken, false))
	now := c.clock.Now().Truncate(time.Second)
	want := grant.Claims{
		Issuer: "https://auth.example.com", Subject: "ann", ID: claims.ID, IssuedAt: now, NotBefore: now, ExpiresAt: now.Add(24 * time.Hour),
		Kind: grant.KindUser, Workspace: claims.Workspace, Plan: "team", Features: []string{"cloud"}, Product: "tool", Version: "1.0", MachineID: "0c49752c",
	}
	if got := fmt.Sprintf("%+v", claims); got != fmt.Sprintf("%+v", want) || claims.Workspace.Name != "acme" {
		t.Errorf("claims %s", got)
	}
	c.clock.advance(year - 40*time.Hour) // an hour more than a day before the end
	if claims = c.granted(c.activate(c.annToken, false)); claims.ExpiresAt.After(time.Date(2027, 5, 28, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the grant outlives the subscription: %s", claims.ExpiresAt)
	}
}

func testInfoOfToken(t *testing.T, c *company) {
	c.subscribe(1)
	if got := c.do("GET", "/info", header("X-API-Key", c.annToken)).want(200); !strings.Contains(got.body, `"is_license_activated":false`) {
		t.Error(got.body)
	}
	c.do("PUT", at("members", "ann", "seat"), c.ann).want(200)
	if got := c.do("GET", "/info", header("X-API-Key", c.annToken)).want(200); !strings.Contains(got.body, `"edition":"team","is_license_activated":true`) {
		t.Error(got.body)
	}
}

func testBadActivation(t *testing.T, c *company) {
	c.do("POST", "/api/v1/activate", body(`{"product":"tool","machine_id":"1"}`)).want(401)
	for _, bad := range []string{`{}`, `{"product":"tool"}`, `{"product":"a b","machine_id":"1"}`, `{"product":"tool","machine_id":"1","x":1}`, `[]`} {
		c.do("POST", "/api/v1/activate", header("X-API-Key", c.annToken), body(bad)).want(400)
	}
	c.refused(c.activate("lkd_000000000000000000000000000000000000", false), licence.UnknownToken, "mistyped")
	session := c.logIn("ann")
	c.refused(c.activate(session, false), licence.UnknownToken, "no developer or CI token")
}

func testNoAuditFile(t *testing.T, c *company) {
	c.do("GET", at("audit"), c.ann).fault(404, "The audit log is not kept in a file that can be read here.")
}
