package main

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/tui/widget"
)

// lines is what a terminal was sent.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestProgressIsToldToWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		p := newWaiting(&out, widget.Pen{}, func() int { return 30 }, "asking 2 sources")
		time.Sleep(waitAfter / 2)
		synctest.Wait()
		require.Empty(t, out.String(), "nobody has waited yet")
		time.Sleep(waitAfter)
		synctest.Wait()
		require.Contains(t, out.String(), "\rasking 2 sources, 1 s\x1b[K")
		p.say("about \x1b]0;x\a%s", "c\n81")
		time.Sleep(time.Second)
		synctest.Wait()
		require.NotContains(t, out.String(), "\x1b]", "an ID may come out of anybody's log line")
		require.NotContains(t, out.String(), "\n")
		p.say("読んでいる %s", "注文サービスの記録と支払いサービスの記録") // two cells each
		time.Sleep(time.Second)
		synctest.Wait()
		require.Contains(t, out.String(), "読んでいる 注文サービスの記…\x1b[K")
		p.say("asking loki, which has not answered for a while")
		time.Sleep(time.Second)
		p.end()
		p.end()
		require.Contains(t, out.String(), "…\x1b[K", "it is cut to the terminal's width")
		require.True(t, strings.HasSuffix(out.String(), "\r\x1b[K"), "and taken away")
		for _, line := range strings.Split(out.String(), "\r") {
			require.LessOrEqual(t, widget.Width(strings.TrimSuffix(line, "\x1b[K")), 29)
		}
	})
}

// TestWhatIsKnownOfTheEndIsDrawn: a bar by what is done, or by the clock, in the signs that the terminal has.
func TestWhatIsKnownOfTheEndIsDrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		p := newWaiting(&out, widget.Pen{}, func() int { return 80 }, "reading a.gameday")
		time.Sleep(2 * waitAfter)
		synctest.Wait()
		require.NotContains(t, out.String(), "%", "nobody knows yet")
		p.far(0.35)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Contains(t, out.String(), "\r███████░░░░░░░░░░░░░  35 %  reading a.gameday, 2 s\x1b[K")
		p.end()
		var ascii lines
		p = newWaiting(&ascii, widget.Pen{ASCII: true}, func() int { return 80 }, "looking at shop")
		p.takes(4 * time.Second)
		time.Sleep(time.Minute)
		p.end()
		require.Contains(t, ascii.String(), "\r##########----------  49 %  looking at shop, 2 s", "by the clock")
		require.Contains(t, ascii.String(), "#################### 100 %  looking at shop, 60 s", "never more than all")
	})
}

func TestProgressThatIsShortOrUnseenWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		p := newWaiting(&out, widget.Pen{}, func() int { return 80 }, "reading")
		time.Sleep(waitAfter / 2)
		p.end()
		require.Empty(t, out.String())
		nobody := newWaiting(nil, widget.Pen{}, nil, "reading")
		time.Sleep(time.Hour)
		nobody.say("still")
		nobody.end()
	})
}
