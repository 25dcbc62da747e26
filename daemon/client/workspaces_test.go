package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/plugins/secret"
)

// exchange is a call, what it should send and what it is answered with.
type exchange struct {
	send   string // METHOD path body
	status int
	answer string
	call   func(ctx context.Context, c *Client) (any, error)
	want   string // of what the call returns, as %+v prints it
}

// texts returns what two calls return that hand out a text; the text is revealed.
func texts[T any](text secret.Text, other T, err error) (any, error) {
	return []any{text.Reveal(), other}, err
}

// all returns a list.
func all[T any](records func(func(T, error) bool)) (any, error) {
	var list []T
	for record, err := range records {
		if err != nil {
			return nil, err
		}
		list = append(list, record)
	}
	return list, nil
}

// The member that the answers have, and how he is printed.
const (
	member = `{"id":"m1","name":"Zoë","mail":"zoe@example.com","role":"member","permissions":["audit.read"],"state":"active","legacy_keys":2,"seat":"s1"}`
	shown  = `ID:m1 Name:Zoë Mail:zoe@example.com User: Role:member Permissions:[audit.read] State:active`
)

// day is a moment in another zone than UTC.
func day() time.Time { return time.Date(2027, 1, 31, 0, 0, 0, 0, time.FixedZone("", 3600)) }

// workspaceExchanges are the calls for workspaces themselves.
func workspaceExchanges() []exchange {
	return []exchange{
		{
			`POST /api/v1/workspaces {"name":"acme","owner":"bob"}`, 201, `{"workspace":{"id":"w1","name":"acme"},"member":` + member + `,"token":"lkd_canary"}`,
			func(ctx context.Context, c *Client) (any, error) {
				made, err := c.CreateWorkspace(ctx, WorkspaceRequest{"acme", "bob"})
				return texts(made.Token, made.Workspace.ID+made.Member.ID, err)
			}, "[lkd_canary w1m1]",
		},
		{
			`POST /api/v1/invitations {"code":"lki_canary"}`, 201, `{"workspace":{"id":"w1","name":"acme"},"member":` + member + `,"token":"lkd_canary"}`,
			func(ctx context.Context, c *Client) (any, error) {
				made, err := c.AcceptInvitation(ctx, secret.New("lki_canary"))
				return texts(made.Token, made.Workspace.Name, err)
			}, "[lkd_canary acme]",
		},
		{
			`GET /api/v1/workspaces?all=true`, 200, `[{"id":"w1","name":"acme","trial_used":true,"role":"admin"}]`,
			func(ctx context.Context, c *Client) (any, error) { return all(c.Workspaces(ctx, true)) }, "TrialUsed:true Role:admin",
		},
		{
			`GET /api/v1/workspaces/a%2Fb`, 200, `{"id":"w1","name":"a/b","permissions":["audit.read"]}`,
			func(ctx context.Context, c *Client) (any, error) { return c.Workspace(ctx, "a/b") }, "Permissions:[audit.read]",
		},
		{
			`GET /api/v1/workspaces/acme/audit?limit=5`, 200, `[{"time":"2027-01-01T00:00:00.000000Z","event":"member.invite","outcome":"ok","other":1}]`,
			func(ctx context.Context, c *Client) (any, error) {
				records, err := c.WorkspaceAudit(ctx, "acme", 5)
				return []any{records[0].Event, records[0].Time.Year(), string(records[0].Text[len(records[0].Text)-11:])}, err
			}, `[member.invite 2027 ,"other":1}]`,
		},
	}
}

// memberExchanges are those for members.
func memberExchanges() []exchange {
	admin, permissions := RoleAdmin, []string{}
	return []exchange{
		{
			`POST /api/v1/workspaces/acme/members {"mail":"zoe@example.com","name":"Zoë"}`, 201,
			`{"member":` + member + `,"invitation":{"code":"lki_canary","link":"https://x/#lki_canary","expires_at":"2027-01-01T00:00:00.000000Z","mailed":true}}`,
			func(ctx context.Context, c *Client) (any, error) {
				m, made, err := c.Invite(ctx, "acme", MemberRequest{Name: "Zoë", Mail: "zoe@example.com"})
				return texts(made.Code, fmt.Sprint(m.ID, made.Link.Reveal(), made.Mailed, made.ExpiresAt.Year()), err)
			}, "[lki_canary m1https://x/#lki_canarytrue 2027]",
		},
		{
			`POST /api/v1/workspaces/acme/members/m1/invitation`, 201, `{"member":` + member + `,"invitation":{"code":"lki_canary","mailed":false}}`,
			func(ctx context.Context, c *Client) (any, error) {
				_, made, err := c.ResendInvitation(ctx, "acme", "m1")
				return texts(made.Code, made.Link.Empty(), err)
			}, "[lki_canary true]",
		},
		{
			`GET /api/v1/workspaces/acme/members?removed=true`, 200, `[` + member + `]`,
			func(ctx context.Context, c *Client) (any, error) { return all(c.Members(ctx, "acme", true)) }, shown,
		},
		{
			`GET /api/v1/workspaces/acme/members/zoe@example.com`, 200, member,
			func(ctx context.Context, c *Client) (any, error) { return c.Member(ctx, "acme", "zoe@example.com") }, shown,
		},
		{
			`PUT /api/v1/workspaces/acme/members/m1 {"role":"admin"}`, 200, member,
			func(ctx context.Context, c *Client) (any, error) {
				return c.ChangeMember(ctx, "acme", "m1", MemberChange{Role: &admin})
			}, shown,
		},
		{
			`PUT /api/v1/workspaces/acme/members/m1 {"permissions":[]}`, 200, member,
			func(ctx context.Context, c *Client) (any, error) {
				return c.ChangeMember(ctx, "acme", "m1", MemberChange{Permissions: &permissions})
			}, "Seat:s1 LegacyKeys:2",
		},
		{
			`DELETE /api/v1/workspaces/acme/members/m1`, 204, "",
			func(ctx context.Context, c *Client) (any, error) { return nil, c.RemoveMember(ctx, "acme", "m1") }, "nil",
		},
	}
}

