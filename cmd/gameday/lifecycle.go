package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"syscall"
	"time"
)

// errSignal is the cause of a context that a signal ended.
type errSignal struct{ os.Signal }

func (e errSignal) Error() string { return "received " + e.String() }

// withSignals returns a context that ends with the first SIGINT, SIGTERM, SIGHUP (a dropped SSH link) or SIGQUIT, so
// that every way out is the orderly one, which undoes the faults. A second signal does not wait any longer: it calls
// force, and the keeper does the undoing. SIGPIPE is ignored: output that nobody reads is no reason to leave faults in.
func withSignals(parent context.Context, force func(os.Signal)) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	signal.Ignore(syscall.SIGPIPE)
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for first := true; ; first = false {
			select {
			case sig := <-ch:
				if !first {
					force(sig)
				}
				cancel(errSignal{sig})
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(ch)
		close(done)
		<-stopped
		cancel(nil)
	}
}

// signalled reports the signal that ended the context, if one did.
func signalled(ctx context.Context) (os.Signal, bool) {
	var e errSignal
	if errors.As(context.Cause(ctx), &e) {
		return e.Signal, true
	}
	return nil, false
}

// stateDir is $XDG_STATE_HOME/gameday, private to the user.
func stateDir() (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no place for journals: %w; set XDG_STATE_HOME", err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	dir := filepath.Join(base, "gameday")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("no place for journals: %w; set XDG_STATE_HOME to a directory that can be written", err)
	}
	return dir, nil
}

// crashFile sends what the runtime prints about a panic that nobody caught to a file as well, because on the
// alternate screen it would vanish with it. The keeper restores the terminal and names the file.
func crashFile(state string) (path string, closeIt func(), err error) {
	path = filepath.Join(state, fmt.Sprintf("crash-%s-%d.log", time.Now().UTC().Format("20060102T150405"), os.Getpid()))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("crash report: %w", err)
	}
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		return "", nil, errors.Join(fmt.Errorf("crash report: %w", err), f.Close(), os.Remove(path))
	}
	return path, func() {
		_ = debug.SetCrashOutput(nil, debug.CrashOptions{}) // nil only unsets
		info, err := f.Stat()
		_ = f.Close() // nothing is buffered
		if err == nil && info.Size() == 0 {
			_ = os.Remove(path) // an empty report is no report; a leftover harms nobody
		}
	}, nil
}

// dumpGoroutines is what SIGQUIT is for, without losing the orderly end.
func dumpGoroutines(state string) (string, error) {
	path := filepath.Join(state, fmt.Sprintf("goroutines-%s-%d.log", time.Now().UTC().Format("20060102T150405"), os.Getpid()))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	return path, errors.Join(pprof.Lookup("goroutine").WriteTo(f, 2), f.Close())
}
