package tracing_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/sources/tracing"
)

func TestParseSearch(t *testing.T) {
	got, err := tracing.ParseSearch(` service=checkout operation="POST /check\"out" duration>200ms duration<=2s status=error http.route=/cart empty="" `)
	require.NoError(t, err)
	require.Equal(t, tracing.Search{Service: "checkout", Operation: `POST /check"out`, Failed: true, MinDuration: 200 * time.Millisecond,
		MaxDuration: 2 * time.Second, Tags: signal.Attrs{{Key: "http.route", Value: "/cart"}, {Key: "empty"}}}, got)
	got, err = tracing.ParseSearch("")
	require.NoError(t, err)
	require.Zero(t, got)
	_, err = tracing.ParseSearch(tracing.SearchHelp)
	require.NoError(t, err)
	for text, want := range map[string]string{
		"checkout": "write such as service=", `"x"`: "is not understood", "=x": "is not understood", "duration=3s": "write duration>",
		"duration>soon": "not a duration", "service>a": "only duration", `name="open`: "quotation mark", "status=ok": "only status=error",
		"duration>2s duration<1s": "nothing takes more",
	} {
		_, err := tracing.ParseSearch(text)
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzParseSearch(f *testing.F) {
	for _, s := range []string{tracing.SearchHelp, `a="\"`, "=", "duration>", `x="a"y=b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := tracing.ParseSearch(s)
		if err == nil && got.MaxDuration > 0 && got.MinDuration > got.MaxDuration {
			t.Fatal("a search that finds nothing")
		}
	})
}

func span(trace, id byte) signal.Span {
	return signal.Span{TraceID: signal.TraceID{trace}, SpanID: signal.SpanID{id}}
}

func TestFollowingTellsEachSpanOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var got []signal.Span
		var windows []signal.Window
		began := time.Now()
		down := errors.New("down")
		f := tracing.NewFollower(tracing.FollowConfig{Every: time.Second, Lookback: 10 * time.Second,
			Ask: func(_ context.Context, w signal.Window) ([]signal.Span, error) {
				windows = append(windows, w)
				switch n := len(windows); n {
				case 1, 2:
					return []signal.Span{span(1, byte(n)), span(1, 1)}, nil
				case 3:
					return []signal.Span{span(2, 1)}, down // what was read before it failed is told
				case 4:
					return []signal.Span{span(1, 1), span(2, 1), span(2, 2)}, nil
				}
				cancel()
				return []signal.Span{span(9, 9)}, nil
			}})
		emit := func(b signal.Batch) { got = append(got, b.Spans...) }
		require.ErrorIs(t, f.Run(ctx, emit), down)
		time.Sleep(time.Minute) // its supervisor waits, and the gap is asked for
		require.NoError(t, f.Run(ctx, emit))
		require.Equal(t, []signal.Span{span(1, 1), span(1, 2), span(2, 1), span(2, 2)}, got)
		require.Equal(t, began.Add(-10*time.Second), windows[0].From)
		require.Equal(t, began.Add(time.Second-10*time.Second), windows[3].From)
		require.True(t, windows[3].To.After(time.Now()), "a clock that goes before ours")
	})
}

func TestWhatWasSeenIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		round, told := 0, 0
		f := tracing.NewFollower(tracing.FollowConfig{Seen: 100, Ask: func(context.Context, signal.Window) (out []signal.Span, err error) {
			if round++; round == 40 {
				cancel()
			}
			for i := range 45 { // the same each time: what is still there is not told again, however often memory turns over
				out = append(out, span(1, byte(i)))
			}
			return append(out, span(2, byte(round))), nil
		}})
		require.NoError(t, f.Run(ctx, func(b signal.Batch) { told += len(b.Spans) }))
		require.Equal(t, 45+39, told)
	})
}

func TestPagesDivideAWindowThatIsFull(t *testing.T) {
	const limit, count = 10, 95
	base := time.Unix(1_800_000_000, 0)
	asked := 0
	ask := func(_ context.Context, w signal.Window) (p tracing.Page, err error) {
		asked++
		for i := range count { // in no particular order: the oldest first, which is the worst
			if at := base.Add(time.Duration(i) * time.Second); w.Contains(at) && p.Traces < limit {
				s := span(byte(i+1), 1)
				s.Start = at
				p.Spans, p.Traces = append(p.Spans, s), p.Traces+1
			}
		}
		p.Full = p.Traces == limit
		return p, nil
	}
	w := signal.Window{From: base, To: base.Add(count * time.Second)}
	spans, more, err := tracing.Pages(t.Context(), w, 1000, ask)
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, spans, count)
	require.Less(t, asked, 64)

	spans, more, err = tracing.Pages(t.Context(), w, 20, ask)
	require.NoError(t, err)
	require.True(t, more)
	require.Len(t, spans, 20)

	w = signal.Window{From: base, To: base.Add(5 * time.Second)}
	spans, more, err = tracing.Pages(t.Context(), w, 5, ask)
	require.NoError(t, err)
	require.False(t, more, "all of them, and not one more")
	require.Len(t, spans, 5)

	lost := errors.New("lost")
	spans, more, err = tracing.Pages(t.Context(), w, 5, func(ctx context.Context, w signal.Window) (tracing.Page, error) {
		return tracing.Page{Spans: []signal.Span{span(1, 1)}, Traces: 1}, lost
	})
	require.ErrorIs(t, err, lost)
	require.True(t, more)
	require.Len(t, spans, 1, "what came before it failed is kept")
}
