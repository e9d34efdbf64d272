package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gameday/chaos/journal"
	"gameday/sources/signal"
)

// A live session listens on a Unix socket beside its journal, so that another terminal can see its faults and end them.
// Whoever may open the directory (its owner) may do that, and nobody else.

const (
	maxRequest     = 4 << 10
	controlTimeout = 60 * time.Second // an abort with undos that hang and are retried stays below this
)

type controlRequest struct {
	Op     string `json:"op"` // "abort", "faults"
	Reason string `json:"reason,omitempty"`
}

type controlReply struct {
	Undone int                 `json:"undone,omitempty"`
	Failed []string            `json:"failed,omitempty"`
	Faults []signal.FaultState `json:"faults,omitempty"`
	Err    string              `json:"err,omitempty"`
}

type control struct {
	ln   net.Listener
	path string
	wg   sync.WaitGroup
	stop context.CancelFunc
	ctx  context.Context
}

func socketPath(journalPath string) string {
	return strings.TrimSuffix(journalPath, journal.Suffix) + ".sock"
}

// ServeControl lets `gameday abort --all` and `gameday faults` in other terminals reach this session, until Close.
// onAbort (may be nil) is called when an abort is asked for, while the faults are being undone: it stops experiment and
// load, and must not wait for them.
func (c *Controller) ServeControl(onAbort func(reason string)) error {
	path := socketPath(c.cfg.Journal.Path())
	var ln *net.UnixListener
	err := shortPath(path, func(short string) (err error) {
		ln, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		return err
	})
	if err != nil {
		return fmt.Errorf("listen for aborts from other terminals: %w", err)
	}
	ln.SetUnlinkOnClose(false) // the path it knows may be the short one; close removes the real one
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("listen for aborts from other terminals: %w", err), ln.Close(), os.Remove(path))
	}
	ctl := &control{ln: ln, path: path}
	ctl.ctx, ctl.stop = context.WithCancel(context.Background())
	c.mu.Lock()
	if c.closed || c.control != nil {
		c.mu.Unlock()
		return errors.Join(errors.New("listen for aborts from other terminals: the session has ended or listens already"), ctl.close())
	}
	c.control = ctl
	c.mu.Unlock()
	ctl.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				if ctl.ctx.Err() != nil {
					return
				}
				time.Sleep(50 * time.Millisecond) // out of file descriptors: others may give some back
				continue
			}
			ctl.wg.Go(func() { c.answer(ctl, conn, onAbort) })
		}
	})
	return nil
}

func (ctl *control) close() error {
	ctl.stop()
	err := ctl.ln.Close()
	ctl.wg.Wait()
	if rerr := os.Remove(ctl.path); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	return err
}

func (c *Controller) answer(ctl *control, conn net.Conn, onAbort func(string)) {
	release := context.AfterFunc(ctl.ctx, func() { _ = conn.SetReadDeadline(time.Now()) }) // a client that says nothing holds nobody up
	defer release()
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(controlTimeout)) // without one the client's own time-out ends it
	line, err := bufio.NewReader(io.LimitReader(conn, maxRequest)).ReadBytes('\n')
	var req controlRequest
	var reply controlReply
	if err == nil {
		err = json.Unmarshal(line, &req)
	}
	switch {
	case err != nil:
		reply.Err = "the request cannot be read: " + err.Error()
	case req.Op == "faults":
		reply.Faults = c.States()
	case req.Op == "abort":
		reply = c.abortFor(req.Reason, onAbort)
	default:
		reply.Err = fmt.Sprintf("unknown request %q: the other gameday is a newer one", req.Op)
	}
	data, err := json.Marshal(reply)
	if err != nil {
		data = []byte(`{"err":"the answer cannot be written"}`)
	}
	_, _ = conn.Write(append(data, '\n')) // whoever asked may have left; what was asked for is done
}

func (c *Controller) abortFor(reason string, onAbort func(string)) controlReply {
	if reason == "" {
		reason = "abort from another terminal"
	}
	var wg sync.WaitGroup
	if onAbort != nil {
		wg.Go(func() { _ = guarded("abort", func() error { onAbort(reason); return nil }) }) // the undo below goes on whatever it does
	}
	before := 0
	for _, s := range c.States() {
		if s.Phase.Active() {
			before++
		}
	}
	errs := c.UndoAll(context.Background(), reason)
	wg.Wait()
	reply := controlReply{Undone: before - len(errs)}
	for _, err := range errs {
		reply.Failed = append(reply.Failed, err.Error())
	}
	return reply
}

