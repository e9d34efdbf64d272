package logs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/pane/logs"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

func TestGolden(t *testing.T) {
	panetest.Golden(t, func(ctx pane.Context) pane.Pane {
		p := logs.New(nil, strings.Fields)
		p.Update(ctx, pane.FilterMsg{Text: "payment"})
		panetest.Do(p, ctx, keymap.Up)
		return p
	})
}

// TestTheTailFollowsUntilTheCursorLeavesIt, then stands still however much comes in, and follows again on G.
func TestTheTailFollowsUntilTheCursorLeavesIt(t *testing.T) {
	f := sample.Frame()
	f.Logs = lines(0, 50)
	ctx := panetest.Context(t, f, 98, 10)
	p := logs.New(nil, nil)
	require.Contains(t, last(p, ctx), "line 49")
	ctx.Frame = with(lines(500, 50))
	require.Contains(t, last(p, ctx), "line 549")
	panetest.Do(p, ctx, keymap.Up)
	held := panetest.Text(p, ctx)
	require.Contains(t, p.Title(ctx), "paused at 12:")
	require.Contains(t, p.Title(ctx), "G to follow")
	ctx.Frame = with(lines(5000, 50))
	require.Equal(t, held, panetest.Text(p, ctx))
	require.Equal(t, pane.CopyMsg{Text: "line 548"}, panetest.Do(p, ctx, keymap.Copy))
	panetest.Do(p, ctx, keymap.Bottom)
	require.Contains(t, last(p, ctx), "line 5049")
	require.NotContains(t, p.Title(ctx), "paused")
	panetest.Do(p, ctx, keymap.Up)
	panetest.Do(p, ctx, keymap.Down)
	require.NotContains(t, p.Title(ctx), "paused", "back on the newest line")
	panetest.Do(p, ctx, keymap.Up)
	focused := with(lines(9, 3))
	focused.Focus = "r-1"
	ctx.Frame = focused
	require.Contains(t, last(p, ctx), "line 11", "another focus is another list")
}

// TestTheTailIsCalm: ten frames a second, two pictures a second, and at once what the operator asked for.
func TestTheTailIsCalm(t *testing.T) {
	ctx := panetest.Context(t, nil, 98, 10)
	p := logs.New(nil, nil)
	pictures := map[string]bool{}
	for i := range 21 {
		f := with(lines(100*i, 50))
		f.Now = sample.Now.Add(time.Duration(i) * 100 * time.Millisecond)
		f.Window.To = f.Now
		ctx.Frame = f
		pictures[panetest.Text(p, ctx)] = true
	}
	require.Len(t, pictures, 5)
	p.Update(ctx, pane.FilterMsg{Text: "line"})
	f := with(lines(7000, 5))
	f.Now = ctx.Frame.Now.Add(50 * time.Millisecond)
	f.Window.To = f.Now
	ctx.Frame = f
	require.Contains(t, last(p, ctx), "line 7004")
}

func lines(from, n int) []signal.Record {
	out := make([]signal.Record, n)
	for i := range out {
		out[i] = signal.Record{Seq: uint64(from + i + 1), Time: sample.Now.Add(time.Duration(i-n) * time.Second), Severity: signal.SeverityInfo, Service: "s", Body: fmt.Sprintf("line %d", from+i)}
	}
	return out
}

func with(l []signal.Record) *signal.Frame {
	f := sample.Frame()
	f.Logs = l
	return f
}

// last is the lowest row that is not blank.
func last(p pane.Pane, ctx pane.Context) string {
	rows := strings.Split(strings.TrimRight(panetest.Text(p, ctx), " \n"), "\n")
	return rows[len(rows)-1]
}

