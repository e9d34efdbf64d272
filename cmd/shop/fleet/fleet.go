// Package fleet starts the demo shop's nine processes, watches them, and ends them.
//
// No process of the shop outlives the one that called Start, however that one ends: on Linux the kernel kills them
// when it dies, and everywhere each of them holds a pipe whose end tells it.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"gameday/sources/signal"
)

// Config says how the shop is to be run.
type Config struct {
	Exe      string   // the program that runs a service; "" is the running program
	Args     []string // what comes before ROLE and the flags: {"shop"} for a hidden subcommand
	OTLP     string   // host:port of an OTLP gRPC receiver; "" sends no traces and logs
	Patterns bool     // the resilience patterns are on at first
	Dir      string   // where a directory for database and log files is made, and removed by Stop; "" is the system's
	Seed     uint64   // of everything random in the services

	// Link is asked once for every edge, before any service starts: whoever wants to stand between two services gives
	// the address at which from shall look for to. proto is "http" or "grpc". nil links everyone directly.
	Link func(from, to, proto, upstream string) (addr string, err error)

	// Event is told of services that died and came back; nil tells nobody. It must not block.
	Event func(signal.Event)

	RestartDelay time.Duration // before a dead service is started again, doubled up to 8 times that; 0 is 1 s
	StartTimeout time.Duration // for all services to be healthy; 0 is 20 s
}

// Service is one process of the shop as a target: what it is called, where it is, and which process it is now.
type Service struct {
	Name       string
	Role       string
	Zone       string
	HTTPAddr   string // host:port of /metrics, /healthz, /health, and the service's own routes
	PID        int    // 0 while it is down
	StartTicks uint64 // of that PID: clock ticks since boot, /proc/PID/stat field 22; 0 where there is no /proc
}

// Target is one address to scrape metrics from.
type Target struct {
	Job      string
	Instance string // host:port
	Labels   map[string]string
}

// Fleet is a running shop. Its methods may be called from any goroutine.
type Fleet struct {
	cfg     Config
	dir     string
	procs   []*proc
	spawner *spawner
	life    *os.File // write end of the pipe that every child watches

	stopping chan struct{}
	stopOnce sync.Once
	stopped  chan struct{}
	stopErr  error
	wg       sync.WaitGroup

	mu      sync.Mutex
	desired map[string]map[string]bool // service → pattern → on
}

// Start starts everything in parallel and returns when all nine services say that they and what they depend on are
// healthy. ctx bounds the start only; call Stop to end the shop. The error names the service that did not come up, with
// its last words; nothing is left running then.
func Start(ctx context.Context, cfg Config) (*Fleet, error) {
	if cfg.Exe == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find the program that runs the shop's services: %w", err)
		}
		cfg.Exe = exe
	}
	if cfg.RestartDelay == 0 {
		cfg.RestartDelay = time.Second
	}
	if cfg.StartTimeout == 0 {
		cfg.StartTimeout = 20 * time.Second
	}
	dir, err := makeDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	f := &Fleet{cfg: cfg, dir: dir, stopping: make(chan struct{}), stopped: make(chan struct{}), desired: desiredPatterns(cfg.Patterns)}
	err = f.prepare()
	if err == nil {
		err = f.launch(ctx)
	}
	if err != nil {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return nil, errors.Join(err, f.Stop(grace))
	}
	return f, nil
}

// prepare reserves every port and asks for every link before the first process starts.
func (f *Fleet) prepare() error {
	byName := map[string]*proc{}
	for _, s := range topology() {
		p := &proc{spec: s, logPath: filepath.Join(f.dir, s.name+".log")}
		f.procs = append(f.procs, p)
		byName[s.name] = p
		var err error
		if p.http, err = reserve(); err != nil {
			return fmt.Errorf("find a free port for %s: %w", s.name, err)
		}
		if p.grpc, err = reserve(); err != nil {
			return fmt.Errorf("find a free gRPC port for %s: %w", s.name, err)
		}
	}
	for _, p := range f.procs {
		for _, d := range p.deps {
			upstream := byName[d.to].http.addr
			if d.proto == protoGRPC {
				upstream = byName[d.to].grpc.addr
			}
			addr := upstream
			if f.cfg.Link != nil {
				var err error
				if addr, err = f.cfg.Link(p.name, d.to, d.proto, upstream); err != nil {
					return fmt.Errorf("link %s to %s: %w", p.name, d.to, err)
				}
			}
			p.links = append(p.links, d.to+"="+addr)
		}
	}
	return nil
}

