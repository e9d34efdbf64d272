package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"gameday/sources/signal"
)

const (
	maxLog      = 1 << 20 // of one log file; the one before it is kept as FILE.1
	pollEvery   = 20 * time.Millisecond
	stableAfter = 10 * time.Second // a service that ran so long is restarted without added delay
)

// States of a process.
const (
	stateStarting = "starting"
	stateUp       = "up"
	statePaused   = "paused"
	stateDown     = "down"
)

// proc is one service: what it is, and the process that runs it now.
type proc struct {
	spec
	http, grpc *reservation
	links      []string // NAME=HOST:PORT
	logPath    string

	mu       sync.Mutex
	cmd      *exec.Cmd // nil while down
	ticks    uint64
	state    string
	restarts int
}

// keep runs the service until the fleet stops, and starts it again when it dies. first is told of the first start.
func (f *Fleet) keep(p *proc, first chan<- error) {
	delay := f.cfg.RestartDelay
	for {
		started := time.Now()
		err := f.runOnce(p, first)
		first = nil
		select {
		case <-f.stopping:
			return
		default:
		}
		f.event(signal.Bad, p.name+" died", fmt.Sprintf("%s ended unexpectedly (%v); starting it again in %s", p.name, err, delay), p.name)
		select {
		case <-f.stopping:
			return
		case <-time.After(delay):
		}
		if delay *= 2; delay > 8*f.cfg.RestartDelay || time.Since(started) > stableAfter {
			delay = f.cfg.RestartDelay
		}
		p.mu.Lock()
		p.restarts++
		p.mu.Unlock()
	}
}

// runOnce runs one process from start to end and says how it ended.
func (f *Fleet) runOnce(p *proc, first chan<- error) error {
	tell := func(err error) {
		if first != nil {
			first <- err
		}
	}
	cmd, err := f.command(p)
	if err == nil {
		err = f.spawner.start(cmd)
		_ = cmd.Stderr.(*os.File).Close() // the child has its own; nothing was written through ours
	}
	if err != nil {
		err = fmt.Errorf("start %s: %w", p.name, err)
		tell(err)
		return err
	}
	p.set(cmd, stateStarting)
	select { // Stop may have looked for processes to end just before this one was there
	case <-f.stopping:
		p.terminate()
	default:
	}
	up, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if awaitOK(up, p.http.addr, "/healthz") != nil {
			return // it ended first
		}
		p.setState(cmd, stateUp)
		if first == nil {
			f.event(signal.Good, p.name+" is back", p.name+" was started again and answers", p.name)
		}
		tell(nil)
	})
	err = cmd.Wait()
	stop()
	wg.Wait()
	if err == nil {
		err = errors.New("exit status 0")
	}
	p.set(nil, stateDown)
	if first != nil {
		select {
		case first <- fmt.Errorf("start %s: it ended at once: %w%s", p.name, err, p.lastWords()):
		default: // it had come up before
		}
	}
	return err
}

func (f *Fleet) command(p *proc) (*exec.Cmd, error) {
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open its log file: %w", err)
	}
	args := append([]string{}, f.cfg.Args...)
	args = append(args, p.role, "-name="+p.name, "-zone="+p.zone, "-listen="+p.http.addr, "-grpc="+p.grpc.addr,
		"-otlp="+f.cfg.OTLP, "-patterns="+f.patternList(p.name), "-dir="+f.dir, fmt.Sprintf("-seed=%d", f.cfg.Seed), "-lifeline=3")
	for _, l := range p.links {
		args = append(args, "-dep="+l)
	}
	cmd := exec.Command(f.cfg.Exe, args...)
	cmd.Env = environment()
	cmd.Stderr = log
	cmd.Stdout = log
	return cmd, nil
}

func (f *Fleet) event(o signal.Outcome, title, detail, target string) {
	if f.cfg.Event != nil {
		f.cfg.Event(signal.Event{Start: time.Now(), Kind: signal.EventProcess, Outcome: o, Title: title, Detail: detail, Target: target})
	}
}

func (p *proc) set(cmd *exec.Cmd, state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.state, p.ticks = cmd, state, 0
	if cmd != nil {
		p.ticks = startTicks(cmd.Process.Pid)
	}
}

// setState changes the state of cmd unless another process has taken its place.
func (p *proc) setState(cmd *exec.Cmd, state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == cmd {
		p.state = state
	}
}

func (p *proc) identity() (pid int, ticks uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0, 0
	}
	return p.cmd.Process.Pid, p.ticks
}

func (p *proc) process() signal.Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := signal.Process{Name: p.name, State: p.state, Restarts: p.restarts, Address: p.http.addr}
	if p.cmd != nil {
		s.PID = p.cmd.Process.Pid
		if halted(s.PID) {
			s.State = statePaused
		}
	}
	return s
}

// terminate asks the process to end; one that is paused is woken to hear it.
func (p *proc) terminate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		terminate(p.cmd.Process)
	}
}

func (p *proc) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Kill() // fails only when it is gone already
	}
}

// lastWords is the end of the service's log, for an error message; "" when it said nothing.
func (p *proc) lastWords() string {
	const lines, most = 8, 4 << 10
	file, err := os.Open(p.logPath)
	if err != nil {
		return ""
	}
	defer file.Close()
	if st, err := file.Stat(); err == nil && st.Size() > most {
		if _, err := file.Seek(-most, io.SeekEnd); err != nil {
			return ""
		}
	}
	b, err := io.ReadAll(io.LimitReader(file, most))
	if text := strings.TrimSpace(string(b)); err == nil && text != "" {
		all := strings.Split(text, "\n")
		return "\nits last words:\n" + strings.Join(all[max(0, len(all)-lines):], "\n")
	}
	return ""
}

// trimLogs bounds the log files: a full one is copied aside and emptied. The services append, so they need not know.
func (f *Fleet) trimLogs() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-f.stopping:
			return
		case <-ticker.C:
		}
		for _, p := range f.procs {
			if err := trim(p.logPath); err != nil {
				f.event(signal.Warning, p.name+" log", "the log file of "+p.name+" could not be bounded: "+err.Error(), p.name)
			}
		}
	}
}

func trim(path string) error {
	st, err := os.Stat(path)
	if err != nil || st.Size() < maxLog {
		return nil // no file yet, or a small one
	}
	src, err := os.Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(path + ".1")
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, io.LimitReader(src, 4*maxLog))
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Truncate(path, 0)
}

// awaitOK asks until the path answers 200 or ctx ends.
func awaitOK(ctx context.Context, addr, path string) error {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	last := errors.New("it was never asked")
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		switch {
		case err == nil:
			body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // for the message only
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			last = fmt.Errorf("%s answered %d: %s", path, resp.StatusCode, strings.TrimSpace(string(body)))
		case ctx.Err() == nil:
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until it is healthy: %w (%w)", last, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

func awaitHealth(ctx context.Context, addr string) error { return awaitOK(ctx, addr, "/health") }
