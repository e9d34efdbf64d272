package leaktest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/fault/compute"
	"gameday/chaos/fault/process"
	"gameday/chaos/fault/storage"
	"gameday/chaos/journal"
	"gameday/chaos/proxy"
)

// BenchmarkAbort arms twenty faults of five sorts, one after the other as keys do, and takes all of them back, verified.
func BenchmarkAbort(b *testing.B) {
	w := newWorld(b)
	links := proxy.NewSet()
	for i := range 8 {
		_, err := links.Link("a", fmt.Sprint("b", i), "http", w.upstream.Addr().String())
		require.NoError(b, err)
	}
	b.Cleanup(func() { require.NoError(b, links.Close()) })
	inventory := chaos.Inventories{links.Inventory(), compute.Host(), process.NewFinder(), storage.NewFinder()}
	j, err := journal.Create(b.TempDir(), "bench")
	require.NoError(b, err)
	c, err := chaos.NewController(chaos.Config{Journal: j, Faults: catalog(links, inventory), Inventory: inventory})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, c.Close(b.Context())) })
	it := chaos.Selector{Labels: map[string]string{"pid": fmt.Sprint(w.target.Process.Pid)}}
	host := chaos.Selector{Name: "localhost"}
	var requests []chaos.Request
	for i := range 8 {
		requests = append(requests, chaos.Request{Kind: "network.latency", Select: chaos.Selector{Name: fmt.Sprint("a→b", i)}, Args: chaos.Args{"latency": "100ms"}})
		requests = append(requests, chaos.Request{Kind: "host.partition", Select: host, Args: chaos.Args{"cidr": fmt.Sprintf("198.51.100.%d", i), "netns": w.netns}})
	}
	requests = append(requests, chaos.Request{Kind: "compute.cpu", Select: it, Args: chaos.Args{"millicores": 50}}, chaos.Request{Kind: "process.pause", Select: it},
		chaos.Request{Kind: "storage.readonly", Select: chaos.Selector{Name: w.disk}}, chaos.Request{Kind: "compute.burn", Select: host, Args: chaos.Args{"cores": 1, "load": "1%"}})
	before := w.look("nobody", nil)
	var arm, slowest, abort time.Duration
	for b.Loop() {
		for _, r := range requests {
			key := time.Now()
			p, err := c.Plan(b.Context(), r)
			require.NoError(b, err)
			_, err = c.Inject(b.Context(), p)
			require.NoError(b, err)
			took := time.Since(key)
			arm += took
			slowest = max(slowest, took)
		}
		begun := time.Now()
		require.Empty(b, c.UndoAll(b.Context(), "benchmark"))
		abort += time.Since(begun)
		require.Empty(b, differ(before, w.look("nobody", nil)))
		c.ResumeAfterAbort()
	}
	ms := func(d time.Duration, n int) float64 { return d.Seconds() * 1000 / float64(n) }
	b.ReportMetric(ms(arm, b.N*len(requests)), "ms/armed")
	b.ReportMetric(ms(slowest, 1), "ms/slowest-armed")
	b.ReportMetric(ms(abort, b.N), "ms/abort-of-20")
}
