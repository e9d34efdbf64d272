package why

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/sources/store"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// shop writes requests of a small system: a gateway calls a checkout, which calls payment and a database.
type shop struct {
	t   *testing.T
	st  *store.Store
	n   uint64
	rng *rand.Rand
}

func newShop(t *testing.T) *shop {
	st, err := store.New(store.Config{})
	require.NoError(t, err)
	return &shop{t: t, st: st, rng: rand.New(rand.NewPCG(1, 2))}
}

// harm is what is wrong with one request.
type harm struct {
	network, payment time.Duration // on the way to payment, and in it
	fails, gone      bool          // payment fails, or leaves no span
	retries          int
	attr             string
	log              string
}

func (s *shop) span(trace signal.TraceID, parent signal.SpanID, service, name string, kind signal.SpanKind, at time.Time, took time.Duration) signal.Span {
	s.n++
	sp := signal.Span{TraceID: trace, ParentID: parent, Service: service, Name: name, Kind: kind, Start: at, Duration: took}
	binary.BigEndian.PutUint64(sp.SpanID[:], s.n)
	return sp
}

// checkout writes one request; how long its parts take varies by a fifth.
func (s *shop) checkout(at time.Time, h harm) signal.TraceID {
	s.n++
	var id signal.TraceID
	binary.BigEndian.PutUint64(id[8:], s.n)
	ms := func(n float64) time.Duration {
		return time.Duration(n * (0.9 + 0.2*s.rng.Float64()) * float64(time.Millisecond))
	}
	pay, wait, db := ms(5)+h.payment, ms(0.3)+h.network, ms(3)
	call := pay + wait
	own := ms(2)
	all := own + call*time.Duration(1+h.retries) + db
	root := s.span(id, signal.SpanID{}, "gateway", "POST /checkout", signal.SpanServer, at, all+ms(1))
	client := s.span(id, root.SpanID, "gateway", "POST checkout", signal.SpanClient, at, all)
	server := s.span(id, client.SpanID, "checkout", "POST /checkout", signal.SpanServer, at, all)
	spans := []signal.Span{root, client, server}
	for i := range 1 + h.retries {
		from := at.Add(own + call*time.Duration(i))
		c := s.span(id, server.SpanID, "checkout", "Charge", signal.SpanClient, from, call)
		c.Attrs = signal.Attrs{{Key: "server.address", Value: "10.0.0.7"}, {Key: "order", Value: fmt.Sprint("o", s.n)}}
		p := s.span(id, c.SpanID, "payment", "Charge", signal.SpanServer, from.Add(wait/2), pay)
		if h.attr != "" {
			p.Attrs = signal.Attrs{{Key: "card", Value: h.attr}}
		}
		if h.fails {
			c.Failed, p.Failed = true, true
		}
		spans = append(spans, c)
		if !h.gone {
			spans = append(spans, p)
		}
	}
	if h.fails {
		spans[0].Failed, spans[1].Failed, spans[2].Failed = true, true, true
	}
	spans = append(spans, s.span(id, server.SpanID, "checkout", "INSERT", signal.SpanInternal, at.Add(all-db), db))
	b := signal.Batch{Spans: spans, Logs: []signal.Record{{Time: at, Severity: signal.SeverityInfo, Service: "gateway", Body: fmt.Sprintf("request %d", s.n), TraceID: id}}}
	if h.log != "" {
		b.Logs = append(b.Logs, signal.Record{Time: at, Severity: signal.SeverityError, Service: "checkout", Body: h.log, TraceID: id, SpanID: server.SpanID})
	}
	s.st.Add(b)
	return id
}

// browse writes a request that has nothing to do with checkouts.
func (s *shop) browse(at time.Time) {
	s.n++
	var id signal.TraceID
	binary.BigEndian.PutUint64(id[8:], s.n)
	root := s.span(id, signal.SpanID{}, "gateway", "GET /products", signal.SpanServer, at, time.Duration(900+s.rng.IntN(200))*time.Microsecond)
	s.st.Add(signal.Batch{Spans: []signal.Span{root}})
}

