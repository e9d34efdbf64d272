package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// TestPagesWalkThroughTheWholeWindow reads everything that matches by pages, in both directions, and compares it with what a
// list as long as the window has; times come out of order, and several records share one.
func TestPagesWalkThroughTheWholeWindow(t *testing.T) {
	s, err := New(Config{FrameBudget: time.Minute})
	require.NoError(t, err)
	now := time.Now().Truncate(time.Second)
	rnd := rand.New(rand.NewPCG(6, 1))
	for i := range 9_000 {
		r := signal.Record{Time: now.Add(time.Duration(i/3+rnd.IntN(40)) * time.Millisecond), Severity: signal.SeverityInfo, Service: fmt.Sprintf("s%d", i%3), Body: fmt.Sprint("line ", i)}
		if i%1500 == 700 {
			r.Severity = signal.SeverityError
		}
		s.Add(signal.Batch{Logs: []signal.Record{r}})
	}
	w := signal.Window{From: now.Add(500 * time.Millisecond), To: now.Add(2500 * time.Millisecond)}
	for _, text := range []string{"", "service=s1", "|= `7`"} {
		filter := signal.LogFilter{Text: text, Limit: maxLimit}
		want := everything(s, filter, w)
		require.Greater(t, len(want), 1000, text)
		page := func(ask signal.LogPageAsk) *signal.LogPage {
			p := s.Frame(signal.View{Window: w, Logs: signal.LogFilter{Text: text}, LogPage: ask}).LogPage
			require.Equal(t, ask, p.Ask)
			require.LessOrEqual(t, len(p.Records), 2*signal.PageSide+1)
			return p
		}
		p := page(signal.LogPageAsk{Seek: signal.SeekOldest})
		require.True(t, p.First)
		require.Zero(t, p.At)
		got := slices.Clone(p.Records)
		for !p.Last {
			last := p.Records[len(p.Records)-1]
			p = page(signal.LogPageAsk{Seek: signal.SeekHere, Time: last.Time, Seq: last.Seq})
			require.Equal(t, last, p.Records[p.At])
			got = append(got, p.Records[p.At+1:]...)
		}
		require.Equal(t, seqs(want), seqs(got), text)
		newest := want[len(want)-1]
		p = page(signal.LogPageAsk{Seek: signal.SeekHere, Time: newest.Time, Seq: newest.Seq})
		require.True(t, p.Last)
		require.False(t, p.First)
		got = slices.Clone(p.Records)
		for !p.First {
			first := p.Records[0]
			p = page(signal.LogPageAsk{Seek: signal.SeekHere, Time: first.Time, Seq: first.Seq})
			got = append(slices.Clone(p.Records[:p.At]), got...)
		}
		require.Equal(t, seqs(want), seqs(got), text)

		var errors []uint64
		for _, r := range want {
			if r.Severity >= signal.SeverityError {
				errors = append(errors, r.Seq)
			}
		}
		require.NotEmpty(t, errors)
		require.Equal(t, errors, walk(page, want[0], signal.SeekErrorNewer))
		older := walk(page, newest, signal.SeekErrorOlder)
		slices.Reverse(older)
		require.Equal(t, errors, older)
	}
	focused := s.Frame(signal.View{Window: w, Focus: "x", LogPage: signal.LogPageAsk{Seek: signal.SeekOldest}})
	require.Nil(t, focused.LogPage, "a focus has its own records")
	none := s.Frame(signal.View{Window: w, Logs: signal.LogFilter{Text: "nowhere"}, LogPage: signal.LogPageAsk{Seek: signal.SeekOldest}}).LogPage
	require.Equal(t, -1, none.At)
	require.True(t, none.First && none.Last)
}

// everything is what matches, by time and arrival.
func everything(s *Store, f signal.LogFilter, w signal.Window) []signal.Record {
	var out []signal.Record
	for from := w.From; from.Before(w.To); from = from.Add(500 * time.Millisecond) {
		out = append(out, s.Frame(signal.View{Window: signal.Window{From: from, To: from.Add(500 * time.Millisecond)}, Logs: f}).Logs...)
	}
	return out
}

func seqs(records []signal.Record) []uint64 {
	out := make([]uint64, len(records))
	for i, r := range records {
		out[i] = r.Seq
	}
	return out
}

// walk goes from error to error until there is none.
func walk(page func(signal.LogPageAsk) *signal.LogPage, from signal.Record, seek signal.Seek) (found []uint64) {
	for {
		p := page(signal.LogPageAsk{Seek: seek, Time: from.Time, Seq: from.Seq})
		if p.At < 0 {
			return found
		}
		from = p.Records[p.At]
		found = append(found, from.Seq)
	}
}

// TestAPageWaitsUntilTheFilterHasLooked: with no time at all it takes several frames, and is whole then.
func TestAPageWaitsUntilTheFilterHasLooked(t *testing.T) {
	s, err := New(Config{})
	require.NoError(t, err)
	s.budget = time.Nanosecond
	now := time.Now()
	for i := range 30_000 {
		s.Add(signal.Batch{Logs: []signal.Record{{Time: now.Add(time.Duration(i) * time.Millisecond), Service: "s", Body: fmt.Sprint("line ", i%10)}}})
	}
	v := signal.View{Window: signal.Window{From: now, To: now.Add(time.Hour)}, Logs: signal.LogFilter{Text: `"line 3"`}, LogPage: signal.LogPageAsk{Seek: signal.SeekOldest}}
	frames := 0
	for {
		f := s.Frame(v)
		frames++
		if p := f.LogPage; p != nil {
			require.Equal(t, "line 3", p.Records[0].Body)
			require.Equal(t, now.Add(3*time.Millisecond).UnixNano(), p.Records[0].Time.UnixNano())
			break
		}
		require.Less(t, frames, 10_000)
	}
	require.Greater(t, frames, 1)
}
