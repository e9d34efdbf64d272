package record

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// kept is a sink that remembers everything.
type kept struct {
	logs      []signal.Record
	spans     []signal.Span
	series    map[uint64]signal.Attrs
	samples   []string
	exemplars []string
	events    []signal.Event
	told      []time.Time
	answers   []Answer
	words     []Words
	seconds   []signal.LoadSecond
	state     State
	sections  int
	err       error
}

func newKept() *kept { return &kept{series: map[uint64]signal.Attrs{}} }

func (k *kept) Log(r signal.Record)               { k.logs = append(k.logs, r) }
func (k *kept) Span(s signal.Span)                { k.spans = append(k.spans, s) }
func (k *kept) Series(id uint64, ls signal.Attrs) { k.series[id] = ls }
func (k *kept) Second(s signal.LoadSecond)        { k.seconds = append(k.seconds, s) }
func (k *kept) Answer(a Answer)                   { k.answers = append(k.answers, a) }
func (k *kept) Words(v Words)                     { k.words = append(k.words, v) }
func (k *kept) Event(told time.Time, e signal.Event) {
	k.events, k.told = append(k.events, e), append(k.told, told)
}
func (k *kept) Sample(id uint64, ms int64, v float64) {
	k.samples = append(k.samples, fmt.Sprint(k.series[id], ms, math.Float64bits(v)))
}
func (k *kept) Exemplar(id uint64, e signal.Exemplar) {
	k.exemplars = append(k.exemplars, fmt.Sprint(k.series[id], e.T.UnixMilli(), e.V, e.TraceID, e.Labels))
}
func (k *kept) Section(_ time.Time, n Section, data []byte) {
	k.sections++
	k.err = errors.Join(k.err, DecodeSection(n, data, k.seconds, &k.state))
}

func readAll(t testing.TB, path string) (*kept, *File) {
	t.Helper()
	f, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	k := newKept()
	for i := range f.Chapters() {
		k.seconds = nil // they are the chapter's own
		require.NoError(t, f.Read(context.Background(), i, k))
	}
	require.NoError(t, k.err)
	return k, f
}

// world makes signals by chance, hostile ones too.
type world struct {
	*rand.Rand
	now time.Time
}

func (w *world) text() string {
	if w.IntN(8) == 0 {
		return strings.Repeat("ä日", w.IntN(200))
	}
	return []string{"", "checkout", "GET /cart", "stock reserved", "a=b c=\"d\"", fmt.Sprint(w.Uint64())}[w.IntN(6)]
}

func (w *world) at() time.Time {
	return time.Unix(0, w.now.UnixNano()-w.Int64N(int64(time.Hour))+w.Int64N(int64(time.Minute)))
}

func (w *world) attrs() (out signal.Attrs) {
	for range w.IntN(6) {
		out = append(out, signal.Attr{Key: "k" + fmt.Sprint(w.IntN(20000)), Value: w.text()})
	}
	return out
}

func (w *world) trace() (id signal.TraceID) {
	binary.LittleEndian.PutUint64(id[:], w.Uint64()|1)
	return id
}

func (w *world) spanID() (id signal.SpanID) {
	if w.IntN(3) > 0 {
		binary.LittleEndian.PutUint64(id[:], w.Uint64()|1)
	}
	return id
}

func (w *world) batch() (b signal.Batch) {
	for range w.IntN(20) {
		r := signal.Record{Time: w.at(), Severity: signal.Severity(w.IntN(25)), Service: w.text(), Body: w.text(), SpanID: w.spanID(), Attrs: w.attrs(), Source: "otlp"}
		if w.IntN(2) == 0 {
			r.TraceID = w.trace()
		}
		b.Logs = append(b.Logs, r)
	}
	for range w.IntN(20) {
		s := signal.Span{TraceID: w.trace(), SpanID: w.spanID(), ParentID: w.spanID(), Service: w.text(), Name: w.text(), Kind: signal.SpanKind(w.IntN(6)),
			Start: w.at(), Duration: time.Duration(w.Int64()), Failed: w.IntN(2) == 0, Message: w.text(), Attrs: w.attrs(), Source: "otlp"}
		for range w.IntN(3) {
			s.Events = append(s.Events, signal.SpanEvent{Time: w.at(), Name: w.text(), Attrs: w.attrs()})
		}
		b.Spans = append(b.Spans, s)
	}
	return b
}

