// Command bench compares the load engine's HTTP/2 and gRPC with their peers and prints one Markdown table. Target and
// generator are processes of their own, each on a core of its own where there are two; clients take turns, and every
// figure is the median of the rounds, or of the ratio of two clients in the same round.
//
// The targets are one that only deals in frames, which is fast enough to keep a generator busy, and the servers of
// net/http and grpc-go.
//
// All traffic is to 127.0.0.1. Peers are used when they are installed (h2load, ghz), and named when they are not. Ours
// stamps every request with IDs of its own and records its latency; so does the loop around grpc-go.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "target":
		return serveTarget(args[1])
	case len(args) == 6 && args[0] == "generate":
		l, err := parseTask(args[2:])
		if err != nil {
			return err
		}
		return generate(args[1], l)
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	rounds := flags.Int("rounds", 5, "how often each client has its turn")
	span := flags.Duration("span", 3*time.Second, "how long a turn is")
	only := flags.String("only", "", "http2, net/http, grpc or grpc-go: what it runs against")
	bin := flags.String("bin", ".cache/bin", "where peers are looked for before PATH")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &bench{ctx: ctx, rounds: *rounds, only: *only}
	if runtime.NumCPU() > 1 {
		b.forTarget, b.forClient = []string{"taskset", "-c", "0"}, []string{"taskset", "-c", "1"}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	set := filepath.Join(dir, "service.pb")
	if err := errors.Join(describe(set), os.Setenv(describedBy, set)); err != nil {
		return err
	}
	h2load, ghz := find(*bin, "h2load"), find(*bin, "ghz")
	fmt.Printf("%d cores; %d rounds of %v, medians.\n\n| what | client | CPU s per 1M | requests per second | gameday's requests per CPU second, times its |\n| --- | --- | ---: | ---: | ---: |\n",
		runtime.NumCPU(), *rounds, *span)
	for _, kind := range []string{"http2", "net/http"} {
		for _, shape := range [][2]int{{64, 1}, {4, 16}, {8, 64}} {
			l := task{connections: shape[0], streams: shape[1], span: *span}
			if err := b.compare(kind, l, client{"gameday", self, oursArgs("http2"), readOurs}, client{"h2load", h2load, h2loadArgs, readH2load}); err != nil {
				return err
			}
		}
	}
	for _, kind := range []string{"grpc", "grpc-go"} {
		for _, shape := range [][2]int{{64, 1}, {4, 16}, {8, 64}} {
			l := task{connections: shape[0], streams: shape[1], span: *span}
			if err := b.compare(kind, l, client{"gameday", self, oursArgs("grpc"), readOurs},
				client{"grpc-go", self, oursArgs("grpc-go"), readOurs}, client{"ghz", ghz, ghzArgs, readGhz}); err != nil {
				return err
			}
		}
	}
	return nil
}

// task is what a client is asked to do, as fast as answers come.
type task struct {
	target               string
	connections, streams int
	span                 time.Duration
}

func parseTask(args []string) (l task, err error) {
	l.target = args[0]
	var errs [3]error
	l.connections, errs[0] = strconv.Atoi(args[1])
	l.streams, errs[1] = strconv.Atoi(args[2])
	l.span, errs[2] = time.ParseDuration(args[3])
	return l, errors.Join(errs[:]...)
}

// outcome is what came of it.
type outcome struct {
	Done, Failed uint64
	P99          time.Duration
	cpu          float64 // seconds per million requests
	rate         float64
}

// client is one generator.
type client struct {
	name, path string
	args       func(l task) []string
	read       func(out []byte) (outcome, error)
}

type bench struct {
	ctx                  context.Context
	rounds               int
	only                 string
	forTarget, forClient []string // commands that the target and the clients are started with
}

func find(bin, name string) string {
	for _, place := range []string{filepath.Join(bin, name), name} {
		if path, err := exec.LookPath(place); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
	}
	return ""
}

// targets are what the clients are run against.
var targets = map[string]string{
	"http2": "HTTP/2, frames only", "net/http": "HTTP/2, net/http", "grpc": "gRPC, frames only", "grpc-go": "gRPC, grpc-go",
}