// question has a minute of baseline and a minute since.
func (s *shop) question() Question {
	return Question{Baseline: signal.Window{From: start, To: start.Add(time.Minute)}, Interest: signal.Window{From: start.Add(time.Minute), To: start.Add(2 * time.Minute)}, Since: "since then"}
}

// run writes two minutes, ten requests a second, half of them checkouts; in the second minute one checkout in three is harmed.
func (s *shop) run(h harm) *signal.Why {
	for i := range 1200 {
		at := start.Add(time.Duration(i) * 100 * time.Millisecond)
		switch {
		case i%2 == 0:
			s.browse(at)
		case i >= 600 && i%3 == 0:
			s.checkout(at, h)
		default:
			s.checkout(at, harm{attr: map[bool]string{true: "visa"}[h.attr != ""]})
		}
	}
	w, err := Answer(context.Background(), s.st, s.question())
	require.NoError(s.t, err)
	return w
}

func TestTheCulpritComesFirst(t *testing.T) {
	for name, c := range map[string]struct {
		harm harm
		kind signal.WhyKind
		from string
		to   string
		what string // in the row, or beside it
	}{
		"network":  {harm{network: 300 * time.Millisecond}, signal.WhySlow, "checkout", "payment", "300ms more on the way: Charge"},
		"slow":     {harm{payment: 300 * time.Millisecond}, signal.WhySlow, "payment", "", "300ms more by itself: Charge"},
		"failing":  {harm{fails: true, log: `charge 77 failed: "no funds"`}, signal.WhyFails, "payment", "", "Charge fails"},
		"silent":   {harm{fails: true, gone: true}, signal.WhyFails, "checkout", "payment", "Charge fails"},
		"retrying": {harm{retries: 3}, signal.WhyMore, "checkout", "payment", "Charge is done 4 times"},
		"amex":     {harm{payment: 300 * time.Millisecond, attr: "amex"}, signal.WhySlow, "payment", "", "card=amex"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			w := s.run(c.harm)
			require.Equal(t, 600, w.Before)
			require.Equal(t, 600, w.Requests)
			require.InDelta(t, 100, w.Bad, 12, "the harmed ones, and one in a hundred by chance")
			require.False(t, w.Chance)
			require.NotEmpty(t, w.Rows)
			found := -1
			for i, r := range w.Rows[:min(3, len(w.Rows))] {
				said := r.What + fmt.Sprint(r.Also)
				if r.Service == c.from && r.Peer == c.to && r.Kind == c.kind && found < 0 {
					found = i
					require.Contains(t, said, c.what)
				}
			}
			require.GreaterOrEqual(t, found, 0, "%+v", w.Rows)
			if name != "retrying" {
				require.Zero(t, found, "%+v", w.Rows)
			}
			r := w.Rows[found]
			require.Greater(t, r.Bad, 0.8)
			require.Less(t, r.Good, 0.05)
			require.Less(t, r.P, 1e-6)
			require.NotNil(t, s.st.Trace(r.Example))
			for _, r := range w.Rows {
				require.False(t, r.Service == "gateway" && r.Kind <= signal.WhySlow, "the gateway only suffers: %+v", r)
				require.False(t, r.Service == "gateway" && r.Score > w.Rows[found].Score)
			}
		})
	}
}

func TestNothingChanged(t *testing.T) {
	w := newShop(t).run(harm{})
	require.Less(t, w.Bad, 20, "a few are slow by chance")
	require.Equal(t, w.Bad > 0, w.Chance)
	require.Empty(t, w.Rows, "and have nothing in common")
}

func TestTheSameAnswerTwice(t *testing.T) {
	s := newShop(t)
	a := s.run(harm{network: 200 * time.Millisecond, retries: 1, log: "late again"})
	for range 5 {
		b, err := Answer(context.Background(), s.st, s.question())
		require.NoError(t, err)
		b.Took = a.Took
		require.Equal(t, a, b)
	}
}

