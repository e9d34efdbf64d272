package traces_test

import (
	"slices"
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

// TestWhatASpanSaysIsReadWhole: a long message goes on below, on a narrow screen too, and copying gives all of it from any row.
func TestWhatASpanSaysIsReadWhole(t *testing.T) {
	f := sample.Frame()
	tr := &signal.Trace{TraceSummary: signal.TraceSummary{ID: f.Detail.ID, Start: sample.Now, Duration: time.Second, Service: "checkout", Name: "pay"}}
	long := strings.TrimSpace(strings.Repeat("refused ", 30)) + " end"
	tr.Spans = []signal.Span{{TraceID: tr.ID, SpanID: signal.SpanID{1}, Service: "checkout", Name: "pay", Start: sample.Now, Duration: time.Second, Failed: true, Message: long,
		Attrs: signal.Attrs{{Key: "exception.stacktrace", Value: strings.Repeat("frame ", 4000)}}}}
	tr.Logs = []signal.Record{{Seq: 7, Time: sample.Now.Add(time.Millisecond), Service: "checkout", Severity: signal.SeverityWarn, Body: "a line", SpanID: signal.SpanID{1}, Source: "otlp", Attrs: signal.Attrs{{Key: "order", Value: "o-1"}}}}
	f.Detail = tr
	for _, width := range []int{50, 118} {
		ctx := panetest.Context(t, f, width, 40)
		p := traces.New(nil)
		p.Update(ctx, pane.OpenTraceMsg{ID: tr.ID})
		panetest.Do(p, ctx, keymap.Top)
		panetest.Do(p, ctx, keymap.Open)
		text := panetest.Text(p, ctx)
		require.Equal(t, 30, strings.Count(text[strings.Index(text, "status "):], "refused"), text)
		require.Contains(t, text, " end")
		panetest.Do(p, ctx, keymap.Down)
		panetest.Do(p, ctx, keymap.Down)
		require.Equal(t, pane.CopyMsg{Text: long}, panetest.Do(p, ctx, keymap.Copy), "from its second row")
		panetest.Do(p, ctx, keymap.Bottom)
		require.Contains(t, panetest.Text(p, ctx), "a line", "what is endless is bounded")
		panetest.Do(p, ctx, keymap.Open)
		require.Contains(t, panetest.Text(p, ctx), "order o-1")
		panetest.Do(p, ctx, keymap.Down)
		panetest.Do(p, ctx, keymap.Down)
		require.Equal(t, pane.CopyMsg{Text: "order=o-1"}, panetest.Do(p, ctx, keymap.CopyRow))
		panetest.Do(p, ctx, keymap.Open)
		require.NotContains(t, panetest.Text(p, ctx), "order o-1")
		panetest.Do(p, ctx, keymap.Top)
		panetest.Do(p, ctx, keymap.Down)
		panetest.Do(p, ctx, keymap.Open)
		require.NotContains(t, panetest.Text(p, ctx), "span id", "closed from a row of it")
		require.True(t, slices.Contains(p.Keys(ctx), keymap.Open))
	}
}
