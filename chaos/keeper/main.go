package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"gameday/chaos"
	"gameday/chaos/journal"
)

// patience is how long a keeper goes on trying to undo what does not want to be undone, before it leaves it to a person.
const patience = 60 * time.Second

// Pipe is the keeper's end of the pipe, in a process that Start started.
func Pipe() *os.File { return os.NewFile(pipeFD, "session") }

// Main is what the keeper process runs. It returns nil when nothing is left to undo. While it waits and works it ignores
// the signals that a closing terminal or an impatient person sends; it ends by itself, soon after the session.
func Main(ctx context.Context, pipe *os.File, journalPath string, faults []chaos.Fault) error {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGPIPE,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	if _, err := pipe.Write([]byte{ready}); err != nil && !errors.Is(err, syscall.EBADF) { // EBADF: a plain pipe, that no one can be told through
		return fmt.Errorf("keep %s: say that the keeper is ready: %w", journalPath, err)
	}
	ended := make(chan error, 1)
	go func() { // ends with the pipe
		_, err := io.Copy(io.Discard, pipe)
		ended <- err
	}()
	select {
	case <-ended: // EOF and an error mean the same: nobody is at the other end
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("keep %s: %w", journalPath, ctx.Err()), pipe.Close())
	}
	return restore(ctx, journalPath, faults)
}

// restore tries until nothing is left, or patience is at its end.
func restore(ctx context.Context, path string, faults []chaos.Fault) error {
	var give time.Time
	for pause := 10 * time.Millisecond; ; {
		res, err := chaos.RestoreJournal(ctx, path, "keeper", faults)
		var damage *journal.DamageError
		switch {
		case errors.Is(err, os.ErrNotExist): // a clean end, or a recovery was faster
			return finished(path)
		case errors.Is(err, journal.ErrLocked): // the kernel is still closing the session's files, or a recovery is at work
		case errors.As(err, &damage):
			report(res)
			return err
		default:
			left := report(res)
			if left == nil && err == nil {
				return finished(path)
			}
			if give.IsZero() {
				give = time.Now().Add(patience)
			}
			if time.Now().After(give) {
				return fmt.Errorf("keep %s: %w", path, errors.Join(left, err))
			}
			pause = min(2*max(pause, 500*time.Millisecond), 10*time.Second)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("keep %s: %w", path, ctx.Err())
		case <-time.After(pause):
		}
	}
}

func finished(path string) error {
	if err := os.Remove(journal.KeeperLog(path)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove keeper log: %w", err)
	}
	return nil
}

// report writes what was done to the keeper's log, and returns what could not be done.
func report(res []chaos.Recovered) error {
	var errs []error
	for _, r := range res {
		fmt.Fprintf(os.Stderr, "%s %s %s %q: %s %s\n", time.Now().UTC().Format(time.RFC3339Nano), r.ID, r.Kind, r.Title, r.Outcome, r.Note)
		if r.Outcome == chaos.NeedsHuman {
			errs = append(errs, fmt.Errorf("%w; what remains: %s", r.Err, r.Remedy))
			fmt.Fprintf(os.Stderr, "  %v; what remains: %s\n", r.Err, r.Remedy)
		}
	}
	return errors.Join(errs...)
}
