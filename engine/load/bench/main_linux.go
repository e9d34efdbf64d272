//go:build linux && (amd64 || arm64)

// Command bench compares the load engine with its peers and prints one Markdown table. Target and generator are
// processes of their own, each on a core of its own where there are two; clients take turns, and every figure is the
// median of the rounds, or of the ratio of two clients in the same round: neighbours in time meet the same machine.
//
// All traffic is to 127.0.0.1. Peers are used when they are installed (wrk, vegeta, hey, k6, fortio, ab), and named when
// they are not.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench-load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "target":
		return serveTarget(args[1] == "stall")
	case len(args) == 3 && args[0] == "generate":
		return generate(args[1], args[2])
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	rounds := flags.Int("rounds", 5, "how often each client has its turn")
	span := flags.Duration("span", 3*time.Second, "how long a turn is")
	many := flags.Int("many", 10_000, "connections whose memory is measured")
	bin := flags.String("bin", ".cache/bin", "where peers are looked for before PATH")
	only := flags.String("only", "", "closed, open, memory, stall or soak")
	soak := flags.Duration("soak", 2*time.Minute, "how long memory is watched")
	realtime := flags.Bool("realtime", false, "run target and clients before everything else on a shared machine (chrt, for root): all of them alike")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &bench{ctx: ctx, rounds: *rounds, span: *span, many: *many}
	if runtime.NumCPU() > 1 {
		b.forTarget, b.forClient = []string{"taskset", "-c", "0"}, []string{"taskset", "-c", "1"}
	}
	if *realtime {
		b.forTarget = append([]string{"chrt", "-r", "1"}, b.forTarget...)
		b.forClient = append([]string{"chrt", "-r", "1"}, b.forClient...)
	}
	var absent []string
	b.clients, absent = clients(*bin)
	vegetaDir = *bin
	b.heading(absent)
	for _, part := range []struct {
		name string
		run  func() error
	}{{"closed", b.closed}, {"open", b.open}, {"memory", b.memory}, {"stall", b.stall}, {"soak", func() error { return b.soak(*soak) }}} {
		if *only != "" && *only != part.name {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	b.print()
	return nil
}

type bench struct {
	ctx                  context.Context
	rounds               int
	span                 time.Duration
	many                 int
	forTarget, forClient []string // commands that the target and the clients are started with
	clients              []*client
	rows                 []string
	perAnswer            time.Duration // of the target, in the closed loop; 0 when that was not run
}

func (b *bench) row(cells ...string) { b.rows = append(b.rows, "| "+strings.Join(cells, " | ")+" |") }

func (b *bench) heading(absent []string) {
	loads, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		loads = []byte("unknown")
	}
	note := fmt.Sprintf("%d cores, load average before: %.14s; %d rounds of %v, medians.", runtime.NumCPU(), loads, b.rounds, b.span)
	if len(b.forClient) > 3 {
		note += " Target and clients ran before everything else on the machine."
	}
	if len(absent) > 0 {
		note += " Not installed: " + strings.Join(absent, ", ") + "."
	}
	fmt.Println(note)
	fmt.Println()
	names := []string{"what"}
	for _, c := range b.clients {
		names = append(names, c.name)
	}
	b.row(names...)
	b.row(append([]string{"---"}, slices.Repeat([]string{"---:"}, len(b.clients))...)...)
}

func (b *bench) print() {
	for _, r := range b.rows {
		fmt.Println(r)
	}
}

// withTarget starts a target for as long as f takes.
func (b *bench) withTarget(kind string, f func(target string) error) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := slices.Concat(b.forTarget, []string{self, "target", kind})
	cmd := exec.CommandContext(b.ctx, args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, in.Close(), cmd.Wait()) // it ends when its standard input does
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("start the target: %w", err)
	}
	return f("http://" + strings.TrimSpace(line))
}

// turns runs all clients in turn, round after round. A client that cannot do this has no outcomes.
func (b *bench) turns(kind string, rounds int, l task) (all [][]outcome, err error) {
	all = make([][]outcome, len(b.clients))
	err = b.withTarget(kind, func(target string) error {
		l.target = target
		for range rounds {
			for i, c := range b.clients {
				o, err := c.run(b.ctx, b.forClient, l)
				switch {
				case b.ctx.Err() != nil:
					return context.Cause(b.ctx)
				case err == nil:
					all[i] = append(all[i], o)
				case !errors.Is(err, errors.ErrUnsupported):
					fmt.Fprintln(os.Stderr, err)
				}
			}
		}
		return nil
	})
	return all, err
}

// cells are one figure of each client.
func cells(what string, all [][]outcome, f func(of []outcome) string) []string {
	row := []string{what}
	for _, of := range all {
		if len(of) == 0 {
			row = append(row, "-")
		} else {
			row = append(row, f(of))
		}
	}
	return row
}

