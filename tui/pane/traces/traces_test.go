package traces_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/traces"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

func TestGoldenList(t *testing.T) {
	panetest.Golden(t, func(ctx pane.Context) pane.Pane {
		p := traces.New(nil)
		panetest.Do(p, ctx, keymap.Down)
		return p
	})
}

func TestGoldenWaterfall(t *testing.T) {
	panetest.Golden(t, func(ctx pane.Context) pane.Pane {
		p := traces.New(nil)
		p.Update(ctx, pane.OpenTraceMsg{ID: ctx.Frame.Detail.ID})
		return p
	})
}

func TestOrderIsAskedFor(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 98, 21)
	p := traces.New(func(s string) error { return errors.New("bad " + s) })
	require.EqualError(t, p.CheckFilter("x"), "bad x")
	p.Update(ctx, pane.FilterMsg{Text: "status=error"})
	want := []signal.TraceFilter{
		{Text: "status=error", Order: signal.TracesRecent},
		{Text: "status=error", Order: signal.TracesSlowest},
		{Text: "status=error", Failed: true},
	}
	for _, w := range want {
		var v signal.View
		p.Want(&v)
		require.Equal(t, w, v.Traces)
		panetest.Do(p, ctx, keymap.Order)
	}
}

// TestTheCursorStaysOnItsTrace while others come in above it; on the top row it follows what comes in.
func TestTheCursorStaysOnItsTrace(t *testing.T) {
	f := sample.Frame()
	ctx := panetest.Context(t, f, 98, 21)
	p := traces.New(nil)
	panetest.Do(p, ctx, keymap.Down)
	id := f.Traces[1].ID
	next := sample.Frame()
	fresh := signal.TraceSummary{ID: sample.TraceID(200), Name: "new", Start: sample.Now.Add(-2 * time.Second)}
	next.Traces = append([]signal.TraceSummary{fresh}, next.Traces...)
	ctx.Frame = next
	require.Equal(t, pane.CopyMsg{Text: id.String()}, panetest.Do(p, ctx, keymap.Copy))
	panetest.Do(p, ctx, keymap.Top)
	require.Equal(t, pane.CopyMsg{Text: fresh.ID.String()}, panetest.Do(p, ctx, keymap.Copy))
	ctx.Frame = f
	require.Equal(t, pane.CopyMsg{Text: f.Traces[0].ID.String()}, panetest.Do(p, ctx, keymap.Copy))
	panetest.Do(p, ctx, keymap.NextError)
	got := panetest.Do(p, ctx, keymap.Open).(pane.OpenTraceMsg).ID
	require.Equal(t, f.Traces[5].ID, got)
}

// TestTheListIsCalm: one picture a second, of traces that are whole, and none at all while the operator reads.
func TestTheListIsCalm(t *testing.T) {
	ctx := panetest.Context(t, nil, 98, 21)
	p := traces.New(nil)
	frame := func(i int) {
		f := sample.Frame()
		f.Now = sample.Now.Add(time.Duration(i) * 100 * time.Millisecond)
		f.Window.To = f.Now
		young := signal.TraceSummary{ID: sample.TraceID(byte(100 + i)), Name: "young", Start: f.Now.Add(-300 * time.Millisecond)}
		whole := signal.TraceSummary{ID: sample.TraceID(byte(150 + i)), Name: "whole", Start: f.Now.Add(-2 * time.Second)}
		f.Traces = append([]signal.TraceSummary{young, whole}, f.Traces...)
		ctx.Frame = f
	}
	pictures := map[string]bool{}
	for i := range 21 {
		frame(i)
		text := panetest.Text(p, ctx)
		require.Contains(t, text, "whole")
		require.NotContains(t, text, "young")
		pictures[text] = true
	}
	require.Len(t, pictures, 3)
	panetest.Do(p, ctx, keymap.Down)
	require.Contains(t, p.Title(ctx), "held: esc to follow")
	held := panetest.Text(p, ctx)
	frame(40)
	require.Equal(t, held, panetest.Text(p, ctx))
	require.Contains(t, p.Keys(ctx), keymap.Leave)
	panetest.Do(p, ctx, keymap.Leave)
	require.NotEqual(t, held, panetest.Text(p, ctx))
	require.NotContains(t, p.Title(ctx), "held")
}