func TestFocusFromALine(t *testing.T) {
	id := sample.TraceID(3)
	l := lines(0, 3)
	l[0].TraceID = id
	l[1].Attrs = signal.Attrs{{Key: "request_id", Value: "r-7"}}
	ctx := panetest.Context(t, with(l), 98, 10)
	p := logs.New(nil, nil)
	require.IsType(t, pane.StatusMsg{}, panetest.Do(p, ctx, keymap.FocusIt), "this line leads nowhere, and says so")
	require.Nil(t, panetest.Do(p, ctx, keymap.Open), "all of it is shown instead")
	require.Contains(t, panetest.Text(p, ctx), `"body": "line 2"`)
	panetest.Do(p, ctx, keymap.Leave)
	panetest.Do(p, ctx, keymap.Up)
	require.Equal(t, pane.FocusMsg{ID: "r-7"}, panetest.Do(p, ctx, keymap.Open))
	panetest.Do(p, ctx, keymap.Up)
	require.Equal(t, pane.OpenTraceMsg{ID: id}, panetest.Do(p, ctx, keymap.Open))
	require.Equal(t, pane.FocusMsg{ID: signal.CorrelationID(id.String())}, panetest.Do(p, ctx, keymap.FocusIt))
}

func TestLevelAndErrors(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 98, 10)
	p := logs.New(nil, nil)
	var got []signal.Severity
	for range 5 {
		var v signal.View
		p.Want(&v)
		got = append(got, v.Logs.MinLevel)
		panetest.Do(p, ctx, keymap.Level)
	}
	require.Equal(t, []signal.Severity{signal.SeverityUnset, signal.SeverityInfo, signal.SeverityWarn, signal.SeverityError, signal.SeverityUnset}, got)
	require.Nil(t, panetest.Do(p, ctx, keymap.PrevError))
	require.Contains(t, panetest.Do(p, ctx, keymap.CopyRow).(pane.CopyMsg).Text, "ERROR checkout payment failed")
	require.IsType(t, pane.StatusMsg{}, panetest.Do(p, ctx, keymap.NextError))
}

func TestMatchesAreMarked(t *testing.T) {
	l := lines(0, 1)
	l[0].Body = "Größe PAYMENT 家族 payment"
	ctx := panetest.Context(t, with(l), 98, 3)
	p := logs.New(func(s string) error { return errors.New("no " + s) }, strings.Fields)
	require.EqualError(t, p.CheckFilter("x"), "no x")
	p.Update(ctx, pane.FilterMsg{Text: "payment größe"})
	row := p.View(ctx)[0]
	require.Contains(t, row, ctx.Theme.PaintOn(themes.Match, themes.Selected, "Größe"))
	require.Contains(t, row, ctx.Theme.PaintOn(themes.Match, themes.Selected, "PAYMENT"))
	require.Contains(t, row, ctx.Theme.PaintOn(themes.Match, themes.Selected, "payment"))
	var v signal.View
	p.Want(&v)
	require.Equal(t, "payment größe", v.Logs.Text)
}

func TestTitleCountsAndSaysWhatIsMissing(t *testing.T) {
	f := sample.Frame()
	ctx := panetest.Context(t, f, 98, 10)
	p := logs.New(nil, nil)
	require.Equal(t, "logs 120 of 48.2k, dropped 89", p.Title(ctx))
	f.LogsPartial = true
	require.Equal(t, "logs 120 of ~48.2k partly searched, dropped 89", p.Title(ctx))
	ctx.Frame = with(nil)
	require.Contains(t, panetest.Text(p, ctx), "press l")
	listening := *ctx.Frame
	listening.Health = []signal.SourceHealth{{Name: "otlp", Kind: "otlp", Address: "127.0.0.1:4317"}}
	told := ctx
	told.Frame = &listening
	require.Contains(t, strings.Join(strings.Fields(panetest.Text(p, told)), " "), "over OTLP to 127.0.0.1:4317 (gRPC), or a source", "and where to")
	told.Replay = true
	require.NotContains(t, panetest.Text(p, told), "4317", "nobody listens in a replay")
	p.Update(ctx, pane.FilterMsg{Text: "zzz"})
	require.Contains(t, panetest.Text(p, ctx), `No line in this window matches: zzz`)
}
