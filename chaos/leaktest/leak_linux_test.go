// Package leaktest kills sessions, their keepers and recoveries, at the writes of the journal and at system calls, and
// looks whether anything of their faults is left.
package leaktest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// span is how many calls there are to be killed at.
type span struct{ calls, keeperCalls, recoveryCalls int }

func at(where float64, n int) int { return 1 + int(where*float64(n)) }

func (s span) session(where float64) int  { return at(where, s.calls) }
func (s span) keeper(where float64) int   { return at(where, s.keeperCalls) }
func (s span) recovery(where float64) int { return at(where, s.recoveryCalls) }

// lengths is what earlier kills of the same kind showed.
type lengths struct {
	mu    sync.Mutex
	spans map[string]span
}

func (l *lengths) get(p plan) span {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.spans[p.Kind+p.From]
	if s.calls == 0 {
		s.calls = 60
	}
	o := l.spans[p.Kind]
	s.keeperCalls, s.recoveryCalls = max(30, o.keeperCalls), max(30, o.recoveryCalls)
	return s
}

// learn keeps the longest seen: threads take turns as they like. A session that ended before its moment was shorter.
func (l *lengths) learn(p plan, calls, keeper int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.spans[p.Kind+p.From]
	if p.Record == "" && (calls > s.calls) {
		s.calls = calls
	}
	l.spans[p.Kind+p.From] = s
	o := l.spans[p.Kind]
	o.keeperCalls = max(o.keeperCalls, keeper)
	l.spans[p.Kind] = o
}

func (l *lengths) learnRecovery(p plan, calls int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.spans[p.Kind]
	o.recoveryCalls = max(o.recoveryCalls, calls)
	l.spans[p.Kind] = o
}

// build makes the real gameday, and says which faults it can inject without a system of its own.
func build(t *testing.T) (binary string, knows func(kind string) bool) {
	t.Helper()
	if binary = os.Getenv("GAMEDAY_LEAK_BINARY"); binary == "" {
		binary = filepath.Join(t.TempDir(), "gameday")
		out, err := exec.Command("go", "build", "-trimpath", "-o", binary, "gameday/cmd/gameday").CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	schema, err := exec.Command(binary, "schema", "experiment").Output()
	require.NoError(t, err)
	return binary, func(kind string) bool {
		if kind == "all at once" {
			kind = "storage.fuse"
		}
		links := strings.HasPrefix(kind, "network.") || strings.HasPrefix(kind, "dependency.") || strings.HasPrefix(kind, "zone.") || strings.HasPrefix(kind, "region.")
		return !links && strings.Contains(string(schema), "host.partition") && strings.Contains(string(schema), `"`+kind+`"`)
	}
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err, name)
	return n
}

// Whatever dies, at whatever moment: nothing is left. GAMEDAY_KILLS is how many kills are tried, GAMEDAY_SEED which,
// GAMEDAY_LEAK_CASE one of them again, GAMEDAY_LEAK_KINDS only faults with these words in their names,
// GAMEDAY_LEAK_BINARY a gameday that is built already, and GAMEDAY_LEAK_REPORT a file for the report.
func TestKillAtEveryBoundaryLeavesNothing(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("skipped: most faults that could be left need root")
	}
	if out, err := exec.Command("nft", "--version").CombinedOutput(); err != nil {
		t.Skipf("skipped: nft(8), by which the kernel is asked, is not installed: %v %s", err, out)
	}
	seed := uint64(number(t, "GAMEDAY_SEED", int(time.Now().Unix())))
	t.Logf("seed %d", seed)
	var names []string
	for _, k := range slices.Sorted(maps.Keys(kinds())) {
		if words := os.Getenv("GAMEDAY_LEAK_KINDS"); words == "" || slices.ContainsFunc(strings.Fields(words), func(w string) bool { return strings.Contains(k, w) }) {
			names = append(names, k)
		}
	}
	todo := plans(rand.New(rand.NewPCG(seed, 1)), names, number(t, "GAMEDAY_KILLS", 60))
	if again := os.Getenv("GAMEDAY_LEAK_CASE"); again != "" {
		var p plan
		require.NoError(t, json.Unmarshal([]byte(again), &p))
		todo = []plan{p}
	}
	binary, knows := build(t)
	program := func(kind string) []string {
		if knows(kind) {
			return []string{binary, "run"}
		}
		return []string{os.Args[0], "session"}
	}
	begun := time.Now()
	rep := &report{real: knows}
	rep.add(t, kill(t, todo, program)...)
	text := rep.markdown(seed, time.Since(begun))
	t.Log("\n" + text)
	if path := os.Getenv("GAMEDAY_LEAK_REPORT"); path != "" {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
}

