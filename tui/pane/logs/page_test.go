package logs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/sources/store"
	"gameday/tui/pane"
	"gameday/tui/pane/logs"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

// reader is a pane on a store: every key is followed by a frame.
type reader struct {
	t    *testing.T
	s    *store.Store
	p    *logs.Pane
	ctx  pane.Context
	now  time.Time
	said string // with the last frame
}

func newReader(t *testing.T, n, errorAt int) *reader {
	s, err := store.New(store.Config{FrameBudget: time.Minute})
	require.NoError(t, err)
	r := &reader{t: t, s: s, p: logs.New(nil, nil), now: sample.Now}
	r.ctx = panetest.Context(t, nil, 98, 10)
	r.more(n, errorAt)
	r.frame()
	return r
}

// more lets so many lines arrive, ten a second, until now.
func (r *reader) more(n, errorAt int) {
	held := int(r.s.Stats().Logs.Received)
	for i := range n {
		l := signal.Record{Time: sample.Now.Add(time.Duration(held+i) * 100 * time.Millisecond), Severity: signal.SeverityInfo, Service: "s", Body: fmt.Sprint("line ", held+i)}
		if i == errorAt {
			l.Severity, l.Body = signal.SeverityError, "it broke"
		}
		r.s.Add(signal.Batch{Logs: []signal.Record{l}})
		r.now = l.Time.Add(time.Millisecond)
	}
}

func (r *reader) frame() {
	v := signal.View{Window: signal.Window{From: sample.Now.Add(10 * time.Second), To: r.now}, Live: true}
	r.p.Want(&v)
	f := r.s.Frame(v)
	f.Now = r.now
	r.ctx.Frame = f
	r.said = ""
	if cmd := r.p.Update(r.ctx, pane.FrameMsg{}); cmd != nil {
		r.said = cmd().(pane.StatusMsg).Text
	}
	r.p.View(r.ctx)
}

func (r *reader) do(a keymap.Action) any {
	msg := panetest.Do(r.p, r.ctx, a)
	r.frame()
	return msg
}

func (r *reader) cursor() string {
	return r.do(keymap.Copy).(pane.CopyMsg).Text
}

// TestEveryLineOfTheWindowCanBeReached: a frame brings 500 of them, and a key brings the rest, up and down, without the cursor's
// line jumping on the screen.
func TestEveryLineOfTheWindowCanBeReached(t *testing.T) {
	r := newReader(t, 2000, -1)
	require.Equal(t, "line 1999", r.cursor())
	for want := 1999; want >= 100; want -= 9 {
		require.Equal(t, fmt.Sprint("line ", want), r.cursor())
		r.do(keymap.PageUp)
	}
	r.do(keymap.PageUp)
	require.Equal(t, "line 100", r.cursor(), "the window's first")
	r.more(200, -1)
	r.frame()
	for want := 100; want < 2199; want += 9 {
		require.Equal(t, fmt.Sprint("line ", want), r.cursor())
		require.Contains(t, r.p.Title(r.ctx), "paused at")
		r.do(keymap.PageDown)
	}
	require.NotContains(t, r.p.Title(r.ctx), "paused", "back on the newest line")
	r.do(keymap.Top)
	require.Equal(t, "line 100", r.cursor())
	r.do(keymap.Bottom)
	require.Equal(t, "line 2199", r.cursor())
}

// TestTheCursorsLineStaysInItsPlace when more lines come.
func TestTheCursorsLineStaysInItsPlace(t *testing.T) {
	r := newReader(t, 2000, -1)
	for range 3 {
		r.do(keymap.PageUp)
	}
	for range 400 {
		before := panetest.Text(r.p, r.ctx)
		panetest.Do(r.p, r.ctx, keymap.Up)
		moved := panetest.Text(r.p, r.ctx)
		r.frame()
		require.Equal(t, moved, panetest.Text(r.p, r.ctx))
		require.NotEqual(t, before, moved)
	}
}

// TestErrorsAreFoundFarFromTheNewestLine: minutes ago, and back again.
func TestErrorsAreFoundFarFromTheNewestLine(t *testing.T) {
	r := newReader(t, 3000, 700)
	none := newReader(t, 1000, -1)
	none.do(keymap.PrevError)
	require.Equal(t, "no older error in this window", none.said)
	require.NotContains(t, none.p.Title(none.ctx), "paused", "the tail goes on")
	require.Nil(t, r.do(keymap.PrevError))
	require.Equal(t, "it broke", r.cursor())
	require.NotContains(t, r.p.Title(r.ctx), "looking")
	r.do(keymap.PrevError)
	require.Equal(t, "no older error in this window", r.said)
	require.Equal(t, "it broke", r.cursor())
	r.more(2000, 1000)
	r.frame()
	r.do(keymap.NextError)
	require.Equal(t, "it broke", r.cursor())
	r.do(keymap.Up)
	require.Equal(t, "line 3999", r.cursor())
	r.do(keymap.Down)
	r.do(keymap.NextError)
	require.Equal(t, "no newer error in this window", r.said)
	r.do(keymap.Top)
	require.Equal(t, "line 100", r.cursor())
	require.Nil(t, r.do(keymap.NextError))
	r.do(keymap.Down)
	require.Equal(t, "line 701", r.cursor())
}
