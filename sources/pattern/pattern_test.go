package pattern

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/logql"
	"gameday/sources/signal"
)

var t0 = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func add(p *Parser, at time.Time, service string, level signal.Severity, body string) {
	p.Add(&signal.Record{Time: at, Service: service, Severity: level, Body: body})
}

func all(p *Parser, since time.Time) []signal.LogPattern {
	return p.Patterns(signal.Window{From: t0.Add(-time.Hour), To: t0.Add(time.Hour)}, since, 1000, 24)
}

func TestMasks(t *testing.T) {
	for word, want := range map[string]string{
		"timeout": "timeout", "77120": "<num>", "-3.5": "-<num>", "12,": "<num>,", "id=42;n=7": "id=<num>;n=<num>", "r-00042": "r-<num>",
		"800ms": "<dur>", "1.5s": "<dur>", "2m30s": "<dur>", "took=12µs,": "took=<dur>,", "5x": "<num>x", "1.2.3": "<num>",
		"10.0.0.7": "<ip>", "10.0.0.7:8080": "<ip>:<num>", "[::1]:80": "[::<num>]:<num>", "[fe80:7::1]:80": "[<ip>]:<num>", "2001:db8::7": "<ip>", "12:04:00": "<num>:<num>:<num>",
		"6f1c2c6e-9a50-4c6a-8f31-2a2d6a9e1b10": "<uuid>", "4f2a91c0": "<hex>", "0xdead01": "<hex>", "deadbeef": "deadbeef", "user-7@x": "user-<num>@x",
		"Größe42": "Größe<num>", "/cart/8812/items": "/cart/<num>/items", "99.87%": "<num>%", "": "",
	} {
		require.Equal(t, want, string(appendMasked(nil, word)), word)
	}
}

func TestLinesOfOneStatementAreOnePattern(t *testing.T) {
	p := New(Config{})
	for i := range 500 {
		at := t0.Add(time.Duration(i) * time.Second / 10)
		add(p, at, "orders", signal.SeverityInfo, fmt.Sprintf("order %d written in %dms, shipped to %d replicas", i*7, i%40, i%3))
		add(p, at, "auth", signal.SeverityInfo, fmt.Sprintf("user %s logged in from 10.0.%d.%d", []string{"anna", "bob", "carol"}[i%3], i%250, i%99))
		if i%10 == 0 {
			add(p, at, "checkout", signal.SeverityError, "payment failed: context deadline exceeded")
		}
	}
	add(p, t0, "stock", 0, "stock read")
	add(p, t0, "stock", 0, "stock reserved")
	add(p, t0, "mail", signal.SeverityInfo, "order 7 written in 3ms, shipped to 2 replicas")
	got := map[string]signal.LogPattern{}
	for _, x := range all(p, time.Time{}) {
		got[x.Service+": "+x.Text] = x
	}
	require.Len(t, got, 6)
	orders := got["orders: order <num> written in <dur>, shipped to <num> replicas"]
	require.EqualValues(t, 500, orders.Count)
	require.EqualValues(t, 500, got["auth: user <*> logged in from <ip>"].Count)
	failed := got["checkout: payment failed: context deadline exceeded"]
	require.EqualValues(t, 50, failed.Count)
	require.EqualValues(t, 50, failed.Levels[signal.LevelRank(signal.SeverityError)])
	require.Equal(t, t0, failed.First)
	require.Equal(t, "payment failed: context deadline exceeded", failed.Example.Body)
	require.EqualValues(t, 1, got["mail: order <num> written in <dur>, shipped to <num> replicas"].Count)
	sum := 0.0
	for _, v := range orders.Spark {
		sum += v
	}
	require.EqualValues(t, 500, sum)
}

// TestSteadyLinesAreDrawnSo: whatever the window, whatever the number of points, also while the last step is still counted.
func TestSteadyLinesAreDrawnSo(t *testing.T) {
	for _, points := range []int{5, 7, 16, 24, 60} {
		for _, length := range []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute} {
			for _, ahead := range []time.Duration{0, 1700 * time.Millisecond, 4999 * time.Millisecond, 8 * time.Second} { // a replay holds later lines
				p := New(Config{})
				now := t0.Add(10 * time.Minute).Add(3300 * time.Millisecond)
				for at := t0; at.Before(now.Add(ahead)); at = at.Add(50 * time.Millisecond) {
					add(p, at, "s", 0, "tick")
				}
				spark := p.Patterns(signal.Window{From: now.Add(-length), To: now}, time.Time{}, 10, points)[0].Spark
				want := float64(length) / float64(points) / float64(50*time.Millisecond)
				for i, v := range spark {
					require.InDelta(t, want, v, 0.05*want, "point %d of %d, %s, %s ahead: %v", i, points, length, ahead, spark)
				}
			}
		}
	}
}

