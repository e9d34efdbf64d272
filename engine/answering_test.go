package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources"
	"gameday/sources/driver"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// remoteDB stands for a Prometheus elsewhere: a value is the second that it is of.
type remoteDB struct {
	driver.Driver
	fail error
}

func (d *remoteDB) Range(_ context.Context, query string, w signal.Window, step time.Duration) ([]signal.Series, error) {
	s := signal.Series{Name: query, Labels: signal.Attrs{{Key: "job", Value: "api"}}}
	for at := w.From; !at.After(w.To); at = at.Add(step) {
		s.Samples = append(s.Samples, signal.Sample{T: at, V: float64(at.Unix() % 1000)})
	}
	return []signal.Series{s}, d.fail
}

func (d *remoteDB) Instant(_ context.Context, query string, at time.Time) ([]signal.Series, error) {
	return []signal.Series{{Name: query, Samples: []signal.Sample{{T: at, V: float64(at.Unix() % 1000)}}}}, d.fail
}

func (d *remoteDB) Exemplars(context.Context, string, signal.Window) ([]signal.Exemplar, error) {
	return nil, nil
}

func (d *remoteDB) Complete(context.Context, driver.WordKind, string, string, int) ([]string, error) {
	return []string{"api", "web"}, d.fail
}

const remoteBoard = `apiVersion: gameday/v1
kind: Dashboard
metadata: {name: far, title: far away}
variables:
  - {name: job, type: query, query: "label_values(up, job)"}
rows:
  - panels:
      - {title: "of $job", type: timeseries, targets: [{expr: 'rate(http_requests_total{job="$job"}[1m])'}]}
      - {title: now, type: table, targets: [{expr: up}]}
`

// recordRemote records a session whose charts come from a system elsewhere, and returns the file with what was on the screen.
func recordRemote(t *testing.T) (path string, window signal.Window, shown *signal.Board, charts []signal.Panel) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "far.gameday")
	far := &remoteDB{}
	cfg := Config{Name: "far", Record: path, Metrics: "prom", Log: t.Logf, Sources: []sources.Source{{Name: "prom", Kind: "prometheus", Driver: far}},
		Panels:     []PanelSpec{{Title: "rate", Query: "sum(rate(x[1m]))", Unit: "req/s"}},
		Headline:   HeadlineSpec{Rate: "sum(rate(x[1m]))"},
		Dashboards: []Document{{ID: "far", File: "far.yaml", Data: []byte(remoteBoard)}}}
	st, err := store.New(store.Config{})
	require.NoError(t, err)
	s := &Session{cfg: cfg, store: st, started: time.Now()}
	require.NoError(t, s.openRecording())
	dashboards, err := parseDashboards(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.panels = newPanels(s.shown, cfg.Panels, cfg.Headline)
	s.boards = newBoards(ctx, dashboards, boardAsker{s}, s.scrapeEvery())
	s.boards.still = true
	to := time.Now().Truncate(time.Second)
	window = signal.Window{From: to.Add(-time.Minute), To: to}
	v := signal.View{Window: window, Board: signal.BoardView{Wanted: true, Name: "far", To: 10}}
	charts, _ = s.panels.get(ctx, v)
	shown = s.boards.get(v)
	far.fail = errors.New("gone")
	db, err := s.shown("prom")
	require.NoError(t, err)
	_, err = db.Range(ctx, "sum(rate(x[1m]))", window, time.Second)
	require.Error(t, err, "what fails is not recorded over what was told")
	require.NoError(t, s.recorder.Close())
	return path, window, shown, charts
}

func TestAReplayShowsWhatARemoteSystemTold(t *testing.T) {
	path, w, board, charts := recordRemote(t)
	require.Empty(t, board.Panels[0].Err)
	for range 2 { // the same every time
		r, err := OpenReplay(t.Context(), path, nil)
		require.NoError(t, err)
		f := r.Frame(signal.View{Window: w, Board: signal.BoardView{Wanted: true, Name: "far", To: 10}})
		require.NoError(t, r.Err())
		require.Equal(t, "rate", f.Metrics[0].Title)
		require.Empty(t, f.Metrics[0].Err)
		require.Equal(t, texts(charts[0].Series), texts(f.Metrics[0].Series))
		require.InDelta(t, float64(w.To.Unix()%1000), f.Headline.Rate, 1e-9)
		require.Equal(t, board.Title, f.Board.Title)
		require.Equal(t, board.Vars, f.Board.Vars)
		require.Len(t, f.Board.Panels, len(board.Panels))
		for i := range board.Panels {
			require.Equal(t, board.Panels[i].Title, f.Board.Panels[i].Title)
			require.Equal(t, board.Panels[i].Err, f.Board.Panels[i].Err)
			require.Equal(t, texts(board.Panels[i].Series), texts(f.Board.Panels[i].Series))
		}

		half := signal.Window{From: w.From.Add(30 * time.Second), To: w.From.Add(45 * time.Second)}
		f = r.Frame(signal.View{Window: half, Step: 500 * time.Millisecond})
		require.Len(t, f.Metrics[0].Series[0].Samples, 31, "in steps that were not asked for, the points there are")

		f = r.Frame(signal.View{Window: w, Board: signal.BoardView{Wanted: true, Name: "far", Query: "never_asked"}})
		require.Contains(t, f.Board.Query.Err, "prom was not asked this")
		require.NoError(t, r.Close())
	}
}

func texts(all []signal.Series) (out []string) {
	for _, s := range all {
		text := s.Name
		for _, l := range s.Labels {
			text += " " + l.Key + "=" + l.Value
		}
		for _, p := range s.Samples {
			if !math.IsNaN(p.V) {
				text += fmt.Sprintf(" %d:%g", p.T.Unix(), p.V)
			}
		}
		out = append(out, text)
	}
	return out
}

func TestWhatCameLaterIsNotShownEarlier(t *testing.T) {
	path, w, _, _ := recordRemote(t)
	r, err := OpenReplay(t.Context(), path, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	early := signal.Window{From: w.From.Add(-time.Hour), To: w.From.Add(-time.Second)}
	require.Equal(t, "no samples yet", r.Frame(signal.View{Window: early}).Metrics[0].Err)
}

// TestAReplayKnowsWhy asks a recording of the demo, in which payment was made slow, what changed.
func TestAReplayKnowsWhy(t *testing.T) {
	var answers [2]*signal.Why
	for i := range answers {
		r, err := OpenReplay(t.Context(), "../testdata/recordings/payment-slow.gameday", nil)
		require.NoError(t, err)
		span := r.Span()
		at := span.From.Add(55 * time.Second)
		w, err := r.Why(t.Context(), signal.WhyAsk{Window: signal.Window{From: at.Add(-time.Minute), To: at}})
		require.NoError(t, err)
		require.NotZero(t, w.Bad)
		require.False(t, w.Interest.To.After(at), "what came later is not looked at")
		var first []string
		for _, row := range w.Rows[:min(len(w.Rows), 3)] {
			first = append(first, fmt.Sprint(row.Service, " ", row.Peer, " ", row.What))
		}
		require.Contains(t, fmt.Sprint(first), "payment")
		require.NotEmpty(t, w.Metrics)
		require.Contains(t, fmt.Sprint(w.Active), "fault")
		w.Took = 0
		answers[i] = w
		require.NoError(t, r.Close())
		_, err = r.Why(t.Context(), signal.WhyAsk{})
		require.ErrorIs(t, err, ErrReplay)
	}
	require.Equal(t, answers[0].Rows, answers[1].Rows)
	require.Equal(t, answers[0].Metrics, answers[1].Metrics)
}
