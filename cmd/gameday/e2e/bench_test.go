package e2e

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// start opens the program for a benchmark, with the terminal that most people have.
func start(b *testing.B, args ...string) *terminal {
	b.Helper()
	term := &terminal{state: b.TempDir(), vt: vt10x.New(vt10x.WithSize(120, 35)), closed: make(chan struct{}), exited: make(chan struct{})}
	term.cmd = exec.Command(binary, args...)
	term.cmd.Env = append(environment(term.state), "TERM=xterm-256color")
	f, err := pty.StartWithSize(term.cmd, &pty.Winsize{Cols: 120, Rows: 35})
	if err != nil {
		b.Fatal(err)
	}
	term.pty = f
	go term.read()
	return term
}

// stop ends it the orderly way.
func (term *terminal) stop(b *testing.B) {
	b.Helper()
	_ = term.cmd.Process.Signal(terminate) // it may have ended
	_ = term.cmd.Wait()
	_ = term.pty.Close()
	<-term.closed
	if left := waitGone(term.state, 15*time.Second); len(left) > 0 {
		b.Fatalf("left behind: %v", left)
	}
}

func (term *terminal) shows(within time.Duration, words ...string) bool {
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		screen, missing := term.screen(), false
		for _, w := range words {
			missing = missing || !strings.Contains(screen, w)
		}
		if !missing {
			return true
		}
	}
	return false
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// BenchmarkFirstPaint is the time from the start of the process to the cockpit's frame on the screen.
func BenchmarkFirstPaint(b *testing.B) {
	var all []float64
	for range max(5, b.N) {
		begun := time.Now()
		term := start(b, "demo")
		if !term.shows(slow, "gameday", "experiment") {
			b.Fatal("nothing was painted")
		}
		all = append(all, float64(time.Since(begun).Milliseconds()))
		term.stop(b)
	}
	b.ReportMetric(median(all), "ms/first-paint")
}

// BenchmarkLiveSignals is the time from the start of the process to a trace, a log line and a figure of real requests.
func BenchmarkLiveSignals(b *testing.B) {
	var all []float64
	for range max(3, b.N) {
		begun := time.Now()
		term := start(b, "demo")
		term.shows(slow, "ctrl+x")
		_, _ = term.pty.WriteString("\x1b") // closes the hint
		if !term.shows(slow, "POST /checkout", "INFO", "rps") {
			b.Fatal("no signals")
		}
		all = append(all, float64(time.Since(begun).Milliseconds()))
		term.stop(b)
	}
	b.ReportMetric(median(all), "ms/live")
}

// BenchmarkLiveBytes is what the live demo sends to a terminal of 120x35 in a second.
func BenchmarkLiveBytes(b *testing.B) {
	const long = 20 * time.Second
	var all []float64
	for range max(1, b.N) {
		term := start(b, "demo")
		term.shows(slow, "ctrl+x")
		_, _ = term.pty.WriteString("\x1b")
		term.shows(slow, "POST /checkout")
		time.Sleep(15 * time.Second) // charts have begun to fill
		before := term.sent()
		time.Sleep(long)
		all = append(all, float64(term.sent()-before)/long.Seconds()/1000)
		term.stop(b)
	}
	b.ReportMetric(median(all), "kB/s")
}