// seatExchanges are those for seats and subscriptions.
func seatExchanges() []exchange {
	return []exchange{
		{
			`PUT /api/v1/workspaces/acme/members/m1/seat {}`, 200, member,
			func(ctx context.Context, c *Client) (any, error) { return c.AssignSeat(ctx, "acme", "m1", "") }, shown,
		},
		{
			`PUT /api/v1/workspaces/acme/members/m1/seat {"subscription":"s1"}`, 200, member,
			func(ctx context.Context, c *Client) (any, error) { return c.AssignSeat(ctx, "acme", "m1", "s1") }, shown,
		},
		{
			`DELETE /api/v1/workspaces/acme/members/m1/seat`, 204, "",
			func(ctx context.Context, c *Client) (any, error) { return nil, c.UnassignSeat(ctx, "acme", "m1") }, "nil",
		},
		{
			`GET /api/v1/workspaces/acme/seats`, 200, `{"used":1,"total":5,"seats":[` + member + `]}`,
			func(ctx context.Context, c *Client) (any, error) { return c.Seats(ctx, "acme") }, "{Used:1 Total:5 Seats:[{" + shown,
		},
		{
			`POST /api/v1/workspaces/acme/subscriptions {"ends_at":"2027-01-30T23:00:00.000000Z","features":["sso"],"plan":"team","seats":5,` +
				`"starts_at":"2027-01-30T23:00:00.000000Z"}`, 201, `{"id":"s1","plan":"team","seats":5,"state":"pending"}`,
			func(ctx context.Context, c *Client) (any, error) {
				return c.AddSubscription(ctx, "acme", SubscriptionRequest{"team", 5, day(), day(), []string{"sso"}})
			}, "State:pending",
		},
		{
			`POST /api/v1/workspaces/acme/subscriptions {"trial":true}`, 201, `{"id":"s1","plan":"trial","trial":true}`,
			func(ctx context.Context, c *Client) (any, error) { return c.StartTrial(ctx, "acme") }, "Trial:true",
		},
		{
			`GET /api/v1/workspaces/acme/subscriptions`, 200, `[{"id":"s1","used":3,"features":["sso"]}]`,
			func(ctx context.Context, c *Client) (any, error) { return all(c.Subscriptions(ctx, "acme")) }, "Used:3",
		},
	}
}