// AbortResult is what one live session answered to RequestAbort.
type AbortResult struct {
	Session string
	Undone  int
	Failed  []string // one sentence per fault that could not be undone, with the command that remains
	Err     error    // the session did not answer; `gameday recover --force` undoes over its head
}

// RequestAbort asks every live session with a journal in dir to undo all its faults, and waits for the answers.
func RequestAbort(ctx context.Context, dir, reason string) ([]AbortResult, error) {
	paths, err := journal.List(dir)
	if err != nil {
		return nil, fmt.Errorf("abort: %w", err)
	}
	results := make([]*AbortResult, len(paths))
	var wg sync.WaitGroup
	for i, path := range paths {
		wg.Go(func() {
			c, err := journal.Read(path)
			if c == nil || errors.Is(err, os.ErrNotExist) || !c.Owner.Process.Alive() {
				return
			}
			r := requestAbort(ctx, c, reason)
			results[i] = &r
		})
	}
	wg.Wait()
	var out []AbortResult
	for _, r := range results {
		if r != nil {
			out = append(out, *r)
		}
	}
	return out, nil
}

func requestAbort(ctx context.Context, c *journal.Contents, reason string) AbortResult {
	reply, err := ask(ctx, c.Path, controlRequest{Op: "abort", Reason: reason})
	return AbortResult{Session: c.Owner.Session, Undone: reply.Undone, Failed: reply.Failed, Err: err}
}

func ask(ctx context.Context, journalPath string, req controlRequest) (controlReply, error) {
	var reply controlReply
	fail := func(err error) (controlReply, error) {
		return reply, fmt.Errorf("ask session %s: %w", strings.TrimSuffix(filepath.Base(journalPath), journal.Suffix), err)
	}
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	var conn net.Conn
	err := shortPath(socketPath(journalPath), func(short string) (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, "unix", short)
		return err
	})
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	release := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) }) // the read below then says so
	defer release()
	data, err := json.Marshal(req)
	if err != nil {
		return fail(err)
	}
	if _, err := conn.Write(append(data, '\n')); err != nil {
		return fail(err)
	}
	if err := json.NewDecoder(io.LimitReader(conn, 16<<20)).Decode(&reply); err != nil {
		return fail(fmt.Errorf("no answer: %w", err))
	}
	if reply.Err != "" {
		return fail(errors.New(reply.Err))
	}
	return reply, nil
}

// shortPath calls f with a name for path that fits into a socket address (107 bytes on Linux, 103 elsewhere).
func shortPath(path string, f func(short string) error) error {
	if len(path) <= 103 {
		return f(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		return fmt.Errorf("the path %s is too long for a socket; use a shorter directory", path)
	}
	return f(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
}

// Listed is one fault in force as another terminal sees it.
type Listed struct {
	Session string
	Owner   journal.Owner
	Live    bool   // its session is alive; otherwise `gameday recover` undoes it
	Source  string // "session" when it answered, "journal" otherwise: then counters are not known
	Fault   signal.FaultState
}

// ListFaults lists the faults in force of all sessions with a journal in dir, alive or dead. A journal that is damaged is
// listed as far as it can be read, and the error says so.
func ListFaults(ctx context.Context, dir string) ([]Listed, error) {
	paths, err := journal.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list faults: %w", err)
	}
	var out []Listed
	var errs []error
	for _, path := range paths {
		c, err := journal.Read(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			if c, err = journal.Salvage(path); err != nil {
				continue
			}
		}
		out = append(out, listOne(ctx, c)...)
	}
	return out, errors.Join(errs...)
}

func listOne(ctx context.Context, c *journal.Contents) []Listed {
	base := Listed{Session: c.Owner.Session, Owner: c.Owner, Live: c.Owner.Process.Alive(), Source: "journal"}
	var out []Listed
	if base.Live {
		askCtx, cancel := context.WithTimeout(ctx, time.Second)
		reply, err := ask(askCtx, c.Path, controlRequest{Op: "faults"})
		cancel()
		if err == nil {
			base.Source = "session"
			for _, s := range reply.Faults {
				if s.Phase.Active() {
					base.Fault = s
					out = append(out, base)
				}
			}
			return out
		}
	}
	for _, e := range c.Pending() {
		f := e.Fault
		base.Fault = signal.FaultState{ID: f.ID, Kind: f.Kind, Title: f.Title, Targets: f.Targets, Phase: signal.FaultArmed,
			Injected: e.Injected, Until: f.Until, Undo: f.UndoText, Err: e.Err, Remedy: e.Remedy}
		if !e.Armed {
			base.Fault.Phase = signal.FaultInjecting
		}
		if e.Err != "" {
			base.Fault.Phase = signal.FaultNeedsHuman
		}
		out = append(out, base)
	}
	return out
}