// workers are how many sessions are killed at a time. They wait, mostly.
const workers = 4

func kill(t *testing.T, todo []plan, program func(string) []string) []result {
	t.Helper()
	out := make([]result, len(todo))
	next := make(chan int)
	var wg sync.WaitGroup
	known := &lengths{spans: map[string]span{}}
	for range min(workers, len(todo)) {
		l := &lab{world: newWorld(t), program: program, lengths: known}
		wg.Go(func() {
			for i := range next {
				out[i] = l.do(todo[i])
			}
		})
	}
	for i := range todo {
		next <- i
	}
	close(next)
	wg.Wait()
	return out
}

// report counts what became of the kills.
type report struct {
	all  []result
	real func(kind string) bool
	gone map[string]string // kinds that cannot be had here, and why
}

func (r *report) add(t *testing.T, all ...result) {
	t.Helper()
	r.gone = map[string]string{}
	for _, one := range all {
		switch {
		case one.absent != "" && len(one.left) == 0:
			r.gone[one.Kind] = one.absent
			continue
		case len(one.left) > 0:
			t.Errorf("LEAK: %s, %s, %v: after %v there is still:\n  %s\n%v", one.Kind, one.How, one.moment, one.took, strings.Join(one.left, "\n  "), one.err)
		case one.err != nil:
			t.Errorf("%s, %s, %v: %v", one.Kind, one.How, one.moment, one.err)
		}
		r.all = append(r.all, one)
	}
}

// row is a line of the report: how often, how many were left, and how long it took.
func row(name string, rs []result) string {
	var took []time.Duration
	kills, late, left := 0, 0, 0
	for _, r := range rs {
		kills++
		if r.then {
			kills++
		}
		if r.took > promise {
			late++
		}
		if len(r.left) > 0 {
			left++
		}
		took = append(took, r.took)
	}
	slices.Sort(took)
	ms := func(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
	return fmt.Sprintf("| %s | %d | %d | %d | %s | %s |\n", name, kills, left, late, ms(took[len(took)/2]), ms(took[len(took)-1]))
}

func (r *report) markdown(seed uint64, took time.Duration) string {
	var b strings.Builder
	const head = " | kills | left for good | left after 10 s | median time to clean | worst |\n|---|---|---|---|---|---|\n"
	table := func(title string, names []string, of func(result) string) {
		fmt.Fprintf(&b, "\n| %s%s", title, head)
		for _, name := range names {
			var rs []result
			for _, one := range r.all {
				if of(one) == name {
					rs = append(rs, one)
				}
			}
			if len(rs) > 0 {
				b.WriteString(row(name, rs))
			}
		}
	}
	calls, empty := map[string]bool{}, 0
	for _, one := range r.all {
		calls[fmt.Sprint(one.Kind, one.moment.call, one.moment.leaving)] = true
		if one.empty {
			empty++
		}
	}
	if len(r.all) == 0 {
		return fmt.Sprintf("nothing could be tried here: %v\n", r.gone)
	}
	table("who dies", ways, func(one result) string { return one.How })
	b.WriteString(row("**all**", r.all))
	table("fault", slices.Sorted(maps.Keys(kinds())), func(one result) string { return one.Kind })
	table("killed at", []string{"before a record", "a record not yet synced", "a record on disk", "a system call"}, func(one result) string {
		if one.Record == "" {
			return "a system call"
		}
		return []string{"before a record", "a record not yet synced", "a record on disk"}[one.Edge]
	})
	fmt.Fprintf(&b, "\nSeed %d, %d sessions in %v, %d different places (fault, call, edge). %d left a journal without a fault for the next start.\n",
		seed, len(r.all), took.Round(time.Second), len(calls), empty)
	var program []string
	for _, k := range slices.Sorted(maps.Keys(kinds())) {
		if r.gone[k] != "" {
			fmt.Fprintf(&b, "Not here: %s: %s\n", k, r.gone[k])
		} else if !r.real(k) {
			program = append(program, k)
		}
	}
	fmt.Fprintf(&b, "By a session program with the real controller, journal, keeper and recovery instead of `gameday run`: %s.\n", strings.Join(program, ", "))
	return b.String()
}
