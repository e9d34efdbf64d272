package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	lookEvery = time.Second // at the kill switch
	lateAfter = time.Minute // a run that is later than that, because the machine slept, is left out
	reviewing = time.Hour   // how often the next run is worked out anew, should the clock be set
)

// ErrStopped is the cause of a run's context when the kill switch ended it.
var ErrStopped = errors.New("the schedule was stopped")

// Loop starts the runs of a schedule when they are due, one at a time.
type Loop struct {
	Schedule *Schedule
	// Start runs one experiment and returns when it has ended and everything is undone. Its context ends, with ErrStopped
	// as its cause, when the kill switch is thrown. Its error is told and ends nothing.
	Start func(ctx context.Context, r Run) error
	// Say is told what happens, one line at a time; nil: nobody listens.
	Say func(format string, args ...any)
}

// Run waits for the runs and starts them until ctx ends, and returns why it ended; when nothing comes any more it returns
// nil. What is due while an experiment runs, while the kill switch is thrown or while the machine sleeps is left out, and
// that is said.
func (l *Loop) Run(ctx context.Context) error {
	after := time.Now()
	announced := time.Time{}
	for {
		next, ok := l.Schedule.Next(after)
		if !ok {
			l.say("nothing is due within %d days", int(horizon.Hours()/24))
			return nil
		}
		if !next.At.Equal(announced) {
			l.say("next: %s at %s (%s)", next.Experiment, next.At.Format("Mon 2006-01-02 15:04:05 MST"), next.Entry)
			announced = next.At
		}
		due, err := l.await(ctx, next.At)
		if err != nil {
			return err
		}
		if !due {
			continue
		}
		after = next.At
		if late := time.Since(next.At); late > lateAfter {
			l.say("left out: %s was due %s ago", next.Experiment, late.Round(time.Second))
			continue
		}
		if why, stopped := l.Schedule.Stopped(); stopped {
			l.say("left out: %s: %s", next.Experiment, why)
			continue
		}
		if err := l.start(ctx, next); err != nil {
			return err
		}
		for _, missed := range l.Schedule.Runs(after, time.Now()) {
			l.say("left out: %s was due at %s, while another ran", missed.Experiment, missed.At.Format("15:04:05"))
		}
		after = maxTime(after, time.Now())
	}
}

// await waits until an instant, or for a while: then due is false and the next run is to be worked out again.
func (l *Loop) await(ctx context.Context, at time.Time) (due bool, err error) {
	wait := min(time.Until(at), reviewing)
	timer := time.NewTimer(max(0, wait))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-timer.C:
		return !time.Now().Before(at), nil
	}
}

// start runs one experiment and watches the kill switch meanwhile.
func (l *Loop) start(ctx context.Context, r Run) error {
	runCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		l.watch(ended, cancel)
	}()
	l.say("start: %s (%s)", r.Experiment, r.Entry)
	err := l.Start(runCtx, r)
	close(ended)
	<-watched
	if err != nil {
		l.say("%s: %v", r.Experiment, err)
	} else {
		l.say("%s has ended", r.Experiment)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (l *Loop) watch(ended <-chan struct{}, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			if why, stopped := l.Schedule.Stopped(); stopped {
				cancel(fmt.Errorf("%w: %s", ErrStopped, why))
				return
			}
		}
	}
}

func (l *Loop) say(format string, args ...any) {
	if l.Say != nil {
		l.Say(format, args...)
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
