// Program bench compares the proxy with Toxiproxy and with a bare io.Copy proxy on loopback, each in a process of its
// own, and prints one Markdown table. All are measured in turns, so that what else the machine does hits all alike;
// compare the columns with each other rather than with those of another machine.
//
//	GOBIN=$PWD/.cache/bin go install github.com/Shopify/toxiproxy/v2/cmd/server@latest && mv .cache/bin/server .cache/bin/toxiproxy-server
//	go run ./chaos/proxy/bench -toxiproxy .cache/bin/toxiproxy-server
package main

import (
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	serve := flag.String("serve", "", "run one proxy: gameday or bare (the program calls itself with this)")
	upstream := flag.String("upstream", "", "where the proxy leads to, with -serve")
	latency := flag.Duration("latency", 0, "the delay of answers, with -serve gameday")
	toxiproxy := flag.String("toxiproxy", ".cache/bin/toxiproxy-server", "the server of Toxiproxy; left out when it is not there")
	rounds := flag.Int("rounds", 15, "how often everything is measured")
	size := flag.Int64("size", 512<<20, "bytes of one bulk transfer")
	delay := flag.Duration("delay", 100*time.Millisecond, "the delay that is injected")
	flag.Parse()
	var err error
	if *serve != "" {
		err = run(*serve, *upstream, *latency)
	} else {
		err = compare(*toxiproxy, *rounds, *size, *delay)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// How many round trips there are in a round.
const (
	direct  = 400 // without a delay, one after the other
	delayed = 5   // with one, on each of so many connections at the same time:
	waiters = 8
)

// result is what was measured of one proxy.
type result struct {
	name  string
	bulk  []float64 // bytes per second, one per round
	cpu   time.Duration
	bytes int64
	trips []time.Duration
	round []time.Duration // the median of each round
	late  []time.Duration // beyond the delay that was asked for
}

func compare(toxiproxy string, rounds int, size int64, delay time.Duration) error {
	up, err := listen(size)
	if err != nil {
		return err
	}
	defer up.close()
	var proxies []*process
	defer func() {
		for _, p := range proxies {
			p.stop()
		}
	}()
	add := func(p *process, err error) error {
		if err == nil {
			proxies = append(proxies, p)
		}
		return err
	}
	if err := errors.Join(add(startOwn("gameday", up, delay)), add(startOwn("bare", up, 0))); err != nil {
		return err
	}
	names := []string{"gameday", "bare io.Copy"}
	if _, err := os.Stat(toxiproxy); err == nil {
		info, err := buildinfo.ReadFile(toxiproxy)
		if err != nil {
			return fmt.Errorf("read version of %s: %w", toxiproxy, err)
		}
		if err := add(startToxiproxy(toxiproxy, up, delay)); err != nil {
			return err
		}
		names = append(names, "Toxiproxy "+info.Main.Version)
	}
	results := make([]*result, len(proxies))
	for i := range proxies {
		results[i] = &result{name: names[i]}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range rounds + 1 {
		for _, measure := range []func(*process, *result, int64, time.Duration) error{bulk, trips, late} {
			for _, k := range rnd.Perm(len(proxies)) { // nobody always follows the same
				r := results[k]
				if n == 0 { // the first round warms up
					r = &result{}
				}
				if err := measure(proxies[k], r, size, delay); err != nil {
					return fmt.Errorf("measure %s: %w", names[k], err)
				}
			}
		}
	}
	print(results, rounds, size, delay)
	return nil
}

func bulk(p *process, r *result, size int64, _ time.Duration) error {
	before, err := p.cpu()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := pull(p.bulk, size); err != nil {
		return err
	}
	r.bulk = append(r.bulk, float64(size)/time.Since(start).Seconds())
	after, err := p.cpu()
	r.cpu += after - before
	r.bytes += size
	return err
}

func trips(p *process, r *result, _ int64, _ time.Duration) error {
	took, err := roundTrips(p.echo, direct)
	r.trips = append(r.trips, took...)
	if err == nil {
		r.round = append(r.round, at(took, 0.5))
	}
	return err
}

func late(p *process, r *result, _ int64, delay time.Duration) error {
	took, err := together(waiters, func() ([]time.Duration, error) {
		if p.delayed == "" { // the bare proxy delays nothing: how late the machine itself is
			return sleeps(delay, delayed)
		}
		return roundTrips(p.delayed, delayed)
	})
	for _, d := range took {
		r.late = append(r.late, d-delay)
	}
	return err
}

func print(results []*result, rounds int, size int64, delay time.Duration) {
	fmt.Printf("%d rounds of %d MiB, %d round trips and %d delayed ones each, in turns; %s.\nThe bare proxy delays nothing: its last rows are how late a plain nanosleep was.\n\n", rounds, size>>20, direct, delayed*waiters, machine())
	row := func(name string, value func(*result) string) {
		cells := []string{name}
		for _, r := range results {
			cells = append(cells, value(r))
		}
		fmt.Println("| " + strings.Join(cells, " | ") + " |")
	}
	row("", func(r *result) string { return r.name })
	row("---", func(*result) string { return "---" })
	row("bulk, median", func(r *result) string { return fmt.Sprintf("%.0f MB/s", middle(r.bulk)/1e6) })
	row("CPU per GB", func(r *result) string { return fmt.Sprintf("%.2f s", r.cpu.Seconds()/float64(r.bytes)*1e9) })
	micro := func(d time.Duration) string { return fmt.Sprintf("%.0f µs", float64(d.Nanoseconds())/1e3) }
	row("round trip P50", func(r *result) string { return micro(at(r.trips, 0.5)) })
	row("round trip P99", func(r *result) string { return micro(at(r.trips, 0.99)) })
	row("the same, times the bare one's, median of the rounds", func(r *result) string { return fmt.Sprintf("%.2f", ratio(r.round, results[1].round)) })
	for _, q := range []float64{0.5, 0.99} {
		row(fmt.Sprintf("later than the %v asked for, P%g", delay, q*100), func(r *result) string {
			return fmt.Sprintf("%.2f ms", at(r.late, q).Seconds()*1e3)
		})
	}
}

// ratio is the median of what each round says: two that were measured one after the other differ by what the machine does
// besides less than two medians of them all.
func ratio(ours, theirs []time.Duration) float64 {
	var all []float64
	for i := range min(len(ours), len(theirs)) {
		all = append(all, float64(ours[i])/float64(theirs[i]))
	}
	return middle(all)
}

func middle(s []float64) float64 {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}

func at(s []time.Duration, q float64) time.Duration {
	s = slices.Sorted(slices.Values(s))
	return s[int(q*float64(len(s)-1))]
}
