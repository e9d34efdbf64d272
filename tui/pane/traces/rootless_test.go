package traces_test

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/traces"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

// TestARequestThatHangsSaysWhatIsKnownOfIt where the operator looks: that its root has not come, since when, and what may be.
func TestARequestThatHangsSaysWhatIsKnownOfIt(t *testing.T) {
	f := sample.Frame()
	tr := *f.Detail
	tr.Rooted = false
	tr.Spans = append([]signal.Span(nil), tr.Spans[1:]...)
	begun := f.Now.Add(-42 * time.Second)
	for i := range tr.Spans {
		tr.Spans[i].Start = begun.Add(time.Duration(i) * time.Second)
		tr.Spans[i].Duration = time.Millisecond
	}
	f.Detail, f.Window.To = &tr, f.Now
	for _, size := range [][2]int{{78, 16}, {118, 30}} {
		ctx := panetest.Context(t, f, size[0], size[1])
		p := traces.New(nil)
		p.Update(ctx, pane.OpenTraceMsg{ID: tr.ID})
		text := strings.Join(strings.Fields(panetest.Text(p, ctx)), " ")
		require.Contains(t, p.Title(ctx), "root not here")
		require.Contains(t, text, "? the root span has not come: it still runs, or was lost; the first span began at "+begun.Format(time.TimeOnly)+", 42 s ago, the last one ended at ")
		for _, row := range p.View(ctx) {
			require.Equal(t, size[0], ansi.StringWidth(row))
		}
		panetest.Do(p, ctx, keymap.Top)
		p.Update(ctx, pane.ClickMsg{X: 3, Y: 3 + strings.Count(panetest.Text(p, ctx), "meanwhile")})
		require.NotEmpty(t, panetest.Do(p, ctx, keymap.Copy), "rows are found below what is said")

		past := *f
		past.Now = f.Now.Add(time.Hour)
		ctx.Frame = &past
		require.NotContains(t, panetest.Text(p, ctx), " ago,", "of a paused picture the age is none")
		whole, there := *f, tr
		there.Rooted = true
		whole.Detail, ctx.Frame = &there, &whole
		require.NotContains(t, panetest.Text(p, ctx), "has not come")
	}
}