// What hangs leaves no root: it is counted, and what is under way for a moment only is not.
func TestWhatHangsIsSaid(t *testing.T) {
	s := newShop(t)
	end := s.question().Interest.To
	for i, ago := range []time.Duration{30 * time.Second, 2 * time.Second, time.Second, 90 * time.Second} {
		var id signal.TraceID
		binary.BigEndian.PutUint64(id[8:], uint64(1<<40+i))
		parent := signal.SpanID{1, 2, 3, 4, 5, 6, 7, byte(8 + i)}
		s.st.Add(signal.Batch{Spans: []signal.Span{s.span(id, parent, "checkout", "GET cart", signal.SpanClient, end.Add(-ago), time.Millisecond)}})
	}
	w := s.run(harm{})
	require.Equal(t, 2, w.Underway)
	require.Contains(t, fmt.Sprint(w.Notes), "2 more have no root yet")
}

func TestWithoutABaseline(t *testing.T) {
	s := newShop(t)
	s.run(harm{fails: true})
	q := s.question()
	q.Baseline = signal.Window{From: start.Add(-time.Hour), To: start.Add(-time.Minute)}
	w, err := Answer(context.Background(), s.st, q)
	require.NoError(t, err)
	require.Contains(t, w.Notes[0], "no request is held of the baseline")
	require.Equal(t, "payment", w.Rows[0].Service)
	empty, err := Answer(context.Background(), s.st, Question{})
	require.NoError(t, err)
	require.Empty(t, empty.Rows)
}

func TestNoTimeIsSaid(t *testing.T) {
	s := newShop(t)
	s.run(harm{fails: true})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w, err := Answer(ctx, s.st, s.question())
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, fmt.Sprint(w.Notes), "time ran out")
}

// Of m further values, those above the largest of n are m/(n+1) on average: the bound lies above nearly all counts, and not
// far above them.
func TestByChance(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	sizes := map[string]int{"a": 5, "b": 40, "c": 600}
	one := func(entry string) request {
		return request{TraceSummary: signal.TraceSummary{Duration: time.Duration(rng.ExpFloat64() * 1e6)}, entry: entry}
	}
	above, most := 0, 0.0
	for range 1000 {
		var before []request
		for entry, n := range sizes {
			for range n {
				before = append(before, one(entry))
			}
		}
		u, bad := usualOf(before, nil), 0.0
		for entry, n := range sizes {
			for range n {
				if u.judge(one(entry)).bad {
					bad++
				}
			}
		}
		most = max(most, u.byChance(sizes))
		if bad > u.byChance(sizes) {
			above++
		}
	}
	require.Less(t, above, 30, "of 1000")
	require.Less(t, most, 30.0)
	require.Zero(t, usually{}.byChance(sizes), "nothing is known")
}

// Fisher's tea: 3 of 4 cups named rightly is 0.2429, all of them 1/70. Two strata are what convolution makes of them.
func TestExact(t *testing.T) {
	tea := func(right int) stratum { return stratum{right, 4, 4 - right, 4} }
	require.InDelta(t, 17.0/70, exact([]stratum{tea(3)}), 1e-12)
	require.InDelta(t, 1.0/70, exact([]stratum{tea(4)}), 1e-12)
	require.InDelta(t, 1.0/70/70, exact([]stratum{tea(4), tea(4)}), 1e-12)
	require.InDelta(t, (1+2*16)/70.0/70, exact([]stratum{tea(4), tea(3)}), 1e-12)
	require.InDelta(t, 1, exact([]stratum{tea(0)}), 1e-12)
	require.InDelta(t, 1, exact([]stratum{{5, 5, 7, 7}, {0, 3, 0, 9}, {1, 3, 0, 0}}), 1e-12, "nothing to learn from")
	require.False(t, math.IsNaN(exact([]stratum{{400, 400, 1, 1200}})))
	require.Less(t, exact([]stratum{{400, 400, 1, 1200}}), 1e-200)
}