func (w *world) event() signal.Event {
	e := signal.Event{ID: uint64(1 + w.IntN(50)), Start: w.at().UTC(), Open: w.IntN(2) == 0, Kind: signal.EventKind(w.IntN(9)), Outcome: signal.Outcome(w.IntN(4)),
		Title: w.text(), Detail: w.text(), Target: w.text(), TraceID: w.trace()}
	if w.IntN(2) == 0 {
		e.End = w.at().UTC()
	}
	e.Title = e.Title[:min(len(e.Title), 5)]
	e.Detail, e.Target = "detail", "target"
	return e
}

func (w *world) load(began time.Time, n int) *signal.LoadState {
	l := &signal.LoadState{Name: "shop", Running: true, Started: began.UTC(), Elapsed: time.Duration(n) * time.Second, Rate: math.NaN(), Sent: w.Uint64(),
		Errors: []signal.ErrorCount{{Kind: "timeout", Count: 3}}, Spectrum: []signal.LatencyShare{{Share: 0.5, Latency: time.Duration(w.IntN(1000))}}}
	for i := range n {
		from := began.Add(time.Duration(i) * time.Second).UTC()
		l.Seconds = append(l.Seconds, signal.LoadSecond{From: from, To: from.Add(time.Second), Done: uint64(i), Heat: signal.LatencyCounts{First: i, Counts: []uint32{1, 2}}})
	}
	return l
}

// requireSame compares what has NaN in it, and is short when it differs.
func requireSame(t *testing.T, want, got any) {
	t.Helper()
	if a, b := pack(want), pack(got); !bytes.Equal(a, b) {
		at := 0
		for at < min(len(a), len(b)) && a[at] == b[at] {
			at++
		}
		require.Equal(t, fmt.Sprintf("%q", a[max(at-80, 0):min(at+80, len(a))]), fmt.Sprintf("%q", b[max(at-80, 0):min(at+80, len(b))]), "from byte %d", at)
	}
}

