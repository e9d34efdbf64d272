//go:build unix

package load

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gameday/engine/load/protocol"
)

// BenchmarkRecorder is what recording one request costs: three histograms, counters, exemplars, one lock.
func BenchmarkRecorder(b *testing.B) {
	b.ReportAllocs()
	r := newRecorder(1, []*step{{}})
	s := r.shard(0)
	rng := rand.New(rand.NewPCG(1, 2))
	outs := make([]protocol.Outcome, 1024)
	for i := range outs {
		outs[i].Start = time.Duration(rng.IntN(100_000))
		outs[i].Done = outs[i].Start + time.Duration(rng.IntN(5_000_000))
		outs[i].Status = 200
	}
	call := &protocol.Call{Sampled: true}
	for i := 0; b.Loop(); i++ {
		s.begin()
		s.record(0, 0, true, call, &outs[i&1023])
	}
}

// BenchmarkClosedLoop compares requests per second of CPU time, the figure that survives a busy machine, of this engine
// and of a loop over net/http's client, in alternation against the same target in another process. One op is a round of
// both. The engine does its whole work: trace headers, checks, recording; the peer only reads the body.
func BenchmarkClosedLoop(b *testing.B) {
	target := startTarget(b)
	const users, span = 64, 700 * time.Millisecond
	var ours, theirs, ratios []float64
	for b.Loop() {
		ours = append(ours, perCPU(b, func() uint64 { return engineLoop(b, target, users, span) }))
		theirs = append(theirs, perCPU(b, func() uint64 { return standardLoop(b, target, users, span) }))
		ratios = append(ratios, ours[len(ours)-1]/theirs[len(theirs)-1])
	}
	b.ReportMetric(median(ours), "req/cpu-s")
	b.ReportMetric(median(theirs), "net-http-req/cpu-s")
	b.ReportMetric(median(ratios), "x-net-http") // of the rounds: neighbours in time meet the same machine
}

// BenchmarkOpenLoop is the CPU time of a million requests at a held rate, and how late they begin.
func BenchmarkOpenLoop(b *testing.B) {
	target := startTarget(b)
	var cpu []float64
	var last Result
	for b.Loop() {
		per := perCPU(b, func() uint64 {
			last = runPlan(b, target, "duration: 1s\nexecutor: {kind: constant-rate, rate: 10000, maxConnections: 64}")
			return last.Total.Done
		})
		cpu = append(cpu, 1e6/per)
	}
	b.ReportMetric(median(cpu), "cpu-s/1M")
	b.ReportMetric(last.Total.Rate, "held/s")
	b.ReportMetric(float64(last.Total.Lag.Quantile(0.5).Microseconds()), "lag-p50-µs")
	b.ReportMetric(float64(last.Total.Lag.Quantile(0.99).Microseconds()), "lag-p99-µs")
}

func runPlan(b *testing.B, target, text string) Result {
	p := plan(b, text+"\nscenarios: [{name: s, steps: [{path: /}]}]\n")
	r, err := Start(context.Background(), p, Options{Target: target})
	if err != nil {
		b.Fatal(err)
	}
	res := r.Wait()
	if res.Total.Failed > 0 {
		b.Fatalf("requests failed: %+v", res.Errors)
	}
	return res
}

func engineLoop(b *testing.B, target string, users int, span time.Duration) uint64 {
	return runPlan(b, target, fmt.Sprintf("duration: %v\nexecutor: {kind: constant-users, users: %d}", span, users)).Total.Done
}

// standardLoop is what one writes with net/http: a client, a goroutine per user, the same two headers.
func standardLoop(b *testing.B, target string, users int, span time.Duration) uint64 {
	transport := &http.Transport{MaxIdleConnsPerHost: users, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var n atomic.Uint64
	var wg sync.WaitGroup
	end := time.Now().Add(span)
	for range users {
		wg.Go(func() {
			for time.Now().Before(end) {
				req, err := http.NewRequest("GET", target+"/", nil)
				if err != nil {
					b.Error(err)
					return
				}
				id := fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
				req.Header.Set("traceparent", "00-"+id+"-0000000000000001-01")
				req.Header.Set("X-Correlation-ID", id)
				res, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, res.Body)
				if err = errorsFirst(err, res.Body.Close()); err != nil {
					b.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return n.Load()
}

func errorsFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// perCPU is how many of what f did went into one second of this process's CPU time.
func perCPU(b *testing.B, f func() uint64) float64 {
	before := cpuTime(b)
	n := f()
	return float64(n) / (cpuTime(b) - before).Seconds()
}

func cpuTime(b *testing.B) time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

func median(v []float64) float64 {
	s := append([]float64(nil), v...)
	for i := range s {
		for j := i; j > 0 && s[j] < s[j-1]; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
	return s[len(s)/2]
}

// startTarget starts the target as a process of its own and ends it with the benchmark.
func startTarget(b *testing.B) string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), targetEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close() // the target ends when its standard input does
		_ = cmd.Wait()
	})
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		b.Fatal(err)
	}
	return "http://" + strings.TrimSpace(string(line[:n]))
}
