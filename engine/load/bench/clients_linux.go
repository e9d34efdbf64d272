//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// task is what a client is asked to do.
type task struct {
	target      string
	connections int
	rate        int // per second; 0: as fast as answers come
	span        time.Duration
}

// outcome is what came of it.
type outcome struct {
	Done, Failed  uint64
	Rate          float64
	InTime        float64          // share begun within 1 ms of the intended instant, -1 when unknown
	Quantiles     [4]time.Duration // P50, P90, P99, P99.9, as reported; 0: not reported
	Missed        uint64
	Dials         uint64 // connections opened, when that is told
	cpu           time.Duration
	rss           int64 // KiB
	perCPU        float64
	cpuPerMillion float64
}

// client is one generator.
type client struct {
	name string
	path string
	// prepare puts the files it needs into dir; it may be nil.
	prepare func(l task, dir string) error
	// args is how it is started; nil means that it cannot do that. dir is a place for its files.
	args func(l task, dir string) []string
	read func(out []byte, dir string, l task) (outcome, error)
}

// run starts the client, under the commands of prefix, and measures what the process used.
func (c *client) run(ctx context.Context, prefix []string, l task) (outcome, error) {
	dir, err := os.MkdirTemp("", "bench-load-")
	if err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(dir)
	if c.prepare != nil {
		if err := c.prepare(l, dir); err != nil {
			return outcome{}, err
		}
	}
	args := c.args(l, dir)
	if args == nil {
		return outcome{}, errors.ErrUnsupported
	}
	ctx, cancel := context.WithTimeout(ctx, 5*l.span+time.Minute)
	defer cancel()
	place := slices.Concat(prefix, []string{c.path}, args)
	cmd := exec.CommandContext(ctx, place[0], place[1:]...)
	cmd.Dir = dir
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	cmd.Stdin = strings.NewReader("GET " + l.target + "/\n")
	out, err := cmd.Output()
	if err != nil {
		return outcome{}, fmt.Errorf("%s: %w: %.300s", c.name, err, errOut.String())
	}
	o, err := c.read(out, dir, l)
	if err != nil {
		return o, fmt.Errorf("%s: %w in %.300q", c.name, err, out)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok || o.Done == 0 {
		return o, fmt.Errorf("%s: made no requests", c.name)
	}
	o.cpu, o.rss = time.Duration(usage.Utime.Nano()+usage.Stime.Nano()), usage.Maxrss
	o.perCPU = float64(o.Done) / o.cpu.Seconds()
	o.cpuPerMillion = 1e6 / o.perCPU
	return o, nil
}

// clients are ours and the peers that are installed.
func clients(bin string) (found []*client, absent []string) {
	self, err := os.Executable()
	if err != nil {
		return nil, []string{"gameday: " + err.Error()}
	}
	found = []*client{{name: "gameday", path: self, args: oursArgs, read: readOurs}}
	for _, c := range []*client{
		{name: "wrk", args: wrkArgs, read: readWrk},
		{name: "vegeta", args: vegetaArgs, read: readVegeta},
		{name: "hey", args: heyArgs, read: readHey},
		{name: "k6", prepare: k6Script, args: k6Args, read: readK6},
		{name: "fortio", args: fortioArgs, read: readFortio},
		{name: "ab", args: abArgs, read: readAB},
	} {
		for _, place := range []string{filepath.Join(bin, c.name), c.name} {
			if path, err := exec.LookPath(place); err == nil {
				if c.path, err = filepath.Abs(path); err == nil {
					break
				}
			}
		}
		if c.path == "" {
			absent = append(absent, c.name)
			continue
		}
		found = append(found, c)
	}
	return found, absent
}

func oursArgs(l task, _ string) []string {
	executor := fmt.Sprintf("{kind: constant-users, users: %d}", l.connections)
	if l.rate > 0 {
		executor = fmt.Sprintf("{kind: constant-rate, rate: %d, maxConnections: %d}", l.rate, l.connections)
	}
	return []string{"generate", l.target, fmt.Sprintf("duration: %v\nexecutor: %s\n", l.span, executor)}
}

func readOurs(out []byte, _ string, _ task) (o outcome, err error) {
	err = json.Unmarshal(out, &o)
	if err == nil && o.Failed > 0 {
		err = fmt.Errorf("%d of %d requests failed", o.Failed, o.Done)
	}
	return o, err
}

func wrkArgs(l task, _ string) []string {
	if l.rate > 0 {
		return nil
	}
	return []string{"-t1", fmt.Sprintf("-c%d", l.connections), fmt.Sprintf("-d%ds", int(l.span.Seconds())), "--latency", l.target + "/"}
}

var (
	wrkDone = regexp.MustCompile(`(\d+) requests in`)
	wrkRate = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	wrkPart = regexp.MustCompile(`(?m)^\s+(50|90|99)%\s+([\d.]+[a-z]+)$`)
)

func readWrk(out []byte, _ string, _ task) (o outcome, err error) {
	o.InTime = -1
	if o.Done, err = number(wrkDone, out); err != nil {
		return o, err
	}
	if m := wrkRate.FindSubmatch(out); m != nil {
		o.Rate, _ = strconv.ParseFloat(string(m[1]), 64) // the pattern lets only numbers through
	}
	for _, m := range wrkPart.FindAllSubmatch(out, -1) {
		d, err := time.ParseDuration(string(m[2]))
		if err != nil {
			return o, err
		}
		o.Quantiles[map[string]int{"50": 0, "90": 1, "99": 2}[string(m[1])]] = d
	}
	return o, nil
}

func number(p *regexp.Regexp, out []byte) (uint64, error) {
	m := p.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("%v is not", p)
	}
	return strconv.ParseUint(string(m[1]), 10, 64)
}