func TestFocusOpensAndLeavingCloses(t *testing.T) {
	f := sample.Frame()
	ctx := panetest.Context(t, f, 98, 21)
	p := traces.New(nil)
	f.Focus = signal.CorrelationID(f.Detail.ID.String())
	require.Contains(t, panetest.Text(p, ctx), "Charge attempt 1")
	require.Equal(t, pane.FocusMsg{}, panetest.Do(p, ctx, keymap.Leave))
	require.Contains(t, panetest.Text(p, ctx), "operation", "the list is back before the next frame comes")

	gone := *f
	gone.Focus, gone.Detail = signal.CorrelationID(sample.TraceID(7).String()), nil
	ctx.Frame = &gone
	require.Contains(t, strings.Join(strings.Fields(panetest.Text(p, ctx)), " "), "is not held: evicted or not sampled")
	var v signal.View
	p.Want(&v)
	require.Equal(t, sample.TraceID(7), v.Trace)
	free := *f
	free.Focus = ""
	ctx.Frame = &free
	require.Contains(t, panetest.Text(p, ctx), "operation")
}

func TestWaterfallMergesLogLinesByTime(t *testing.T) {
	f := sample.Frame()
	ctx := panetest.Context(t, f, 98, 21)
	p := traces.New(nil)
	p.Update(ctx, pane.OpenTraceMsg{ID: f.Detail.ID})
	text := panetest.Text(p, ctx)
	at := -1
	for _, want := range []string{"POST /checkout", "request r-00042", "PlaceOrder", "GET /cart", "SELECT cart", "Reserve", "attempt 1", "provider slow", "attempt 2", "payment failed:", "enqueue"} {
		i := strings.LastIndex(text, want)
		require.Greater(t, i, at, "%s is out of order in\n%s", want, text)
		at = i
	}
	require.Contains(t, text, "orphan: its parent is missing")
	require.Contains(t, text, "failed: deadline")
	require.Equal(t, 4, strings.Count(text, "✘"), "three failed spans and an error line")

	panetest.Do(p, ctx, keymap.Top)
	panetest.Do(p, ctx, keymap.Down)
	panetest.Do(p, ctx, keymap.Down) // PlaceOrder
	panetest.Do(p, ctx, keymap.Left)
	text = panetest.Text(p, ctx)
	require.NotContains(t, text, "Reserve", "folded")
	require.Contains(t, text, "▸")
	panetest.Do(p, ctx, keymap.Right)
	panetest.Do(p, ctx, keymap.Open)
	text = panetest.Text(p, ctx)
	require.Contains(t, text, "http.response.status_code 200")
	panetest.Do(p, ctx, keymap.Open)
	require.NotContains(t, panetest.Text(p, ctx), "http.response.status_code")
	panetest.Do(p, ctx, keymap.NextError)
	require.Contains(t, panetest.Do(p, ctx, keymap.CopyRow).(pane.CopyMsg).Text, `name="Charge attempt 1"`)
}