// Lines are known by their pattern, as the cockpit's list has it, and by the one word in which they may differ.
func TestLinesAreKnownByPatternAndByThemselves(t *testing.T) {
	l := newLines()
	for i, body := range []string{"charge of order o12 was accepted", "charge of order o13 was accepted", "charge of order o14 was refused", "cart read", "stock reserved"} {
		l.learn(&looked{Logs: []signal.Record{{Service: "payment", Body: body, Time: start.Add(time.Duration(i) * time.Second)}}})
	}
	of := func(body string) []string { return l.of(&signal.Record{Service: "payment", Body: body}) }
	require.Equal(t, []string{"charge of order o<num> was <*>", "charge of order o<num> was accepted"}, of("charge of order o99 was accepted"))
	require.Equal(t, []string{"charge of order o<num> was <*>", "charge of order o<num> was refused"}, of("charge of order o7 was refused"))
	require.Equal(t, []string{"cart read"}, of("cart read"))
	require.Equal(t, []string{"never seen <num>"}, of("never seen 3"))
	long := of(strings.Repeat("日本", 100))
	require.Len(t, long, 1)
	require.True(t, utf8.ValidString(long[0]))
	require.LessOrEqual(t, len(long[0]), maxPattern+len("…"))
}

func TestChoose(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	fault := func(title string, from, to int) signal.Event {
		e := signal.Event{Kind: signal.EventFault, Title: title, Start: at(from), End: at(to), Open: to == 0}
		if e.Open {
			e.End = time.Time{}
		}
		return e
	}
	red := signal.Event{Kind: signal.EventProbe, Outcome: signal.Bad, Title: "p95", Start: at(250)}
	for name, c := range map[string]struct {
		events []signal.Event
		at     int // 0: live
		want   [4]int
		since  string
	}{
		"nothing":     {nil, 0, [4]int{240, 270, 270, 300}, "lately"},
		"open":        {[]signal.Event{fault("a", 260, 0)}, 0, [4]int{220, 260, 260, 300}, "since a"},
		"ended":       {[]signal.Event{fault("a", 200, 230)}, 0, [4]int{165, 200, 200, 235}, "since a"},
		"long ago":    {[]signal.Event{fault("a", 10, 20)}, 0, [4]int{240, 270, 270, 300}, "lately"},
		"overlapping": {[]signal.Event{fault("a", 200, 240), fault("b", 230, 0)}, 0, [4]int{100, 200, 200, 300}, "since a"},
		"before it":   {[]signal.Event{fault("old", 100, 230), fault("new", 260, 0)}, 0, [4]int{235, 260, 260, 300}, "since new"},
		"red":         {[]signal.Event{red}, 0, [4]int{190, 245, 245, 300}, "since p95 turned red"},
		"paused":      {nil, 100, [4]int{55, 85, 85, 115}, "around 12:01:40"},
		"paused in":   {[]signal.Event{fault("a", 90, 130)}, 100, [4]int{65, 90, 90, 115}, "since a"},
	} {
		t.Run(name, func(t *testing.T) {
			ask := signal.WhyAsk{Window: signal.Window{From: at(0), To: at(300)}}
			if c.at > 0 {
				ask.At = at(c.at)
			}
			q := Choose(c.events, ask, at(300))
			sec := func(t time.Time) int { return int(t.Sub(start) / time.Second) }
			require.Equal(t, c.want, [4]int{sec(q.Baseline.From), sec(q.Baseline.To), sec(q.Interest.From), sec(q.Interest.To)})
			require.Equal(t, c.since, q.Since)
		})
	}
}