// tokenExchanges are those for tokens and keys.
func tokenExchanges() []exchange {
	return []exchange{
		{
			`GET /api/v1/workspaces/acme/developertoken`, 200, `{"id":"d1","created_at":"2027-01-01T00:00:00.000000Z"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.DeveloperToken(ctx, "acme") }, "{ID:d1 CreatedAt:2027",
		},
		{
			`POST /api/v1/workspaces/acme/developertoken/rotate`, 200, `{"id":"d1","token":"lkd_canary"}`,
			func(ctx context.Context, c *Client) (any, error) { return texts(c.RotateDeveloperToken(ctx, "acme")) }, "[lkd_canary d1]",
		},
		{
			`GET /api/v1/workspaces/acme/citokens`, 200, `[{"id":"c1","name":"build","created_by":"bob"}]`,
			func(ctx context.Context, c *Client) (any, error) { return all(c.CITokens(ctx, "acme")) }, "Name:build",
		},
		{
			`POST /api/v1/workspaces/acme/citokens {"expiration":"2027-01-31","name":"build"}`, 201, `{"id":"c1","name":"build","token":"lkc_canary"}`,
			func(ctx context.Context, c *Client) (any, error) {
				return texts(c.CreateCIToken(ctx, "acme", CITokenRequest{Name: "build", Expiration: day()}))
			}, "[lkc_canary {ID:c1 Name:build",
		},
		{
			`POST /api/v1/workspaces/acme/citokens {"name":"build","ttl":"24h0m0s"}`, 201, `{"id":"c1","name":"build","token":"lkc_canary"}`,
			func(ctx context.Context, c *Client) (any, error) {
				return texts(c.CreateCIToken(ctx, "acme", CITokenRequest{Name: "build", TTL: 24 * time.Hour}))
			}, "[lkc_canary {ID:c1 Name:build",
		},
		{
			`POST /api/v1/workspaces/acme/citokens/c1/rotate`, 200, `{"id":"c1","name":"build","token":"lkc_canary"}`,
			func(ctx context.Context, c *Client) (any, error) { return texts(c.RotateCIToken(ctx, "acme", "c1")) }, "[lkc_canary {ID:c1",
		},
		{
			`DELETE /api/v1/workspaces/acme/citokens/c1`, 204, "",
			func(ctx context.Context, c *Client) (any, error) { return nil, c.DeleteCIToken(ctx, "acme", "c1") }, "nil",
		},
		{
			`GET /api/v1/workspaces/acme/legacykeys`, 200, `[{"id":"k1","name":"old","member":"m1"}]`,
			func(ctx context.Context, c *Client) (any, error) { return all(c.LegacyKeys(ctx, "acme")) }, "Name:old Member:m1",
		},
		{
			`POST /api/v1/workspaces/acme/legacykeys {"key":"old-canary","member":"zoe","name":"old"}`, 201, `{"id":"k1","name":"old","member":"m1"}`,
			func(ctx context.Context, c *Client) (any, error) {
				return c.AddLegacyKey(ctx, "acme", LegacyKeyRequest{Key: secret.New("old-canary"), Name: "old", Member: "zoe"})
			}, "Member:m1",
		},
		{
			`PUT /api/v1/workspaces/acme/legacykeys/k1 {"member":""}`, 200, `{"id":"k1"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.AssignLegacyKey(ctx, "acme", "k1", "") }, "{ID:k1",
		},
		{
			`DELETE /api/v1/workspaces/acme/legacykeys/k1`, 204, "",
			func(ctx context.Context, c *Client) (any, error) { return nil, c.DeleteLegacyKey(ctx, "acme", "k1") }, "nil",
		},
	}
}

// Each call for workspaces is the request that the contract has, and its answer is read.
func TestWorkspaceCalls(t *testing.T) {
	for _, e := range slices.Concat(workspaceExchanges(), memberExchanges(), seatExchanges(), tokenExchanges()) {
		t.Run(strings.ReplaceAll(e.send, "/", " "), func(t *testing.T) {
			sent := ""
			c := server(t, key(), func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				sent = strings.TrimSpace(r.Method + " " + r.URL.RequestURI() + " " + string(body))
				answer(w, e.status, e.answer)
			})
			got, err := e.call(t.Context(), c)
			if err != nil || sent != e.send || !strings.Contains(fmt.Sprintf("%+v", got), e.want) {
				t.Errorf("sent %s\ngot  %+v, %v\nwant %s", sent, got, err, e.want)
			}
		})
	}
}

// A call whose answer lacks the text that is told once is an error, and a refusal is the server's.
func TestWorkspaceAnswers(t *testing.T) {
	empty := server(t, key(), func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, `{"id":"x","member":{"id":"m1"},"workspace":{}}`)
	})
	refusing := server(t, key(), func(w http.ResponseWriter, _ *http.Request) { answer(w, 404, `{"faultstring":"There is none."}`) })
	for name, call := range map[string]func(c *Client) error{
		"create": func(c *Client) error { _, err := c.CreateWorkspace(t.Context(), WorkspaceRequest{}); return err },
		"join":   func(c *Client) error { _, err := c.AcceptInvitation(t.Context(), secret.New("lki_canary")); return err },
		"invite": func(c *Client) error { _, _, err := c.Invite(t.Context(), "acme", MemberRequest{}); return err },
		"rotate": func(c *Client) error { _, _, err := c.RotateDeveloperToken(t.Context(), "acme"); return err },
		"ci":     func(c *Client) error { _, _, err := c.RotateCIToken(t.Context(), "acme", "c1"); return err },
	} {
		if _, ok := errors.AsType[*Unexpected](call(empty)); !ok {
			t.Errorf("%s: %v, want *Unexpected", name, call(empty))
		}
		if err := call(refusing); !isStatus(err, 404) || err.Error() != "There is none." {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	both := CITokenRequest{Name: "x", TTL: time.Hour, Expiration: time.Now()}
	if _, _, err := refusing.CreateCIToken(t.Context(), "acme", both); err == nil || isStatus(err, 404) {
		t.Errorf("%v, want an error about the arguments", err)
	}
	if _, err := refusing.Member(t.Context(), "acme", ".."); err == nil || isStatus(err, 404) {
		t.Errorf("%v, want an error about the arguments", err)
	}
}
