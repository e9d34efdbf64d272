// Package node is one running shop process: its telemetry, its HTTP server, its switches, and how it reaches what it
// depends on. A role (gateway, cart ...) adds routes and background work to it.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"gameday/cmd/shop/service/resilience"
	"gameday/cmd/shop/service/telemetry"
	"gameday/cmd/shop/service/web"
)

// Config is what the one who starts a process tells it.
type Config struct {
	Name string
	Role string
	Zone string
	GRPC string            // address to serve gRPC on, for the roles that do
	Dir  string            // where it may keep files
	Seed uint64            // of everything random
	Deps map[string]string // dependency → host:port
}

// Node is handed to the role. Everything on it is safe for concurrent use once Serve runs.
type Node struct {
	Config
	*web.Server
	Tel      *telemetry.Telemetry
	Log      *slog.Logger
	Switches *resilience.Switches

	health  *health
	guards  []*resilience.Guard
	tasks   []func(context.Context)
	closers []func() error
}

// New makes a node with the routes that every service has: /metrics, /healthz, /health and /control/patterns.
func New(cfg Config, tel *telemetry.Telemetry, switches *resilience.Switches, edge bool) *Node {
	n := &Node{Config: cfg, Server: web.NewServer(tel, edge), Tel: tel, Log: tel.Log, Switches: switches, health: newHealth()}
	for name, on := range switches.Map() {
		n.showPattern(resilience.Pattern(name), on)
	}
	switches.OnChange(func(p resilience.Pattern, on bool) {
		n.showPattern(p, on)
		if p == resilience.Breaker {
			for _, g := range n.guards {
				g.Reset()
			}
		}
	})
	n.Quiet("GET /metrics", tel.Metrics.Handler())
	n.Quiet("GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = web.JSON(w, http.StatusOK, map[string]string{"status": "ok", "service": cfg.Name}) // nobody is left to tell
	}))
	n.Quiet("GET /health", n.health)
	n.Quiet("GET /control/patterns", http.HandlerFunc(n.getPatterns))
	n.Quiet("POST /control/patterns", http.HandlerFunc(n.setPatterns))
	return n
}

func (n *Node) showPattern(p resilience.Pattern, on bool) {
	v := 0.0
	if on {
		v = 1
	}
	n.Tel.Metrics.PatternOn.WithLabelValues(string(p)).Set(v)
}

// Dep is the address of a dependency that the role cannot do without.
func (n *Node) Dep(name string) (string, error) {
	addr := n.Deps[name]
	if addr == "" {
		return "", fmt.Errorf("start %s: no address for its dependency %q; give one with -dep %s=HOST:PORT", n.Name, name, name)
	}
	return addr, nil
}

// Client reaches a dependency over HTTP; its /healthz becomes part of ours.
func (n *Node) Client(dep string) (*web.Client, error) {
	addr, err := n.Dep(dep)
	if err != nil {
		return nil, err
	}
	c := web.NewClient(dep, addr, n.Tel)
	n.health.add(dep, httpCheck(addr))
	n.OnClose(func() error { c.Close(); return nil })
	return c, nil
}

// Guard stands before a dependency; its breakers are reset when the breaker pattern is switched.
func (n *Node) Guard(cfg resilience.Config) *resilience.Guard {
	g := resilience.New(cfg, n.Switches, n.Tel.Metrics, n.Log)
	n.guards = append(n.guards, g)
	return g
}

// Check adds a dependency check to /health.
func (n *Node) Check(dep string, check func(context.Context) error) { n.health.add(dep, check) }

// Background runs task from Serve on until its context ends; Serve waits for it.
func (n *Node) Background(task func(context.Context)) { n.tasks = append(n.tasks, task) }

// OnClose registers what is released after the last request, in reverse order.
func (n *Node) OnClose(f func() error) { n.closers = append(n.closers, f) }

// Run serves on ln until ctx ends, then lets requests finish (1 s at most), stops background work and releases
// everything.
func (n *Node) Run(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for _, task := range n.tasks {
		wg.Go(func() { task(ctx) })
	}
	var serveErr error
	wg.Go(func() {
		serveErr = n.Serve(ln)
		cancel()
	})
	<-ctx.Done()
	grace, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	errs := []error{n.Shutdown(grace)}
	wg.Wait()
	errs = append(errs, serveErr)
	for i := len(n.closers) - 1; i >= 0; i-- {
		errs = append(errs, n.closers[i]())
	}
	return errors.Join(errs...)
}