// TestOddTraces: cycles, twins, clocks that differ and times from nowhere are drawn once each, and do not hang.
func TestOddTraces(t *testing.T) {
	id := sample.TraceID(1)
	sp := func(n, parent byte, at time.Duration, d time.Duration) signal.Span {
		s := signal.Span{TraceID: id, SpanID: signal.SpanID{n}, Service: "s", Name: "span" + string('a'+rune(n)), Start: sample.Now.Add(at), Duration: d}
		if parent != 0 {
			s.ParentID = signal.SpanID{parent}
		}
		return s
	}
	for name, spans := range map[string][]signal.Span{
		"cycle":      {sp(1, 2, 0, time.Second), sp(2, 3, 1, time.Second), sp(3, 1, 2, time.Second), sp(4, 3, 5, 1)},
		"own parent": {sp(1, 1, 0, time.Second)},
		"twins":      {sp(1, 0, 0, time.Second), sp(1, 0, 0, time.Second), sp(2, 1, 0, 5)},
		"skew":       {sp(1, 0, 0, time.Second), sp(2, 1, -time.Minute, time.Second)},
		"negative":   {sp(1, 0, 0, -time.Second), sp(2, 1, 0, 0)},
		"zero":       {{TraceID: id}, {TraceID: id, ParentID: signal.SpanID{9}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := sample.Frame()
			f.Detail = &signal.Trace{TraceSummary: signal.TraceSummary{ID: id}, Spans: spans,
				Logs: []signal.Record{{Time: sample.Now.Add(-time.Hour), Body: "early"}, {Time: sample.Now.Add(time.Hour), Body: "late", SpanID: signal.SpanID{2}}}}
			ctx := panetest.Context(t, f, 98, 21)
			p := traces.New(nil)
			p.Update(ctx, pane.OpenTraceMsg{ID: id})
			text := panetest.Text(p, ctx)
			for _, s := range spans {
				require.Contains(t, text, s.Name)
			}
			for _, n := range []string{"spanb", "spanc", "spand", "spane"} {
				want := 0
				for _, s := range spans {
					if s.Name == n {
						want++
					}
				}
				got := strings.Count(text, " "+n) - strings.Count(strings.Split(text, "\n")[0], " "+n)
				require.Equal(t, want, got, text)
			}
			require.Contains(t, text, "early")
			panetest.Check(t, p, ctx, name)
			if name == "skew" {
				require.Contains(t, text, "clock skew")
			}
		})
	}
}

// TestClocksThatDiffer: a service whose clock is a second behind is drawn where it was, and said to be.
func TestClocksThatDiffer(t *testing.T) {
	f := sample.Frame()
	id := sample.TraceID(1)
	f.Detail = &signal.Trace{TraceSummary: signal.TraceSummary{ID: id}, Spans: []signal.Span{
		{TraceID: id, SpanID: signal.SpanID{1}, Service: "gateway", Name: "call", Kind: signal.SpanClient, Start: sample.Now, Duration: 100 * time.Millisecond},
		{TraceID: id, SpanID: signal.SpanID{2}, ParentID: signal.SpanID{1}, Service: "payment", Name: "charge", Kind: signal.SpanServer, Start: sample.Now.Add(-970 * time.Millisecond), Duration: 40 * time.Millisecond},
		{TraceID: id, SpanID: signal.SpanID{3}, ParentID: signal.SpanID{2}, Service: "payment", Name: "insert", Start: sample.Now.Add(-960 * time.Millisecond), Duration: 10 * time.Millisecond},
	}, Logs: []signal.Record{{TraceID: id, SpanID: signal.SpanID{2}, Service: "payment", Body: "charged", Time: sample.Now.Add(-950 * time.Millisecond)}}}
	ctx := panetest.Context(t, f, 160, 21)
	p := traces.New(nil)
	p.Update(ctx, pane.OpenTraceMsg{ID: id})
	text := panetest.Text(p, ctx)
	require.Contains(t, strings.Split(text, "\n")[0], "100 ms", "the trace takes what its first service waited: "+text)
	require.Equal(t, 1, strings.Count(text, "clock 1.00 s behind"), "once for a service: "+text)
	require.Contains(t, text, "+50 ms", "log lines are moved with it: "+text)
	require.Contains(t, panetest.Do(p, ctx, keymap.CopyRow).(pane.CopyMsg).Text, sample.Now.Format("15:04:05"), "what is copied is as it came")
}

func TestBigTrace(t *testing.T) {
	f := sample.Frame()
	f.Detail = sample.BigTrace(5000)
	ctx := panetest.Context(t, f, 98, 21)
	p := traces.New(nil)
	p.Update(ctx, pane.OpenTraceMsg{ID: f.Detail.ID})
	panetest.Do(p, ctx, keymap.Bottom)
	require.Contains(t, panetest.Text(p, ctx), "step 4999")
	for range 50 {
		panetest.Do(p, ctx, keymap.PageUp)
		panetest.Check(t, p, ctx, "deep")
	}
	panetest.Do(p, ctx, keymap.Top)
	panetest.Do(p, ctx, keymap.Left)
	require.NotContains(t, panetest.Text(p, ctx), "step 3 ")
}
