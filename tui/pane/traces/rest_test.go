package traces_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/sources/store"
	"gameday/tui/pane"
	"gameday/tui/pane/traces"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

// TestEveryTraceOfTheWindowCanBeReached: a frame brings 200 of them and keys the rest, live and paused; new ones that come in do not
// move what is read.
func TestEveryTraceOfTheWindowCanBeReached(t *testing.T) {
	for _, live := range []bool{true, false} {
		t.Run(fmt.Sprint("live ", live), func(t *testing.T) {
			s, err := store.New(store.Config{FrameBudget: time.Minute})
			require.NoError(t, err)
			count := 0
			add := func(n int) {
				for range n {
					sp := signal.Span{Service: "gateway", Name: fmt.Sprint("request ", count), Start: sample.Now.Add(time.Duration(count) * time.Millisecond), Duration: time.Millisecond}
					count++
					binary.BigEndian.PutUint64(sp.TraceID[:], uint64(count))
					sp.SpanID[0] = 1
					s.Add(signal.Batch{Spans: []signal.Span{sp}})
				}
			}
			add(650)
			p := traces.New(nil)
			ctx := panetest.Context(t, nil, 118, 20)
			to := sample.Now.Add(time.Minute)
			frame := func() {
				v := signal.View{Window: signal.Window{From: sample.Now.Add(-time.Minute), To: to}, Live: live}
				p.Want(&v)
				f := s.Frame(v)
				if f.Now = to; !live {
					f.Now = to.Add(time.Hour)
				}
				ctx.Frame = f
				p.Update(ctx, pane.FrameMsg{})
				p.View(ctx)
			}
			do := func(a keymap.Action) any {
				msg := panetest.Do(p, ctx, a)
				frame()
				return msg
			}
			frame()
			newest := count
			seen := map[string]bool{}
			for range newest {
				row := panetest.Do(p, ctx, keymap.CopyRow).(pane.CopyMsg).Text
				require.Contains(t, row, fmt.Sprintf("operation=%q", fmt.Sprint("request ", newest-1-len(seen))))
				seen[row] = true
				do(keymap.Down)
				if live && len(seen)%100 == 0 {
					add(10)
					to = to.Add(time.Second)
				}
			}
			require.Len(t, seen, newest)
			require.IsType(t, pane.StatusMsg{}, do(keymap.NextError), "there is none, and that is said")
			do(keymap.Top)
			frame()
			require.Contains(t, do(keymap.CopyRow).(pane.CopyMsg).Text, fmt.Sprint("request ", count-1), "back at the top it follows")
			require.Contains(t, p.Title(ctx), " 200 of ", "and the rest is let go")
		})
	}
}
