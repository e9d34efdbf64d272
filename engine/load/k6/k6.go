// Package k6 runs scripts of k6 with a k6 that the user has installed, and shows what it measures as if it were
// gameday's own load: metrics once a second, thresholds, checks, and the summary at the end.
//
// k6 is not linked. Its figures come from the event stream of its web dashboard, on a free loopback port, which costs a
// tenth of what its JSON output does; its summary is read from a file at the end.
package k6

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/format/digest"
	"gameday/sources/signal"
)

const (
	stopGrace    = 10 * time.Second // what k6 gets to end after an interrupt
	connectEvery = 50 * time.Millisecond
	every        = time.Second // a period of its events
)

// ErrMissing says that there is no k6 to run.
var ErrMissing = errors.New("k6 is not installed: get it from https://grafana.com/docs/k6/latest/set-up/install-k6/ " +
	"(or: go install go.k6.io/k6@latest), or say where it is with --k6 PATH")

// Options are what a run of a script needs.
type Options struct {
	Path   string                     // of k6; "" looks for it in PATH
	Args   []string                   // more arguments of `k6 run`, before the script
	Env    []string                   // of k6, beside gameday's own; later ones count
	Emit   func([]signal.MetricPoint) // gets metrics once a second, from one goroutine; may be nil
	Output io.Writer                  // gets what k6 prints; may be nil
}

// Run is one run of a script. Its methods are safe for concurrent use.
type Run struct {
	name    string
	started time.Time
	cmd     *exec.Cmd
	folder  string // for the summary
	emit    func([]signal.MetricPoint)
	stop    chan struct{}
	once    sync.Once
	done    chan struct{}

	mu      sync.Mutex
	live    stream
	period  series
	total   series
	before  series // the total at the end of the period before
	seconds load.Seconds
	failed  map[string][]string // thresholds that are crossed
	report  *digest.Report
	err     error
}

// Start runs a script. When ctx ends k6 is stopped as by Stop.
func Start(ctx context.Context, script string, o Options) (*Run, error) {
	path := o.Path
	if path == "" {
		path = "k6"
	}
	path, err := exec.LookPath(path)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", script, ErrMissing)
	}
	if _, err := os.Stat(script); err != nil {
		return nil, fmt.Errorf("run %s: %w", script, errors.Unwrap(err))
	}
	port, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("run %s: find a free port for k6's events: %w", script, err)
	}
	folder, err := os.MkdirTemp("", "gameday-k6-")
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", script, err)
	}
	r := &Run{name: filepath.Base(script), started: time.Now(), folder: folder, emit: o.Emit, stop: make(chan struct{}), done: make(chan struct{})}
	args := append([]string{"run", "--no-usage-report", "--no-color", "--quiet", "--summary-export", r.summaryFile(),
		"--summary-trend-stats", "avg,min,med,max,p(90),p(95),p(99)"}, o.Args...)
	r.cmd = exec.Command(path, append(args, "--", script)...)
	r.cmd.Env = append(append(os.Environ(), o.Env...), "K6_WEB_DASHBOARD=true", "K6_WEB_DASHBOARD_HOST=127.0.0.1",
		"K6_WEB_DASHBOARD_PORT="+strconv.Itoa(port), "K6_WEB_DASHBOARD_PERIOD="+every.String(), "K6_WEB_DASHBOARD_OPEN=false", "K6_NO_USAGE_REPORT=true")
	r.cmd.Stdout, r.cmd.Stderr = o.Output, o.Output
	r.cmd.WaitDelay = time.Second
	attributes(r.cmd)
	begun, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the parent whose death ends k6 is the thread that started it
		defer runtime.UnlockOSThread()
		err := r.cmd.Start()
		begun <- err
		if err == nil {
			ended <- r.cmd.Wait()
		}
	}()
	if err := <-begun; err != nil {
		return nil, errors.Join(fmt.Errorf("run %s: start k6: %w", script, err), os.RemoveAll(folder))
	}
	go r.main(ctx, ended, "http://127.0.0.1:"+strconv.Itoa(port))
	return r, nil
}

func (r *Run) summaryFile() string { return filepath.Join(r.folder, "summary.json") }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// main follows k6 to its end.
func (r *Run) main(ctx context.Context, ended <-chan error, address string) {
	reading, cancel := context.WithCancel(context.Background())
	var reader sync.WaitGroup
	reader.Go(func() { r.read(reading, address) })
	err := r.wait(ctx, ended)
	cancel()
	reader.Wait()
	r.conclude(err)
	close(r.done)
}

// wait waits for k6's end. It is interrupted when the run is to stop, and killed when it does not end then.
func (r *Run) wait(ctx context.Context, ended <-chan error) error {
	stop, over := r.stop, ctx.Done()
	var kill <-chan time.Time
	for {
		select {
		case err := <-ended:
			return err
		case <-stop:
		case <-over:
		case <-kill:
			_ = r.cmd.Process.Kill() // it may have ended by now
			kill = nil
			continue
		}
		stop, over = nil, nil
		kill = time.After(stopGrace)
		_ = r.cmd.Process.Signal(os.Interrupt) // likewise
	}
}

// read follows the event stream, which is there a moment after k6 has started.
func (r *Run) read(ctx context.Context, address string) {
	for ctx.Err() == nil {
		err := r.live.follow(ctx, address, r.took)
		r.mu.Lock()
		any := r.total != nil
		r.mu.Unlock()
		if err == nil || any {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(connectEvery):
		}
	}
}

// took keeps what an event says, and passes a period's figures on.
func (r *Run) took(event string, values series, crossed map[string][]string) {
	r.mu.Lock()
	switch event {
	case "cumulative":
		r.total = values
	case "threshold":
		r.failed = crossed
	case "snapshot":
		r.period = values
		if r.total != nil {
			r.seconds.Add(second(values, r.total, r.before))
			r.before = r.total
		}
	}
	total := r.total
	r.mu.Unlock()
	if event == "snapshot" && r.emit != nil && total != nil {
		r.emit(points(r.name, values, total))
	}
}

// State is how the run stands.
func (r *Run) State() signal.LoadState {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := state(r.name, r.started, r.period, r.total, r.standing())
	out.Seconds = r.seconds.Latest()
	select {
	case <-r.done:
		out.Running = false
	default:
	}
	return out
}

// Stop ends the run: k6 is interrupted, which lets it write its summary, and killed when that takes ten seconds.
func (r *Run) Stop() { r.once.Do(func() { close(r.stop) }) }

// Done is closed when k6 has ended and its summary is read.
func (r *Run) Done() <-chan struct{} { return r.done }

// Wait waits for the end and returns the summary. An error says why there is none, or why k6 could not run the script.
func (r *Run) Wait() (*digest.Report, error) {
	<-r.done
	return r.report, r.err
}
