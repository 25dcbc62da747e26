package daemon

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A store that says no is alive; one that says nothing is not.
func TestAnswersWithin(t *testing.T) {
	for name, c := range map[string]struct {
		ask   func(context.Context) error
		alive bool
	}{
		"fine":      {func(context.Context) error { return nil }, true},
		"disk full": {func(context.Context) error { return errors.New("no space left on device") }, true},
		"hangs": {func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if err := answersWithin(t.Context(), time.Second, c.ask); (err == nil) != c.alive {
					t.Errorf("error %v, alive %v", err, c.alive)
				}
			})
		})
	}
}