// TestALineStaysInItsTime: a burst is not smeared over more than its step.
func TestALineStaysInItsTime(t *testing.T) {
	p := New(Config{})
	add(p, t0.Add(12*time.Second), "s", 0, "boom")
	add(p, t0.Add(time.Minute), "s", 0, "another kind of line")
	spark := p.Patterns(signal.Window{From: t0, To: t0.Add(time.Minute)}, time.Time{}, 10, 12)[0].Spark
	require.Equal(t, []float64{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, spark)
}

func TestTheWindowIsCounted(t *testing.T) {
	p := New(Config{Step: time.Second, Steps: 60})
	for i := range 120 {
		add(p, t0.Add(time.Duration(i)*time.Second), "s", 0, "tick")
	}
	add(p, t0, "s", 0, "tick") // long ago: it is in the total alone
	count := func(from, to int) uint64 {
		l := p.Patterns(signal.Window{From: t0.Add(time.Duration(from) * time.Second), To: t0.Add(time.Duration(to) * time.Second)}, time.Time{}, 10, 8)
		if len(l) == 0 {
			return 0
		}
		require.EqualValues(t, 121, l[0].Total)
		return l[0].Count
	}
	require.EqualValues(t, 10, count(110, 120))
	require.EqualValues(t, 60, count(0, 200), "what the ring holds")
	require.EqualValues(t, 0, count(0, 50))
	require.EqualValues(t, 0, count(300, 400))
	add(p, t0.Add(24*time.Hour), "s", 0, "tick") // a leap empties the ring
	require.EqualValues(t, 0, count(60, 120))
}

func TestNewSinceTheFault(t *testing.T) {
	p := New(Config{})
	add(p, t0, "a", 0, "all is well")
	fault := t0.Add(10 * time.Second)
	add(p, t0.Add(20*time.Second), "a", 0, "breaker opened")
	for range 100 {
		add(p, t0.Add(20*time.Second), "a", 0, "all is well")
	}
	got := all(p, fault)
	require.Equal(t, "breaker opened", got[0].Text)
	require.True(t, got[0].New)
	require.False(t, got[1].New)
	require.False(t, all(p, time.Time{})[0].New)
}

// TestItIsBounded: whatever comes in, and what made room is not new when it comes again.
func TestItIsBounded(t *testing.T) {
	p := New(Config{Patterns: 50, Steps: 4})
	add(p, t0, "a", 0, "the quick brown fox")
	rng := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, 1+rng.IntN(12))
		for i := range b {
			b[i] = byte('a' + rng.IntN(26))
		}
		return string(b)
	}
	for range 20000 {
		words := make([]string, 1+rng.IntN(90))
		for i := range words {
			words[i] = word()
		}
		add(p, t0.Add(time.Minute), word()[:1], 0, strings.Join(words, " "))
		require.LessOrEqual(t, p.Len(), 50)
		require.LessOrEqual(t, len(p.known), maxKnown)
		require.LessOrEqual(t, len(p.firsts), maxFirsts)
		require.LessOrEqual(t, len(p.root), 50)
	}
	nodes := 0
	var walk func(n *node)
	walk = func(n *node) {
		nodes++
		require.LessOrEqual(t, len(n.groups), maxLeaf)
		for _, c := range n.children {
			walk(c)
		}
	}
	for _, n := range p.root {
		walk(n)
	}
	require.LessOrEqual(t, nodes, 50*(depth+1), "the tree leads to groups only")
	clear(p.firsts)
	p.firsts[0] = t0
	q := New(Config{Patterns: 2})
	add(q, t0, "a", 0, "the quick brown fox")
	for i := range 9 {
		add(q, t0.Add(time.Minute), string(rune('b'+i)), 0, "something")
	}
	add(q, t0.Add(2*time.Minute), "a", 0, "the quick brown fox")
	for _, x := range all(q, t0.Add(30*time.Second)) {
		require.Equal(t, x.Service != "a", x.New, x.Service)
	}
}

