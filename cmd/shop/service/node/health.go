package node

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"gameday/cmd/shop/service/web"
)

// What a service may use before it calls itself unhealthy, and how long a dependency may take to say that it lives.
const (
	maxCPUPercent = 95 // of all processors, averaged since the last look at least a second ago
	maxMemory     = 512 << 20
	checkTimeout  = 500 * time.Millisecond
)

// health answers /health: processor, memory and dependencies, 503 when one of them is not well.
type health struct {
	names  []string
	checks []func(context.Context) error

	mu       sync.Mutex
	proc     *process.Process
	lookedAt time.Time
	cpu      float64 // seconds used at lookedAt
	percent  float64
}

func newHealth() *health {
	h := &health{lookedAt: time.Now()}
	h.proc, _ = process.NewProcess(int32(os.Getpid())) // without it CPU and memory read as 0
	return h
}

func (h *health) add(name string, check func(context.Context) error) {
	h.names = append(h.names, name)
	h.checks = append(h.checks, check)
}

type healthAnswer struct {
	Status       string            `json:"status"`
	CPUPercent   float64           `json:"cpu_percent"`
	MemoryBytes  uint64            `json:"memory_bytes"`
	Dependencies map[string]string `json:"dependencies"`
}

func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := healthAnswer{Status: "ok", Dependencies: map[string]string{}}
	a.CPUPercent, a.MemoryBytes = h.usage()
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	results := make([]error, len(h.checks))
	var wg sync.WaitGroup
	for i, check := range h.checks {
		wg.Go(func() { results[i] = check(ctx) })
	}
	wg.Wait()
	status := http.StatusOK
	if a.CPUPercent > maxCPUPercent || a.MemoryBytes > maxMemory {
		status = http.StatusServiceUnavailable
	}
	for i, err := range results {
		a.Dependencies[h.names[i]] = "ok"
		if err != nil {
			a.Dependencies[h.names[i]] = err.Error()
			status = http.StatusServiceUnavailable
		}
	}
	if status != http.StatusOK {
		a.Status = "unhealthy"
	}
	_ = web.JSON(w, status, a) // whoever asked is gone
}

func (h *health) usage() (percent float64, rss uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.proc == nil {
		return 0, 0
	}
	if now := time.Now(); now.Sub(h.lookedAt) >= time.Second {
		if t, err := h.proc.Times(); err == nil {
			used := t.User + t.System
			h.percent = 100 * (used - h.cpu) / now.Sub(h.lookedAt).Seconds() / float64(runtime.NumCPU())
			h.cpu, h.lookedAt = used, now
		}
	}
	if m, err := h.proc.MemoryInfo(); err == nil {
		rss = m.RSS
	}
	return h.percent, rss
}

// httpCheck asks whether the service at addr lives. A connection of its own each time, so that what is checked is the
// way there as a newcomer would find it.
func httpCheck(addr string) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		_ = resp.Body.Close() // the status is all we want
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("/healthz answered %d", resp.StatusCode)
		}
		return nil
	}
}
