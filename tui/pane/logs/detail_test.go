package logs_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/logs"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

func TestGoldenDetail(t *testing.T) {
	panetest.Golden(t, func(ctx pane.Context) pane.Pane {
		p := logs.New(nil, nil)
		panetest.Do(p, ctx, keymap.Up)
		panetest.Do(p, ctx, keymap.Detail)
		return p
	})
}

func TestGoldenContext(t *testing.T) {
	panetest.Golden(t, func(ctx pane.Context) pane.Pane {
		l := sample.Logs(21)
		f := *ctx.Frame
		f.Logs = l[10:12]
		before := ctx
		before.Frame = &f
		p := logs.New(nil, nil)
		panetest.Do(p, before, keymap.Up)
		panetest.Do(p, before, keymap.Context)
		return p
	})
}

func TestDetailIsJSONAndSaysHowTheLineWasJoined(t *testing.T) {
	l := lines(0, 1)
	l[0].Body = `{"msg":"<slow>","took":3}`
	l[0].TraceID = sample.TraceID(3)
	l[0].Attrs = signal.Attrs{{Key: "joined_by", Value: "body trace_id"}, {Key: "zone", Value: "b"}}
	ctx := panetest.Context(t, with(l), 98, 30)
	p := logs.New(nil, nil)
	panetest.Do(p, ctx, keymap.Detail)
	require.Contains(t, panetest.Text(p, ctx), "Its IDs were found in its text: body trace_id.")
	var doc struct {
		Body struct {
			Msg  string
			Took int
		}
		TraceID    string `json:"trace_id"`
		Attributes map[string]string
	}
	require.NoError(t, json.Unmarshal([]byte(panetest.Do(p, ctx, keymap.Copy).(pane.CopyMsg).Text), &doc))
	require.Equal(t, 3, doc.Body.Took)
	require.Equal(t, "<slow>", doc.Body.Msg)
	require.Equal(t, "b", doc.Attributes["zone"])
	require.Equal(t, l[0].TraceID.String(), doc.TraceID)
	require.Equal(t, pane.OpenTraceMsg{ID: l[0].TraceID}, panetest.Do(p, ctx, keymap.Open))
	panetest.Do(p, ctx, keymap.Leave)
	require.NotContains(t, panetest.Text(p, ctx), "attributes")
	l[0].Near = true
	panetest.Do(p, ctx, keymap.Detail)
	require.Contains(t, panetest.Text(p, ctx), "may belong to it, or not")
}

// TestContextShowsTheNeighboursAndComesBack to the line it was asked on, filter and all.
func TestContextShowsTheNeighboursAndComesBack(t *testing.T) {
	ctx := panetest.Context(t, with(lines(0, 50)), 98, 10)
	p := logs.New(nil, nil)
	for range 5 {
		panetest.Do(p, ctx, keymap.Up)
	}
	panetest.Do(p, ctx, keymap.Context)
	var v signal.View
	p.Want(&v)
	require.Equal(t, signal.Around{Seq: 45, Service: "s"}, v.Around)
	f := with(lines(60, 2))
	f.Around = lines(40, 9)
	ctx.Frame = f
	require.Contains(t, p.Title(ctx), "9 lines, unfiltered")
	require.Contains(t, panetest.Text(p, ctx), "⌖ line 44")
	panetest.Do(p, ctx, keymap.Up)
	require.Equal(t, pane.CopyMsg{Text: "line 43"}, panetest.Do(p, ctx, keymap.Copy))
	panetest.Do(p, ctx, keymap.Leave)
	require.Equal(t, pane.CopyMsg{Text: "line 44"}, panetest.Do(p, ctx, keymap.Copy))
	p.Want(&v)
	require.NotContains(t, p.Title(ctx), "around")
}

func TestTheTitleCountsWhatIsNear(t *testing.T) {
	f := with(lines(0, 3))
	f.Focus, f.LogsNear = "r-1", 4
	require.Contains(t, logs.New(nil, nil).Title(panetest.Context(t, f, 98, 10)), "4 near: they may belong to it")
}