// What was recorded is what is replayed, whatever it was, over several chapters.
func TestRecordedIsReplayed(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &world{rand.New(rand.NewPCG(seed, 1)), time.Now()}
			path := filepath.Join(t.TempDir(), "a.gameday")
			var mu sync.Mutex
			var state State
			var events []signal.Event
			meta := Meta{System: "shop", Environment: "demo", Program: "v1", Started: w.now.UTC(), CorrelationFields: []string{"order_id"}, Settings: pack("x")}
			rec, err := Create(path, Config{Meta: meta, chapterRaw: 20_000,
				State:  func() State { mu.Lock(); defer mu.Unlock(); return state },
				Events: func() []signal.Event { mu.Lock(); defer mu.Unlock(); return slices.Clone(events) }})
			require.NoError(t, err)
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

			var want signal.Batch
			var samples, exemplars []string
			for round := range 40 {
				b := w.batch()
				sanitize.Batch(&b) // as everything is before it is recorded
				want.Logs, want.Spans = append(want.Logs, b.Logs...), append(want.Spans, b.Spans...)
				rec.Batch(b)
				e := w.event()
				mu.Lock()
				events = append(slices.DeleteFunc(events, func(o signal.Event) bool { return o.ID == e.ID }), e)
				state = State{Experiment: &signal.ExperimentState{Name: "x", Phase: signal.PhaseDuring, Probes: []signal.ProbeState{{Name: "p95", Now: signal.CheckFailed,
					History: []float64{1, math.NaN(), math.Inf(1)}, TraceID: w.trace(), Since: w.at().UTC()}}},
					Load: w.load(w.now, round), Faults: []signal.FaultState{{ID: "f", Phase: signal.FaultArmed, Targets: []string{"a", "b"}}},
					Health: []signal.SourceHealth{{Name: "otlp", State: signal.SourceLive}}, Processes: []signal.Process{{Name: "cart", PID: round}},
					Switches: []signal.Switch{{Name: "patterns", On: round%2 == 0}}, Store: signal.StoreStats{MetricSeries: round},
					SLOs:      []signal.SLO{{Name: "fast", Budget: math.NaN(), Burns: []signal.BurnRate{{Rate: 14.4, Firing: round%2 == 0}}}},
					Scorecard: &signal.Scorecard{Grade: "B", Points: float64(round), Parts: []signal.ScorePart{{Name: "budget", Share: math.NaN()}}},
					Host:      []signal.Resource{{Name: "CPU", Ratio: true, Now: float64(round), History: []float64{0, float64(round)}}},
					Incidents: []signal.Incident{{Title: "p95", LevelName: "second line", EscalatesAt: w.now.UTC()}}}
				mu.Unlock()
				rec.Event(e)
				for key := range uint64(20) {
					v := []float64{float64(round), math.NaN(), w.Float64(), math.Inf(-1)}[w.IntN(4)]
					ls := labels.FromStrings("__name__", "requests_total", "n", fmt.Sprint(key))
					ms := w.now.UnixMilli() + int64(round)*1000 + w.Int64N(50) - 25
					var x []signal.Exemplar
					if w.IntN(10) == 0 {
						x = []signal.Exemplar{{T: time.UnixMilli(ms), V: v, TraceID: w.trace(), Labels: signal.Attrs{{Key: "a", Value: "b"}}}}
						exemplars = append(exemplars, fmt.Sprint(attrsOf(ls), ms, v, x[0].TraceID, x[0].Labels))
					}
					rec.Sample(key, ls, ms, v, x)
					samples = append(samples, fmt.Sprint(attrsOf(ls), ms, math.Float64bits(v)))
				}
				if round%20 == 19 {
					rec.Flush()
				}
			}
			require.NoError(t, rec.Close())
			require.NoError(t, rec.Close(), "again")
			require.Zero(t, rec.Lost())

			got, f := readAll(t, path)
			require.Empty(t, f.Cut())
			require.Greater(t, len(f.Chapters()), 2)
			requireSame(t, meta, f.Meta())
			require.Len(t, got.logs, len(want.Logs))
			for i := range want.Logs {
				require.True(t, want.Logs[i].Time.Equal(got.logs[i].Time))
				got.logs[i].Time = want.Logs[i].Time
			}
			requireSame(t, want.Logs, got.logs)
			requireSame(t, want.Spans, got.spans)
			require.Equal(t, samples, got.samples)
			require.Equal(t, exemplars, got.exemplars)
			requireSame(t, state, got.state)
			last := map[uint64]signal.Event{}
			for _, e := range got.events {
				last[e.ID] = e
			}
			for _, e := range events {
				requireSame(t, e, last[e.ID])
			}
		})
	}
}

func attrsOf(ls labels.Labels) (out signal.Attrs) {
	ls.Range(func(l labels.Label) { out = append(out, signal.Attr{Key: l.Name, Value: l.Value}) })
	return out
}