func TestMoved(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	series := func(name, service string, from int, value func(i int) float64) signal.Series {
		s := signal.Series{Labels: signal.Attrs{{Key: "__name__", Value: name}, {Key: "service", Value: service}}}
		for i := range 60 {
			s.Samples = append(s.Samples, signal.Sample{T: start.Add(time.Duration(from+i) * time.Second), V: value(i)})
		}
		return s
	}
	noise := func(base float64) func(int) float64 {
		return func(int) float64 { return base * (1 + rng.Float64()/10) }
	}
	grows := func(by float64) func(int) float64 {
		return func(i int) float64 { return float64(i) * by * (1 + rng.Float64()/1000) }
	}
	before := []signal.Series{series("queue", "a", 0, noise(2)), series("errors_total", "a", 0, grows(0.01)), series("threads", "a", 0, noise(8)), series("up", "a", 0, func(int) float64 { return 1 })}
	now := []signal.Series{series("queue", "a", 60, noise(40)), series("errors_total", "a", 60, grows(3)), series("threads", "a", 60, noise(8)), series("up", "a", 60, func(int) float64 { return 1 }), series("new", "a", 60, noise(1))}
	got := Moved(context.Background(), before, now)
	require.Len(t, got, 2)
	names := []string{got[0].Name, got[1].Name}
	require.ElementsMatch(t, []string{`queue{service="a"}`, `errors_total{service="a"}`}, names)
	for _, m := range got {
		require.Greater(t, m.Greater, 0.95)
		require.Less(t, m.P, 0.05)
	}
}

// On a machine that is short of time everything sways, some series drift, and what matters moved by far more.
func TestMovedIsNotFooledByASwayingMachine(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	labels := func(name, service string) signal.Attrs {
		return signal.Attrs{{Key: "__name__", Value: name}, {Key: "service", Value: service}, {Key: "role", Value: service}, {Key: "zone", Value: "z"}}
	}
	series := func(name, service string, from int, value func(i int) float64) signal.Series {
		s := signal.Series{Labels: labels(name, service)}
		for i := range 20 {
			s.Samples = append(s.Samples, signal.Sample{T: start.Add(time.Duration(from+i) * time.Second), V: value(from + i)})
		}
		return s
	}
	sways := func(base, by float64) func(int) float64 {
		return func(int) float64 { return base * (1 + by*(rng.Float64()-0.5)) }
	}
	drifts := func(i int) float64 { return 10 + float64(i)/2 }
	sum, count := 0.0, 0.0
	slow := func(each float64) func(int) float64 {
		return func(int) float64 { sum += 40 * each * (0.9 + 0.2*rng.Float64()); return sum }
	}
	counted := func(int) float64 { count += 40; return count }
	var before, now []signal.Series
	for i := range 40 { // a good third more, and as much by themselves
		name := fmt.Sprintf("latency_%d", i)
		before, now = append(before, series(name, "a", 0, sways(1, 0.8))), append(now, series(name, "a", 20, sways(1.35, 0.8)))
	}
	before, now = append(before, series("memory", "a", 0, drifts)), append(now, series("memory", "a", 20, drifts))
	before, now = append(before, series("load", "a", 0, sways(10, 0.01))), append(now, series("load", "a", 20, sways(11, 0.01)))
	before, now = append(before, series("took_seconds_sum", "payment", 0, slow(0.01))), append(now, series("took_seconds_sum", "payment", 20, slow(0.8)))
	before, now = append(before, series("took_seconds_count", "payment", 0, counted)), append(now, series("took_seconds_count", "payment", 20, counted))
	before, now = append(before, series("few", "a", 0, sways(1, 0.1))), append(now, series("few", "a", 20, sways(9, 0.1)))
	before[len(before)-1].Samples = before[len(before)-1].Samples[:minPoints-1]

	got := Moved(context.Background(), before, now)
	require.Len(t, got, 1, "%+v", got)
	require.Equal(t, `took_seconds on average{service="payment"}`, got[0].Name)
	require.False(t, got[0].Rate)
	require.InDelta(t, 0.01, got[0].Before, 0.002)
	require.InDelta(t, 0.8, got[0].After, 0.1)
}
