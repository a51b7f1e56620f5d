// Package process holds what long-running programs of this binary share: when to stop, and how they
// tell their addresses.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// ErrParentGone is the cause of a context that ended because the parent process had died.
var ErrParentGone = errors.New("the parent process is gone")

// UntilStopped returns a context that ends at SIGTERM or SIGINT and, when withParent is set, soon
// after the process that started this one has died.
//
// The parent is polled: PR_SET_PDEATHSIG would fire when the parent's *thread* ends, and test runners
// start this program from short-lived threads.
func UntilStopped(withParent bool) (context.Context, context.CancelFunc) {
	signalled, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	ctx, cancel := context.WithCancelCause(signalled)
	if withParent {
		parent := os.Getppid()
		go func() {
			for range time.Tick(200 * time.Millisecond) {
				if os.Getppid() != parent {
					cancel(ErrParentGone)
					return
				}
			}
		}()
	}
	return ctx, func() { cancel(nil); stop() }
}

// Announce prints one JSON line on standard output: callers read it to learn addresses.
func Announce(value any) error {
	return json.NewEncoder(os.Stdout).Encode(value)
}