func TestAFullLeafMakesRoomOfItsOwn(t *testing.T) {
	p := New(Config{})
	add(p, t0, "s", 0, "steady")
	for i := range 5000 {
		add(p, t0.Add(time.Duration(i)*time.Millisecond), "s", 0, strings.Repeat("x", 1+i%60)+strings.Repeat("y", 1+i/60))
	}
	texts := ""
	for _, x := range all(p, time.Time{}) {
		texts += x.Text + "\n"
	}
	require.Contains(t, texts, "steady\n")
	require.LessOrEqual(t, p.Len(), maxChildren+maxLeaf+1)
}

// TestTheFilterFindsTheLines that the pattern was made of, and the example.
func TestTheFilterFindsTheLines(t *testing.T) {
	lines := []string{
		"order 77120 written in 12ms", "order 9 written in 3ms", `said "no" to 10.0.0.7:80`, "", " ", "  indented  42 ", "42", "a\tb 7", "Größe 42 — 在庫あり", `back\slash 1`,
		"6f1c2c6e-9a50-4c6a-8f31-2a2d6a9e1b10", "id=1,2", strings.Repeat("w ", 100), strings.Repeat("long", 1000), strings.Repeat("9", 5000), "`tick` 3", "<_> 5", "x<*> y",
	}
	p := New(Config{})
	for _, l := range lines {
		add(p, t0, "s", 0, l)
	}
	requireFound(t, p, lines)
}

func requireFound(t *testing.T, p *Parser, lines []string) {
	t.Helper()
	var queries []*logql.Matcher
	for _, x := range all(p, time.Time{}) {
		q, err := logql.ParseFilter(x.Filter)
		require.NoError(t, err, x.Filter)
		m := q.Matcher()
		if len(x.Example.Body) < maxExample {
			require.True(t, m.Match(&x.Example), "%s does not find %q", x.Filter, x.Example.Body)
		}
		queries = append(queries, m)
	}
	for _, l := range lines {
		found := false
		for _, q := range queries {
			found = found || q.Match(&signal.Record{Service: "s", Body: l})
		}
		require.True(t, found, "%q", l)
	}
}

func FuzzAdd(f *testing.F) {
	f.Add("order 7 written in 3ms\norder 8 written in 9ms\n::: 0x 1.2.3.4.5 ::1::")
	f.Fuzz(func(t *testing.T, text string) {
		p := New(Config{Patterns: 8, Steps: 4})
		for line := range strings.Lines(text) {
			add(p, t0, "s", 0, line)
		}
		require.LessOrEqual(t, p.Len(), 8)
		all(p, t0)
	})
}

func BenchmarkAdd(b *testing.B) {
	p := New(Config{})
	var lines []signal.Record
	for i := range 4096 {
		body := [...]string{
			fmt.Sprintf("POST /checkout 200 in %dms", i%700), fmt.Sprintf("order %d written, shipped to %d replicas", i, i%3), "payment answered late, attempt 2 of 3",
			fmt.Sprintf("user %c%c logged in from 10.0.%d.%d", 'a'+i%26, 'a'+i/26%26, i%250, i%99), "payment failed: context deadline exceeded after 1s",
			fmt.Sprintf(`{"msg":"reserved","items":%d,"order":"6f1c2c6e-9a50-4c6a-8f31-2a2d6a9e%04x"}`, i%9, i),
		}[i%6]
		lines = append(lines, signal.Record{Time: t0.Add(time.Duration(i) * 50 * time.Microsecond), Service: "s", Body: body, Severity: signal.SeverityInfo})
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p.Add(&lines[i%len(lines)])
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkPatterns asks for the picture of a full parser, as a frame does.
func BenchmarkPatterns(b *testing.B) {
	p := New(Config{})
	for i := range 1000 {
		for s := range 720 {
			add(p, t0.Add(time.Duration(s)*5*time.Second), fmt.Sprintf("s%d", i), 0, "a line")
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Patterns(signal.Window{From: t0, To: t0.Add(time.Hour)}, t0, 200, 24)
	}
}