func (f *Fleet) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.StartTimeout)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the pipe that ties services to this process: %w", err)
	}
	f.life = w
	f.spawner = newSpawner(r)
	errs := make([]error, len(f.procs))
	var wg sync.WaitGroup
	for i, p := range f.procs {
		first := make(chan error, 1)
		f.wg.Go(func() { f.keep(p, first) })
		wg.Go(func() {
			select {
			case errs[i] = <-first:
			case <-ctx.Done():
				errs[i] = fmt.Errorf("start %s: it did not answer in time: %w%s", p.name, context.Cause(ctx), p.lastWords())
			}
			if errs[i] != nil {
				cancel() // one is enough; the others need not be waited for
				return
			}
			if err := awaitHealth(ctx, p.http.addr); err != nil {
				errs[i] = fmt.Errorf("start %s: %w%s", p.name, err, p.lastWords())
			}
		})
	}
	wg.Wait()
	f.wg.Go(f.trimLogs)
	return firstCause(errs)
}

// firstCause prefers the service that failed by itself to those that were given up because of it.
func firstCause(errs []error) error {
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}

// Stop ends every service: SIGTERM, and SIGKILL when ctx ends or 3 s have passed. It removes the shop's files. Further
// calls wait for the first and return what it returned.
func (f *Fleet) Stop(ctx context.Context) error {
	f.stopOnce.Do(func() {
		close(f.stopping)
		f.stopErr = f.stop(ctx)
		close(f.stopped)
	})
	<-f.stopped
	return f.stopErr
}

func (f *Fleet) stop(ctx context.Context) error {
	for _, p := range f.procs {
		p.terminate()
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() { f.wg.Wait(); close(done) }() // ends with the last child, which SIGKILL makes sure of
	select {
	case <-done:
	case <-ctx.Done():
		for _, p := range f.procs {
			p.kill()
		}
		<-done
	}
	var errs []error
	if f.spawner != nil {
		f.spawner.close()
	}
	if f.life != nil {
		errs = append(errs, f.life.Close())
	}
	for _, p := range f.procs {
		p.http.close()
		p.grpc.close()
	}
	if err := os.RemoveAll(f.dir); err != nil {
		errs = append(errs, fmt.Errorf("remove the shop's files: %w", err))
	}
	return errors.Join(errs...)
}

// Gateway is the base URL of the shop: "http://127.0.0.1:PORT".
func (f *Fleet) Gateway() string { return "http://" + f.proc("gateway").http.addr }

// LogFile is where the named service's stderr goes: JSON lines, the newest megabyte or two.
func (f *Fleet) LogFile(name string) string {
	if p := f.proc(name); p != nil {
		return p.logPath
	}
	return ""
}

func (f *Fleet) proc(name string) *proc {
	for _, p := range f.procs {
		if p.name == name {
			return p
		}
	}
	return nil
}

// Processes is every service as its supervisor sees it now: "starting", "up", "paused" (stopped by a signal) or "down".
func (f *Fleet) Processes() []signal.Process {
	out := make([]signal.Process, len(f.procs))
	for i, p := range f.procs {
		out[i] = p.process()
	}
	return out
}

// Services is every service as a target.
func (f *Fleet) Services() []Service {
	out := make([]Service, len(f.procs))
	for i, p := range f.procs {
		pid, ticks := p.identity()
		out[i] = Service{Name: p.name, Role: p.role, Zone: p.zone, HTTPAddr: p.http.addr, PID: pid, StartTicks: ticks}
	}
	return out
}

// Metrics is where to scrape. The addresses stay the same when a service is restarted.
func (f *Fleet) Metrics() []Target {
	out := make([]Target, len(f.procs))
	for i, p := range f.procs {
		out[i] = Target{Job: "shop", Instance: p.http.addr, Labels: map[string]string{"service": p.name, "role": p.role, "zone": p.zone}}
	}
	return out
}

// dirPrefix is followed by the PID of the owner, so that what a killed owner left can be told from what is in use.
const dirPrefix = "gameday-shop-"

func makeDir(parent string) (string, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	sweep(parent)
	dir, err := os.MkdirTemp(parent, fmt.Sprintf("%s%d-", dirPrefix, os.Getpid()))
	if err != nil {
		return "", fmt.Errorf("make a directory for the shop's databases: %w", err)
	}
	return dir, nil
}

// sweep removes what owners that were killed could not remove. Failing is harmless: the next one tries again.
func sweep(parent string) {
	old, err := filepath.Glob(filepath.Join(parent, dirPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range old {
		var pid int
		if _, err := fmt.Sscanf(strings.TrimPrefix(filepath.Base(dir), dirPrefix), "%d-", &pid); err == nil && !alive(pid) {
			_ = os.RemoveAll(dir) // see above
		}
	}
}

// environment is ours without what would redirect the services' telemetry, and with a bound on their threads.
func environment() []string {
	env := []string{fmt.Sprintf("GOMAXPROCS=%d", min(runtime.NumCPU(), 4))}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "OTEL_") && !strings.HasPrefix(kv, "GOMAXPROCS=") {
			env = append(env, kv)
		}
	}
	return env
}
