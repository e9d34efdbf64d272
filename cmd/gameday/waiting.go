package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"gameday/sources/sanitize"
	"gameday/tui"
	"gameday/tui/widget"
)

// waitAfter is how long a person waits before he is told what for.
const waitAfter = 700 * time.Millisecond

// waiting tells a person at a terminal what is being waited for, in one line that is taken away again. Where nobody waits, such
// as in a pipe, it writes nothing. Its methods may be called from any goroutine.
type waiting struct {
	out   io.Writer // nil: nobody is told
	begun time.Time
	wide  func() int
	pen   widget.Pen

	mu    sync.Mutex
	what  string
	share float64       // of the work that is done, 0 to 1; NaN: nobody knows
	lasts time.Duration // how long all of it takes; 0: nobody knows
	told  bool
	stop  chan struct{}
	work  sync.WaitGroup
}

// waitFor begins to wait, told on standard error.
func waitFor(format string, args ...any) *waiting {
	var out io.Writer
	if term.IsTerminal(int(os.Stderr.Fd())) {
		out = os.Stderr
	}
	symbols, _ := tui.SymbolsFor(os.Getenv)
	return newWaiting(out, widget.Pen{ASCII: symbols == tui.ASCII}, func() int {
		if w, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil {
			return w
		}
		return 80
	}, fmt.Sprintf(format, args...))
}

func newWaiting(out io.Writer, pen widget.Pen, wide func() int, what string) *waiting {
	p := &waiting{out: out, begun: time.Now(), wide: wide, pen: pen, what: what, share: math.NaN(), stop: make(chan struct{})}
	if out == nil {
		return p
	}
	p.work.Go(func() {
		wait := time.NewTimer(waitAfter)
		defer wait.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-wait.C:
				p.tell()
				wait.Reset(250 * time.Millisecond)
			}
		}
	})
	return p
}

// say replaces what is waited for.
func (p *waiting) say(format string, args ...any) {
	p.mu.Lock()
	p.what = fmt.Sprintf(format, args...)
	p.mu.Unlock()
}

// far says how much of the work is done, 0 to 1: a bar stands before the line from then on.
func (p *waiting) far(share float64) {
	p.mu.Lock()
	p.share = share
	p.mu.Unlock()
}

// takes says how long all of it lasts, counted from its beginning: the bar goes by the clock.
func (p *waiting) takes(d time.Duration) {
	p.mu.Lock()
	p.lasts = d
	p.mu.Unlock()
}

// barWide is how wide the bar is, in cells.
const barWide = 20

// bar is how far it is, "" when nobody knows.
func (p *waiting) bar() string {
	share := p.share
	if p.lasts > 0 {
		share = float64(time.Since(p.begun)) / float64(p.lasts)
	}
	if math.IsNaN(share) {
		return ""
	}
	share = min(max(share, 0), 1)
	return fmt.Sprintf("%s %3.0f %%  ", p.pen.Progress(share, barWide), 100*share)
}

// tell writes the line, cut to the terminal's width: a line that wraps cannot be taken away.
func (p *waiting) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	what := sanitize.Line(p.what, sanitize.MaxName) // an ID out of somebody's log line, a file's name
	line := p.pen.Fit(fmt.Sprintf("%s%s, %.0f s", p.bar(), what, time.Since(p.begun).Seconds()), max(p.wide()-1, 1))
	p.told = true
	fmt.Fprintf(p.out, "\r%s\x1b[K", line)
}

// end takes the line away. Calling it twice does no harm.
func (p *waiting) end() {
	p.mu.Lock()
	select {
	case <-p.stop:
		p.mu.Unlock()
		return
	default:
	}
	close(p.stop)
	p.mu.Unlock()
	p.work.Wait()
	if p.told {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
