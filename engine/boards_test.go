package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/dashboard"
	"gameday/sources/driver"
	"gameday/sources/signal"
	"gameday/testdata"
)

// counting answers everything and counts the queries.
type counting struct {
	mu    sync.Mutex
	asked map[string]int
	hold  chan struct{} // closed to let answers go
}

func (c *counting) note(ctx context.Context, q string) error {
	c.mu.Lock()
	c.asked[q]++
	c.mu.Unlock()
	select {
	case <-c.hold:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *counting) Range(ctx context.Context, q string, w signal.Window, _ time.Duration) ([]signal.Series, error) {
	return []signal.Series{{Name: q, Samples: []signal.Sample{{T: w.To, V: 1}}}}, c.note(ctx, q)
}
func (c *counting) Instant(ctx context.Context, q string, at time.Time) ([]signal.Series, error) {
	return c.Range(ctx, q, signal.Window{To: at}, 0)
}
func (c *counting) Exemplars(context.Context, string, signal.Window) ([]signal.Exemplar, error) {
	return nil, nil
}
func (c *counting) Metrics(string) (driver.Metrics, error) { return c, nil }
func (c *counting) Sources() []string                      { return []string{""} }
func (c *counting) Words(_ context.Context, _ string, _ driver.WordKind, _, prefix string, _ int) ([]string, error) {
	return []string{prefix + "_total"}, nil
}
func (c *counting) Logs(context.Context, string, signal.Window, int) ([]signal.Record, error) {
	return nil, nil
}

func ten(t *testing.T) *dashboard.Dashboard {
	t.Helper()
	var b strings.Builder
	b.WriteString("apiVersion: gameday/v1\nkind: Dashboard\nmetadata: {name: ten}\nvariables: [{name: v, values: [a, b]}]\nrows:\n- title: row $v\n  panels:\n")
	for i := range 10 {
		fmt.Fprintf(&b, "  - {title: p%d, targets: [{expr: q%d_$v}]}\n", i, i)
	}
	d, err := dashboard.Parse("ten", []byte(b.String()))
	require.NoError(t, err)
	return d
}

func boardView(from, to int) signal.View {
	now := time.Now().Truncate(time.Second)
	return signal.View{Window: signal.Window{From: now.Add(-time.Minute), To: now}, Live: true, Board: signal.BoardView{Wanted: true, From: from, To: to}}
}

func TestOnlyWhatIsOnTheScreenIsEvaluated(t *testing.T) {
	ask := &counting{asked: map[string]int{}, hold: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	b := newBoards(ctx, []*dashboard.Dashboard{ten(t)}, ask, time.Second)
	require.Nil(t, b.get(signal.View{}), "no dashboard is on the screen")
	v := boardView(2, 4)
	require.Eventually(t, func() bool { return b.get(v).Panels[2].Title == "p2" && len(b.get(v).Vars) == 1 }, 20*time.Second, time.Millisecond)
	out := b.get(v)
	require.Len(t, out.Panels, 10)
	require.False(t, out.Panels[2].Evaluated, "its answer has not come, and nothing waits for it")
	close(ask.hold)
	require.Eventually(t, func() bool { p := b.get(v).Panels; return p[2].Evaluated && p[3].Evaluated }, 20*time.Second, time.Millisecond)
	out = b.get(v)
	require.False(t, out.Panels[1].Evaluated)
	require.Equal(t, "row a", out.Panels[0].Row)
	v.Board.Chosen = signal.Choices(map[string][]string{"v": {"b"}})
	require.Eventually(t, func() bool { p := b.get(v).Panels[2]; return p.Evaluated && p.Query == "q2_b" }, 20*time.Second, time.Millisecond)
	cancel()
	b.close()
	ask.mu.Lock()
	defer ask.mu.Unlock()
	for q, n := range ask.asked {
		require.Contains(t, []string{"q2_a", "q3_a", "q2_b", "q3_b"}, q)
		require.Equal(t, 1, n, "%s: the window did not move", q)
	}
}

func TestAQueryIsAskedAtOnceAndWordsAreOffered(t *testing.T) {
	ask := &counting{asked: map[string]int{}, hold: make(chan struct{})}
	close(ask.hold)
	ctx, cancel := context.WithCancel(t.Context())
	b := newBoards(ctx, nil, ask, time.Second)
	v := boardView(0, 0)
	v.Board.Query, v.Board.Typed = "up", "sum(htt"
	require.Eventually(t, func() bool { return b.get(v).Query.Evaluated && b.get(v).Words.List != nil }, 20*time.Second, time.Millisecond)
	require.Equal(t, signal.Words{Typed: "sum(htt", From: 4, List: []string{"htt_total"}}, b.get(v).Words)
	for i := range 2 * maxKept {
		v.Board.Query = fmt.Sprint("q", i)
		b.get(v)
	}
	require.Eventually(t, func() bool {
		b.get(v)
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.kept) <= maxKept
	}, 20*time.Second, time.Millisecond, "what is remembered is bounded")
	cancel()
	b.close()
}

func TestTheShopsDashboardIsWellFormed(t *testing.T) {
	data, err := testdata.Files.ReadFile("dashboards/shop.yaml")
	require.NoError(t, err)
	d, err := dashboard.Parse("shop.yaml", data)
	require.NoError(t, err)
	require.Len(t, d.Panels(), 12)
}
