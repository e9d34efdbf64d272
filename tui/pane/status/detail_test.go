package status

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/tuitest"
)

// text is what a pane shows, as one line.
func text(p pane.Pane, ctx pane.Context) string {
	return strings.Join(strings.Fields(ansi.Strip(strings.Join(p.View(ctx), " "))), " ")
}

func press(p pane.Pane, ctx pane.Context, actions ...keymap.Action) any {
	var last any
	for _, a := range actions {
		last = nil
		if cmd := p.Update(ctx, pane.ActionMsg{Action: a}); cmd != nil {
			last = cmd()
		}
	}
	return last
}

// TestEveryLongTextIsReadWhole in 80 columns and less: what a list cuts opens, is wrapped, and can be scrolled and copied.
func TestEveryLongTextIsReadWhole(t *testing.T) {
	var words []string
	for i := range 90 {
		words = append(words, fmt.Sprintf("word%02d", i))
	}
	long := strings.Join(words, " ")
	f := tuitest.SampleFrame()
	f.Incidents = []signal.Incident{{ID: "i1", Title: "orders " + long, Severity: 2, Opened: f.Now, LevelName: "on-call", Entries: []signal.IncidentEntry{{At: f.Now, By: "bob", Kind: "update", Text: "we look " + long}}}}
	f.Events = []signal.Event{{ID: 7, Kind: signal.EventNote, Title: "a note " + long, Start: f.Now, Detail: "told by hand"},
		{ID: 8, Kind: signal.EventAlert, Title: "HighLatency", Detail: "because " + long, Start: f.Now, Open: true, Attrs: signal.Attrs{{Key: "service", Value: "gateway"}}}}
	f.SLOs = []signal.SLO{{Name: "availability", Title: "of " + long, Target: 0.999, Err: "prometheus: " + long}}
	f.Health = []signal.SourceHealth{{Name: "loki", Kind: "loki", Address: "http://127.0.0.1:3100", State: signal.SourceRetrying, Since: f.Now, Err: "dial " + long}}
	f.Scorecard = &signal.Scorecard{Grade: "B", Points: 80, Parts: []signal.ScorePart{{Name: "promises", Weight: 40, Share: 0.5, Says: "says " + long}}}
	f.Processes = []signal.Process{{Name: "gateway", State: long, PID: 12, Address: "127.0.0.1:8080"}}
	f.Host = []signal.Resource{{Name: "disk " + long, Now: 0.5, Ratio: true}}
	for _, p := range All() {
		for _, size := range [][2]int{{78, 14}, {40, 8}} {
			t.Run(fmt.Sprintf("%s-%d", p.ID(), size[0]), func(t *testing.T) {
				ctx := context(t, f, size[0], size[1])
				press(p, ctx, keymap.Top)
				list := text(p, ctx)
				require.NotContains(t, list, "word89")
				require.True(t, slices.Contains(p.Keys(ctx), keymap.Detail) || slices.Contains(p.Keys(ctx), keymap.Open))
				press(p, ctx, keymap.Detail)
				require.Contains(t, p.Keys(ctx), keymap.Leave)
				seen := ""
				for range 120 {
					rows := p.View(ctx)
					require.Len(t, rows, size[1])
					for _, r := range rows {
						require.Equal(t, size[0], ansi.StringWidth(r), "%q", ansi.Strip(r))
					}
					seen += text(p, ctx)
					press(p, ctx, keymap.Down)
				}
				for _, w := range words {
					require.Contains(t, seen, w)
				}
				require.Contains(t, press(p, ctx, keymap.CopyRow).(pane.CopyMsg).Text, long)
				press(p, ctx, keymap.Leave)
				require.Equal(t, list, text(p, ctx), "back to the list as it was")
			})
		}
	}
}

// TestAnIncidentOpensWithEnter, with everything that was done about it, also one that is over; enter again goes to its request.
func TestAnIncidentOpensWithEnter(t *testing.T) {
	f := tuitest.SampleFrame()
	id := tuitest.SampleTrace
	f.Incidents = append(f.Incidents, signal.Incident{ID: "old", Title: "yesterday", Severity: 3, Opened: f.Now, Resolved: f.Now, Trace: id.String(),
		Entries: []signal.IncidentEntry{{At: f.Now, By: "eve", Kind: "resolved", Text: "a certificate was renewed"}}})
	ctx := context(t, f, 78, 20)
	p := Incidents()
	press(p, ctx, keymap.Bottom)
	require.NotContains(t, text(p, ctx), "certificate", "of those that are over the list has the title only")
	require.Nil(t, press(p, ctx, keymap.Open))
	require.Contains(t, text(p, ctx), "resolved by eve a certificate was renewed")
	require.Contains(t, text(p, ctx), id.String())
	require.Equal(t, pane.OpenTraceMsg{ID: id}, press(p, ctx, keymap.Open))
	require.NotContains(t, p.Keys(ctx), keymap.Leave, "going there leaves what was read")

	press(p, ctx, keymap.Top, keymap.Open)
	f.Incidents[0].Entries = append(f.Incidents[0].Entries, signal.IncidentEntry{At: f.Now, Kind: "update", Text: "it is the payment provider"})
	require.Contains(t, text(p, ctx), "it is the payment provider", "what is read follows")
	f.Incidents = nil
	require.Contains(t, text(p, ctx), "it is the payment provider", "and stays when it is gone")
	press(p, ctx, keymap.Leave)
	require.Contains(t, text(p, ctx), "No incident")
}

// TestTheCursorStaysOnWhatWasRead while others come in above it.
func TestTheCursorStaysOnWhatWasRead(t *testing.T) {
	f := tuitest.SampleFrame()
	ctx := context(t, f, 78, 20)
	p := Events()
	press(p, ctx, keymap.Top, keymap.Down, keymap.Detail)
	f.Events = append(f.Events, signal.Event{ID: 99, Kind: signal.EventNote, Title: "later", Start: f.Now})
	press(p, ctx, keymap.Leave)
	require.Contains(t, press(p, ctx, keymap.CopyRow).(pane.CopyMsg).Text, f.Events[5].Title)
}

// TestAnAlertIsSilencedFromItsDetail as from the list.
func TestAnAlertIsSilencedFromItsDetail(t *testing.T) {
	f := tuitest.SampleFrame()
	f.Events = append(f.Events, signal.Event{ID: 99, Kind: signal.EventAlert, Title: "HighLatency", Start: f.Now, Open: true})
	ctx := context(t, f, 78, 20)
	p := Alerts()
	press(p, ctx, keymap.Detail)
	require.Contains(t, p.Keys(ctx), keymap.Silence)
	require.Equal(t, "HighLatency", press(p, ctx, keymap.Silence).(pane.SilenceMsg).Title)
}
