package daemon

import (
	"context"
	"log/slog"

	"latchkey/daemon/mail"
)

// loggedSender is a mail.Sender whose failures an administrator finds in the log; the inviter is told only that no mail was sent.
type loggedSender struct {
	to  *mail.Sender
	log *slog.Logger
}

// Send sends an invitation; see workspace.Sender.
func (s loggedSender) Send(ctx context.Context, invitation mail.Invitation) error {
	err := s.to.Send(ctx, invitation)
	if err != nil {
		s.log.Warn("an invitation could not be mailed; the inviter can hand it over", "error", err)
	}
	return err
}
