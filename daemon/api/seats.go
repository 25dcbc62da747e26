package api

import (
	"net/http"
	"time"

	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
)

// subscriptionBody is a subscription in an answer.
type subscriptionBody struct {
	ID       store.ID                    `json:"id"`
	Plan     string                      `json:"plan"`
	Seats    int                         `json:"seats"`
	Used     int                         `json:"used"`
	StartsAt string                      `json:"starts_at"`
	EndsAt   string                      `json:"ends_at"`
	Features []string                    `json:"features"`
	Trial    bool                        `json:"trial"`
	State    workspace.SubscriptionState `json:"state"`
}

func showSubscription(s *store.Subscription, now time.Time) subscriptionBody {
	return subscriptionBody{
		s.ID, s.Plan, s.Seats, s.Used, stamp(s.StartsAt), stamp(s.EndsAt), orEmpty(s.Features), s.Trial, workspace.StateOf(s, now),
	}
}

// seatsBody are the seats of a workspace.
type seatsBody struct {
	Used  int          `json:"used"`
	Total int          `json:"total"`
	Seats []memberBody `json:"seats"`
}

// listSubscriptions shows all subscriptions of a workspace.
func (h *Handler) listSubscriptions(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	standing, err := h.workspaces.Find(x.context(), who, x.tenant())
	if err != nil {
		return err
	}
	list := []subscriptionBody{}
	for i := range standing.Workspace.Subscriptions {
		list = append(list, showSubscription(&standing.Workspace.Subscriptions[i], h.now()))
	}
	x.private()
	x.json(http.StatusOK, list)
	return nil
}

// addSubscription gives a workspace a subscription, or starts its trial.
func (h *Handler) addSubscription(x *exchange) error {
	who, f, err := x.form()
	if err != nil {
		return err
	}
	trial, _ := f.boolean("trial")
	asked, err := readSubscription(f, trial)
	if err != nil {
		return err
	}
	var added store.Subscription
	if trial {
		added, err = h.workspaces.StartTrial(x.context(), who, x.tenant())
	} else {
		added, err = h.workspaces.AddSubscription(x.context(), who, x.tenant(), asked)
	}
	if err != nil {
		return err
	}
	x.private()
	x.json(http.StatusCreated, showSubscription(&added, h.now()))
	return nil
}

// readSubscription takes a subscription out of f. A trial has nothing to say.
func readSubscription(f *fields, trial bool) (s store.Subscription, err error) {
	if trial {
		return s, f.done()
	}
	s.Plan, _ = f.text("plan")
	if seats := f.seconds("seats"); seats != nil {
		s.Seats = int(max(0, min(*seats, 1<<30)))
	}
	s.Features, _ = f.texts("features")
	for _, moment := range []struct {
		name string
		to   *time.Time
	}{{"starts_at", &s.StartsAt}, {"ends_at", &s.EndsAt}} {
		text, given := f.text(moment.name)
		if !given {
			continue
		}
		if *moment.to, err = instantOf(text, moment.name == "ends_at"); err != nil {
			f.refuse(fault.Invalidf("%s is not a date such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z.", moment.name))
		}
	}
	if err := f.done(); err != nil {
		return s, err
	}
	if s.EndsAt.IsZero() {
		return s, fault.Invalidf("ends_at is not given.")
	}
	return s, nil
}

// instantOf reads a time, or a day, in UTC: its first instant, or with end the first one after it.
func instantOf(text string, end bool) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Parse(time.RFC3339, text)
	}
	if end {
		day = day.AddDate(0, 0, 1)
	}
	return day, nil
}

// listSeats shows who holds a seat or a legacy key, and the numbers.
func (h *Handler) listSeats(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	seats, err := h.workspaces.Seats(x.context(), who, x.tenant())
	if err != nil {
		return err
	}
	body := seatsBody{Used: seats.Used, Total: seats.Total, Seats: []memberBody{}}
	for i := range seats.Members {
		body.Seats = append(body.Seats, showMember(&seats.Members[i]))
	}
	x.private()
	x.json(http.StatusOK, body)
	return nil
}

// assignSeat gives a member a seat.
func (h *Handler) assignSeat(x *exchange) error {
	who, f, err := x.form()
	if err != nil {
		return err
	}
	subscription, _ := f.text("subscription")
	if err := f.done(); err != nil {
		return err
	}
	m, err := h.workspaces.AssignSeat(x.context(), who, x.tenant(), x.request.PathValue("member"), store.ID(subscription))
	if err != nil {
		return err
	}
	return x.member(&m)
}

// unassignSeat takes a seat back.
func (h *Handler) unassignSeat(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	if err := h.workspaces.UnassignSeat(x.context(), who, x.tenant(), x.request.PathValue("member")); err != nil {
		return err
	}
	return x.gone()
}
