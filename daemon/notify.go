package daemon

import (
	"context"
	"errors"
	"log/slog"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// notifier tells the service manager how the daemon is (sd_notify(3)); without a manager it does nothing.
type notifier struct{ log *slog.Logger }

func (n notifier) say(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		n.log.Warn("the service manager cannot be told how the daemon is", "error", err)
	}
}

func (n notifier) ready() { n.say(sd.SdNotifyReady + "\nSTATUS=Serving.") }
func (n notifier) reloading() {
	n.say(sd.SdNotifyReloading + "\nSTATUS=Reading the configuration anew.")
}

func (n notifier) stopping() {
	n.say(sd.SdNotifyStopping + "\nSTATUS=Finishing the requests under way.")
}

// watchdog tells the manager twice in each WatchdogSec= that the daemon lives, as long as alive answers in time. An answer
// that something is wrong (a full disk) is an answer: the daemon goes on checking tokens then, and a restart would not help.
func (n notifier) watchdog(ctx context.Context, alive func(context.Context) error) {
	interval, err := sd.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	ticker := time.NewTicker(interval / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := answersWithin(ctx, interval/2, alive); err != nil {
				n.log.Error("the watchdog is not fed: the store does not answer", "error", err)
				continue
			}
			n.say(sd.SdNotifyWatchdog)
		}
	}
}

// answersWithin asks and returns an error only when there is no answer in time, whatever the answer is.
func answersWithin(ctx context.Context, limit time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := ask(ctx); errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