// short makes a recording of a few blocks.
func short(t testing.TB, chapter int64) []byte {
	t.Helper()
	w := &world{rand.New(rand.NewPCG(3, 3)), time.Now()}
	path := filepath.Join(t.TempDir(), "short")
	state := State{Load: w.load(w.now, 3)}
	rec, err := Create(path, Config{Meta: Meta{System: "shop", Started: w.now}, chapterRaw: chapter, State: func() State { return state }})
	require.NoError(t, err)
	for range 5 {
		rec.Batch(w.batch())
		rec.Event(w.event())
		rec.Sample(1, labels.FromStrings("__name__", "up"), w.now.UnixMilli(), 1, nil)
		rec.Flush()
	}
	require.NoError(t, rec.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// A file that ends anywhere replays up to there.
func TestCutOff(t *testing.T) {
	for _, chapter := range []int64{0, 1} {
		data := short(t, chapter)
		path := filepath.Join(t.TempDir(), "cut")
		before, opened := 0, 0
		for n := 0; n < len(data); n += 1 + len(data)/60 {
			require.NoError(t, os.WriteFile(path, data[:n], 0o600))
			f, err := Open(path)
			if err != nil {
				require.Regexp(t, "no recording|ends before anything", err.Error())
				continue
			}
			opened++
			k := newKept()
			for i := range f.Chapters() {
				require.NoError(t, f.Read(context.Background(), i, k))
			}
			require.NoError(t, f.Close())
			require.GreaterOrEqual(t, len(k.logs), before, "nothing is lost by having more of the file")
			before = len(k.logs)
		}
		require.Greater(t, opened, 10)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		whole, f := readAll(t, path)
		require.Empty(t, f.Cut())
		require.GreaterOrEqual(t, len(whole.logs), before)
		require.Greater(t, before, 0)

		wrong := slices.Clone(data)
		wrong[len(wrong)-10] ^= 1
		require.NoError(t, os.WriteFile(path, wrong, 0o600))
		_, f = readAll(t, path)
		require.Contains(t, f.Cut(), "checksum")
	}
}

func TestRefusals(t *testing.T) {
	data := short(t, 0)
	path := filepath.Join(t.TempDir(), "x")
	for what, c := range map[string]struct {
		data []byte
		says string
	}{
		"a newer version": {append([]byte(magic), append([]byte{2, 0}, data[len(magic)+2:]...)...), "newer gameday, in format 2; this one reads up to format 1"},
		"something else":  {[]byte("#!/bin/sh\necho no recording\n"), "no recording of gameday"},
		"nothing":         {nil, "no recording of gameday"},
		"only a head":     {data[:len(magic)+4], "ends before anything was recorded"},
	} {
		require.NoError(t, os.WriteFile(path, c.data, 0o600))
		_, err := Open(path)
		require.ErrorContains(t, err, c.says, what)
		require.ErrorContains(t, err, path, what)
	}
	_, err := Create(path, Config{})
	require.ErrorContains(t, err, "there is such a file already")
}

// A disk that does not keep up costs signals, not memory, and the recording says so.
func TestBoundedWhilePending(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	rec, err := Create(path, Config{pending: 10_000})
	require.NoError(t, err)
	rec.mu.Lock()
	for range 3000 { // with the lock held nothing is written meanwhile
		if rec.room() {
			rec.enc.log(&signal.Record{Body: strings.Repeat("x", 100)}, time.Now())
		}
	}
	require.Less(t, len(rec.enc.buf), 11_000)
	rec.mu.Unlock()
	require.NoError(t, rec.Close())
	k, _ := readAll(t, path)
	require.Positive(t, rec.Lost())
	require.Len(t, k.logs, 3000-int(rec.Lost()))
	require.Len(t, k.events, 1)
	require.Contains(t, k.events[0].Title, fmt.Sprintf("recording lost %d signals", rec.Lost()))
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	var told error
	rec, err := Create(filepath.Join(t.TempDir(), "x"), Config{every: time.Hour, Failed: func(err error) { told = err }})
	require.NoError(t, err)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	rec.Flush() // the writer has begun
	require.NoError(t, rec.file.Close())
	rec.file = full
	rec.Flush()
	require.ErrorContains(t, told, "no space left")
	rec.Event(signal.Event{Title: "later"})
	require.EqualValues(t, 1, rec.Lost())
	require.ErrorContains(t, rec.Close(), "no space left")
}

func TestSecretsAreNotKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	rec, err := Create(path, Config{})
	require.NoError(t, err)
	rec.Batch(signal.Batch{
		Logs: []signal.Record{{Body: "login with password=hunter22 failed", Attrs: signal.Attrs{{Key: "http.request.header.authorization", Value: "Basic hunter22"}, {Key: "a", Value: "b"}}}},
		Spans: []signal.Span{{TraceID: signal.TraceID{1}, Message: "GET https://joe:hunter22@example.com/", Attrs: signal.Attrs{{Key: "url", Value: "/x?token=hunter22"}},
			Events: []signal.SpanEvent{{Name: "e", Attrs: signal.Attrs{{Key: "Cookie", Value: "sid=hunter22"}}}}}},
	})
	rec.Event(signal.Event{Title: "note", Detail: "the api_key=hunter22 is wrong"})
	require.NoError(t, rec.Close())
	k, _ := readAll(t, path)
	all := fmt.Sprint(k.logs, k.spans, k.events)
	require.NotContains(t, all, "hunter22")
	require.Contains(t, all, "login with password=<secret> failed")
	require.Equal(t, "b", k.logs[0].Attrs[1].Value)
}

// fillTexts puts a text into every field below v, with one element in each list.
func fillTexts(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillTexts(v.Elem(), text)
	case reflect.Struct:
		if v.Type() == timeType {
			return
		}
		for i := range v.NumField() {
			fillTexts(v.Field(i), text)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillTexts(v.Index(0), text)
	case reflect.String:
		v.SetString(text)
	}
}

// TestNothingOfTheMachineIsKept fills every text that a state or an event has: a field that is new is in this test at once.
func TestNothingOfTheMachineIsKept(t *testing.T) {
	const text = "it has https://joe:hunter22@host/x?sig=hunter22 in /home/ada/work/shop.yaml"
	path := filepath.Join(t.TempDir(), "x")
	var state State
	fillTexts(reflect.ValueOf(&state).Elem(), text)
	now := time.Now()
	state.Load.Started, state.Load.Seconds[0].To = now, now
	before := pack(state)
	event := signal.Event{ID: 1, Start: now, Title: text, Detail: text, Target: text, Attrs: signal.Attrs{{Key: "runbook", Value: text}}}
	rec, err := Create(path, Config{Home: "/home/ada/", Meta: Meta{System: text, Environment: text}, State: func() State { return state }})
	require.NoError(t, err)
	rec.Event(event)
	rec.Batch(signal.Batch{Logs: []signal.Record{{Time: now, Body: "read /home/ada/x", Source: "/home/ada/app.log", Attrs: signal.Attrs{{Key: "log.file.path", Value: "/home/ada/app.log"}}}}})
	rec.Sample(1, labels.FromStrings("url", "https://joe:hunter22@h/"), now.UnixMilli(), 1, []signal.Exemplar{{T: now, V: 1, Labels: signal.Attrs{{Key: "session_token", Value: "hunter22"}}}})
	require.NoError(t, rec.Close())
	require.Equal(t, before, pack(state), "what is recorded belongs to others")
	require.Equal(t, text, event.Attrs[0].Value)
	k, meta := readAll(t, path)
	body := k.logs[0].Body
	require.Equal(t, "read /home/ada/x", body, "what a system says of itself is its own")
	k.logs[0].Body = ""
	all := fmt.Sprintf("%+v %+v %+v %+v %s %s %v", k.logs, k.events, k.exemplars, meta, pack(k.state), pack(k.seconds), k.series)
	require.NotContains(t, all, "hunter22")
	require.NotContains(t, all, "/home/ada")
	require.Contains(t, k.state.Faults[0].Remedy, "in ~/work/shop.yaml")
	require.Contains(t, k.state.Load.Exemplars[0].Err, "in ~/work/shop.yaml")
	require.Equal(t, "~/app.log", k.logs[0].Attrs[0].Value)
}

func TestTheHomeDirectoryIsAWholePath(t *testing.T) {
	r := newRedactor("/root")
	for in, want := range map[string]string{
		"/root": "~", "/root/x": "~/x", "read /root/a, /root/b and /root.": "read ~/a, ~/b and ~.", "file:///root/x": "file://~/x",
		"/rootfs/x": "/rootfs/x", "/var/root/x": "/var/root/x", "/root-2": "/root-2", "/root.d/x": "/root.d/x", "HOME=/root": "HOME=~", "/root/root": "~/root",
	} {
		require.Equal(t, want, r.text(in), in)
	}
	for _, none := range []string{"", "/", "x", "C:"} {
		require.Equal(t, "/C:/x", newRedactor(none).text("/C:/x"), none)
	}
	require.Equal(t, `~\x`, newRedactor(`C:\Users\ada`).text(`C:\Users\ada\x`))
}

func TestAQueryStaysOne(t *testing.T) {
	for in, want := range map[string]string{
		`rate(x{secret="a"}[1m])`:                       `rate(x{secret="a"}[1m])`, // the label tells series apart
		`up{url="https://joe:hunter22@h/"}`:             `up{url="https://<secret>@h/"}`,
		`{app="x"} |= "password=hunter22 \" it" | json`: `{app="x"} |= "<secret>" | json`,
		"{a='Bearer hunter22'} |~ `token: hunter22`":    "{a='Bearer <secret>'} |~ `token: <secret>`",
	} {
		require.Equal(t, want, Query(in))
	}
}

// FuzzOpen feeds the reader files that somebody damaged.
func FuzzOpen(f *testing.F) {
	for _, chapter := range []int64{0, 1} {
		data := short(f, chapter)
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		r, err := Open(path)
		if err != nil {
			return
		}
		defer r.Close()
		for i := range r.Chapters() {
			_ = r.Read(context.Background(), i, newKept()) // an error is fine; a panic is not
		}
	})
}