func median[T any](of []outcome, f func(outcome) T, less func(a, b T) int) T {
	values := make([]T, len(of))
	for i, o := range of {
		values[i] = f(o)
	}
	slices.SortFunc(values, less)
	return values[len(values)/2]
}

func medianOf(of []outcome, f func(outcome) float64) float64 {
	return median(of, f, func(a, b float64) int {
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	})
}

// ratio is the median over the rounds of our figure divided by a client's.
func ratio(ours, theirs []outcome, f func(outcome) float64) float64 {
	n := min(len(ours), len(theirs))
	values := make([]float64, n)
	for i := range n {
		values[i] = f(ours[i]) / f(theirs[i])
	}
	slices.Sort(values)
	return values[n/2]
}

func perCPU(o outcome) float64 { return o.perCPU }

func (b *bench) closed() error {
	all, err := b.turns("", b.rounds, task{connections: 64, span: b.span})
	if err != nil {
		return err
	}
	for _, of := range all {
		for _, o := range of {
			if per := time.Duration(float64(time.Second) / o.Rate); o.Rate > 0 && (b.perAnswer == 0 || per < b.perAnswer) {
				b.perAnswer = per
			}
		}
	}
	b.row(cells("closed loop, 64 connections: requests per CPU second", all, func(of []outcome) string {
		return fmt.Sprintf("%.0f", medianOf(of, perCPU))
	})...)
	b.row(cells("gameday's, times the peer's", all, func(of []outcome) string {
		return fmt.Sprintf("%.2f", ratio(all[0], of, perCPU))
	})...)
	b.row(cells("requests per second", all, func(of []outcome) string {
		return fmt.Sprintf("%.0f", medianOf(of, func(o outcome) float64 { return o.Rate }))
	})...)
	return nil
}

func (b *bench) open() error {
	const rate = 10_000
	all, err := b.turns("", b.rounds, task{connections: 64, rate: rate, span: b.span})
	if err != nil {
		return err
	}
	b.row(cells(fmt.Sprintf("open loop, %d/s: rate held", rate), all, func(of []outcome) string {
		return fmt.Sprintf("%.0f", medianOf(of, func(o outcome) float64 { return o.Rate }))
	})...)
	b.row(cells("sent within 1 ms of the intended instant", all, func(of []outcome) string {
		in := medianOf(of, func(o outcome) float64 { return o.InTime })
		if in < 0 {
			return "not told"
		}
		return fmt.Sprintf("%.2f %%", 100*in)
	})...)
	b.row(cells("CPU seconds per million requests", all, func(of []outcome) string {
		return fmt.Sprintf("%.1f", medianOf(of, func(o outcome) float64 { return o.cpuPerMillion }))
	})...)
	return nil
}

func (b *bench) memory() error {
	all, err := b.turns("", 1, task{connections: b.many, span: max(b.span, 8*time.Second)})
	if err != nil {
		return err
	}
	if ours := all[0]; len(ours) == 0 || ours[0].Dials < uint64(b.many) {
		return fmt.Errorf("not all of %d connections were opened: is the limit of open files high enough?", b.many)
	}
	b.row(cells(fmt.Sprintf("memory with %d connections", b.many), all, func(of []outcome) string {
		return fmt.Sprintf("%.0f MB", medianOf(of, func(o outcome) float64 { return float64(o.rss) / 1024 }))
	})...)
	return nil
}

func (b *bench) stall() error {
	const rate = 2000
	all, err := b.turns("stall", min(b.rounds, 3), task{connections: 64, rate: rate, span: 10 * time.Second})
	if err != nil {
		return err
	}
	// One answer takes the target as long as it did when it had nothing else to do, with the client that asked most.
	busy := rate * b.perAnswer.Seconds()
	for i, label := range []string{"P50", "P90", "P99", "P99.9"} {
		truth := stallTruth([]float64{0.5, 0.9, 0.99, 0.999}[i], busy)
		what := fmt.Sprintf("%d/s over 64 connections, target stalls 200 ms each second: %s (truth %s ms)", rate, label, millis(truth))
		b.row(cells(what, all, func(of []outcome) string {
			v := medianOf(of, func(o outcome) float64 { return float64(o.Quantiles[i]) })
			if v == 0 {
				return "not told"
			}
			return millis(time.Duration(v)) + " ms"
		})...)
	}
	return nil
}

// stallTruth is a quantile as it really is: arrivals are spread evenly, and one that comes t into the stall waits for what
// is left of that, and until the target has worked off those before it. busy is the share of its time that the target
// spends on answers at this rate; so the wait is stall - t(1-busy), also for those who come when the stall is over and the
// backlog is not, and the quantile is that of t = (1-q) of the period.
func stallTruth(q, busy float64) time.Duration {
	return time.Duration(max(0, float64(stallFor)-(1-q)*float64(stallEvery)*(1-busy)))
}

func millis(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.2f", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.0f", d.Seconds()*1000)
}