// compare runs clients in turn against one target and prints their rows.
func (b *bench) compare(kind string, l task, clients ...client) error {
	if b.only != "" && b.only != kind {
		return nil
	}
	all := make([][]outcome, len(clients))
	err := b.withTarget(kind, func(target string) error {
		l.target = target
		for range b.rounds {
			for i, c := range clients {
				if c.path == "" {
					continue
				}
				o, err := b.turn(c, l)
				if err != nil {
					return err
				}
				all[i] = append(all[i], o)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, c := range clients {
		what := fmt.Sprintf("%s, %d connections of %d streams", targets[kind], l.connections, l.streams)
		if len(all[i]) == 0 {
			fmt.Printf("| %s | %s | not installed | | |\n", what, c.name)
			continue
		}
		ratios := make([]float64, len(all[i]))
		for r := range ratios {
			ratios[r] = all[i][r].cpu / all[0][r].cpu
		}
		fmt.Printf("| %s | %s | %.2f | %.0f | %.2f |\n", what, c.name, median(all[i], func(o outcome) float64 { return o.cpu }),
			median(all[i], func(o outcome) float64 { return o.rate }), median(ratios, func(r float64) float64 { return r }))
	}
	return nil
}

func median[T any](of []T, f func(T) float64) float64 {
	values := make([]float64, len(of))
	for i, o := range of {
		values[i] = f(o)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// turn starts a client and measures what its process used.
func (b *bench) turn(c client, l task) (outcome, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 5*l.span+time.Minute)
	defer cancel()
	args := slices.Concat(b.forClient, []string{c.path}, c.args(l))
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	began := time.Now()
	out, err := cmd.Output()
	if err != nil {
		return outcome{}, fmt.Errorf("%s: %w: %.300s", c.name, err, errOut.String())
	}
	took := time.Since(began)
	o, err := c.read(out)
	if err != nil {
		return o, fmt.Errorf("%s: %w in %.300q", c.name, err, out)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok || o.Done == 0 {
		return o, fmt.Errorf("%s: made no requests", c.name)
	}
	used := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	o.cpu, o.rate = used.Seconds()*1e6/float64(o.Done), float64(o.Done)/took.Seconds()
	return o, nil
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
	return f(strings.TrimSpace(line))
}

func oursArgs(kind string) func(l task) []string {
	return func(l task) []string {
		return []string{"generate", kind, l.target, strconv.Itoa(l.connections), strconv.Itoa(l.streams), l.span.String()}
	}
}

func readOurs(out []byte) (o outcome, err error) {
	err = json.Unmarshal(out, &o)
	if err == nil && o.Failed > 0 {
		err = fmt.Errorf("%d of %d requests failed", o.Failed, o.Done)
	}
	return o, err
}

func h2loadArgs(l task) []string {
	return []string{"-t1", fmt.Sprintf("-c%d", l.connections), fmt.Sprintf("-m%d", l.streams), "-D", fmt.Sprint(int(l.span.Seconds())), "http://" + l.target + "/"}
}

var h2loadDone = regexp.MustCompile(`(\d+) succeeded`)

func readH2load(out []byte) (o outcome, err error) {
	m := h2loadDone.FindSubmatch(out)
	if m == nil {
		return o, errors.New("no number of requests")
	}
	o.Done, err = strconv.ParseUint(string(m[1]), 10, 64)
	return o, err
}

func ghzArgs(l task) []string {
	return []string{"--insecure", "--protoset", os.Getenv(describedBy), "--call", method, "-d", message, "-c", strconv.Itoa(l.connections * l.streams),
		"--connections", strconv.Itoa(l.connections), "-z", l.span.String(), "--format", "json", l.target}
}

func readGhz(out []byte) (o outcome, err error) {
	var r struct {
		StatusCodeDistribution map[string]uint64 `json:"statusCodeDistribution"`
	}
	err = json.Unmarshal(out, &r)
	o.Done = r.StatusCodeDistribution["OK"]
	return o, err
}
