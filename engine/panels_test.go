package engine

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/driver"
	"gameday/sources/signal"
)

type fakeDB struct {
	ranges atomic.Int64
	err    error
	value  float64
}

func (f *fakeDB) Range(_ context.Context, _ string, w signal.Window, _ time.Duration) ([]signal.Series, error) {
	f.ranges.Add(1)
	if f.err != nil {
		return nil, f.err
	}
	time.Sleep(100 * time.Millisecond) // a query takes its time
	return []signal.Series{{Name: "x", Labels: signal.Attrs{{Key: "service", Value: "payment"}}, Samples: []signal.Sample{{T: w.To, V: f.value}}}}, nil
}

func (f *fakeDB) Instant(_ context.Context, _ string, at time.Time) ([]signal.Series, error) {
	return []signal.Series{{Samples: []signal.Sample{{T: at, V: f.value}}}}, nil
}

func (f *fakeDB) Exemplars(context.Context, string, signal.Window) ([]signal.Exemplar, error) {
	return nil, f.err
}

func only(db driver.Metrics) asked {
	return func(string) (driver.Metrics, error) { return db, nil }
}

func view(to time.Time, live bool) signal.View {
	return signal.View{Window: signal.Window{From: to.Add(-5 * time.Minute), To: to}, Live: live}
}

func TestLivePanelsAreEvaluatedOnceAStepHoweverOftenTheyAreAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &fakeDB{value: 3}
		p := newPanels(only(db), []PanelSpec{{Title: "one", Query: "up", Legend: "service"}}, HeadlineSpec{Rate: "x"})
		first, head := p.get(t.Context(), view(time.Now(), true))
		require.Equal(t, "being evaluated", first[0].Err, "the screen does not wait")
		require.EqualValues(t, -1, head.Rate, "unknown is not zero")
		for range 100 { // ten seconds at 10 Hz
			time.Sleep(100 * time.Millisecond)
			p.get(t.Context(), view(time.Now(), true))
		}
		p.close()
		require.LessOrEqual(t, db.ranges.Load(), int64(7), "the step is 2 s")
		require.GreaterOrEqual(t, db.ranges.Load(), int64(4))
		got, head := p.get(t.Context(), view(time.Now(), true))
		require.Equal(t, "payment", got[0].Series[0].Name)
		require.EqualValues(t, 3, head.Rate)
	})
}

func TestPausedPanelsShowTheirOwnWindowAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &fakeDB{value: 7}
		p := newPanels(only(db), []PanelSpec{{Title: "one", Query: "up"}}, HeadlineSpec{})
		past := time.Now().Add(-time.Hour)
		got, _ := p.get(t.Context(), view(past, false))
		require.Equal(t, past.Truncate(2*time.Second), got[0].Series[0].Samples[0].T)
		p.get(t.Context(), view(past, false))
		require.EqualValues(t, 1, db.ranges.Load(), "the same instant is not evaluated twice")
	})
}

func TestPanelErrorsAndMissingFiguresAreShownAsSuch(t *testing.T) {
	p := newPanels(only(&fakeDB{err: errors.New("parse error")}), []PanelSpec{{Query: "("}}, HeadlineSpec{})
	got, head := p.get(t.Context(), view(time.Now(), false))
	require.Equal(t, "parse error", got[0].Err)
	require.Equal(t, unknownHeadline, head)
	p = newPanels(only(&fakeDB{value: math.NaN()}), nil, HeadlineSpec{P95: "x"})
	_, head = p.get(t.Context(), view(time.Now(), false))
	require.EqualValues(t, -1, head.P95)
}

// TestALostSourceLeavesItsLastPicture, marked as old, until what it shows has left the window; and a new one when it is back.
func TestALostSourceLeavesItsLastPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &fakeDB{value: 3}
		p := newPanels(only(db), []PanelSpec{{Title: "one", Query: "up"}}, HeadlineSpec{})
		look := func() signal.Panel {
			p.get(t.Context(), view(time.Now(), true))
			time.Sleep(3 * time.Second)
			p.get(t.Context(), view(time.Now(), true))
			time.Sleep(3 * time.Second)
			synctest.Wait()
			got, _ := p.get(t.Context(), view(time.Now(), true))
			return got[0]
		}
		require.Empty(t, look().Note(time.UTC))
		since := time.Now()
		synctest.Wait()
		db.err = errors.New("prom: nobody listens there")
		for range 3 {
			got := look()
			require.Len(t, got.Series, 1)
			require.WithinDuration(t, since, got.Stale, 6*time.Second)
			require.Equal(t, "stale since "+got.Stale.UTC().Format("15:04:05")+": prom: nobody listens there", got.Note(time.UTC))
		}
		time.Sleep(10 * time.Minute)
		got := look()
		require.Empty(t, got.Series, "an empty chart is no news")
		require.Equal(t, "prom: nobody listens there", got.Err)
		synctest.Wait()
		db.err = nil
		got = look()
		require.Len(t, got.Series, 1)
		require.Zero(t, got.Stale)
		p.close()
	})
}