func vegetaArgs(l task, dir string) []string {
	most := strconv.Itoa(l.connections)
	return []string{"attack", "-rate", strconv.Itoa(l.rate), "-workers", most, "-max-workers", most, "-connections", most,
		"-max-connections", most, "-duration", l.span.String(), "-output", filepath.Join(dir, "results")}
}

func readVegeta(_ []byte, dir string, _ task) (o outcome, err error) {
	o.InTime = -1
	report := func(args ...string) ([]byte, error) {
		path, err := exec.LookPath(filepath.Join(vegetaDir, "vegeta"))
		if err != nil {
			path = "vegeta"
		}
		return exec.Command(path, append(append([]string{"report"}, args...), filepath.Join(dir, "results"))...).Output()
	}
	out, err := report("-type=json")
	if err != nil {
		return o, err
	}
	var r struct {
		Requests  uint64  `json:"requests"`
		Rate      float64 `json:"rate"`
		Success   float64 `json:"success"`
		Latencies struct {
			P50 time.Duration `json:"50th"`
			P90 time.Duration `json:"90th"`
			P99 time.Duration `json:"99th"`
		} `json:"latencies"`
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return o, err
	}
	o.Done, o.Rate = r.Requests, r.Rate
	o.Failed = uint64(float64(r.Requests)*(1-r.Success) + 0.5)
	o.Quantiles = [4]time.Duration{r.Latencies.P50, r.Latencies.P90, r.Latencies.P99, 0}
	return o, nil
}

// vegetaDir is where vegeta is, for its report.
var vegetaDir string

func heyArgs(l task, _ string) []string {
	args := []string{"-z", l.span.String(), "-c", strconv.Itoa(l.connections)}
	if l.rate > 0 {
		args = append(args, "-q", strconv.FormatFloat(float64(l.rate)/float64(l.connections), 'f', -1, 64))
	}
	return append(args, l.target+"/")
}

var (
	heyDone = regexp.MustCompile(`\[200\]\s+(\d+) responses`)
	heyRate = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	heyPart = regexp.MustCompile(`(50|90|99)%+ in ([\d.]+) secs`)
)

func readHey(out []byte, _ string, _ task) (o outcome, err error) {
	o.InTime = -1
	if o.Done, err = number(heyDone, out); err != nil {
		return o, err
	}
	if m := heyRate.FindSubmatch(out); m != nil {
		o.Rate, _ = strconv.ParseFloat(string(m[1]), 64) // the pattern lets only numbers through
	}
	for _, m := range heyPart.FindAllSubmatch(out, -1) {
		s, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return o, err
		}
		o.Quantiles[map[string]int{"50": 0, "90": 1, "99": 2}[string(m[1])]] = time.Duration(s * float64(time.Second))
	}
	return o, nil
}