// FuzzEntries feeds the decoder what no checksum protects: whoever made the file made that too.
func FuzzEntries(f *testing.F) {
	w := &world{rand.New(rand.NewPCG(5, 5)), time.Now()}
	var e encoder
	e.reset(w.now)
	b := w.batch()
	for i := range b.Logs {
		e.log(&b.Logs[i], w.now)
	}
	for i := range b.Spans {
		e.span(&b.Spans[i], w.now)
	}
	e.sample(7, labels.FromStrings("a", "b"), 5, 1.5, []signal.Exemplar{{T: w.now, V: 2, TraceID: w.trace()}})
	e.event(w.now, w.event())
	var p sampler
	p.sample(&e, w.now, State{Load: w.load(w.now, 4), Experiment: &signal.ExperimentState{Probes: []signal.ProbeState{{Now: signal.CheckError}}}})
	e.coded(kindAnswer, Answer{Source: "prom", Query: "up", Step: time.Second, Series: []AnswerSeries{{Name: "a", Labels: w.attrs(), Ms: []int64{1, 2}, Values: []float64{1, 2}}}}, nil)
	e.coded(kindWords, Words{Source: "prom", Kind: 2, List: []string{"a", "b"}}, nil)
	f.Add(e.take())
	f.Fuzz(func(t *testing.T, data []byte) {
		k := newKept()
		var d decoder
		_ = d.run(strings.NewReader(string(data)), k) // an error is fine; a panic is not
		if x := k.state.Experiment; x != nil {
			_ = x.Phase.String() + x.Verdict.String()
			for _, p := range x.Probes {
				_ = p.Now.String() + p.Before.String()
			}
		}
		for _, a := range k.answers {
			for _, s := range a.Series {
				require.Len(t, s.Values, len(s.Ms))
			}
		}
		for _, s := range k.seconds {
			require.LessOrEqual(t, s.Heat.First+len(s.Heat.Counts), signal.LatencyBuckets)
		}
	})
}
