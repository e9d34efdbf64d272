package tracediff

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/why"
	"gameday/sources/signal"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// held is a store of a few traces.
type held []*signal.Trace

func (h held) Trace(id signal.TraceID) *signal.Trace {
	for _, t := range h {
		if t.ID == id {
			return t
		}
	}
	return nil
}

func (h held) List(w signal.Window, _ int) (out []signal.TraceSummary, n int) {
	for _, t := range h {
		if t.Start.Before(w.To) && !t.Start.Before(w.From) {
			out = append(out, t.TraceSummary)
		}
	}
	return out, len(out)
}

// trace makes one of lines such as "  payment Charge 10+20 failed": the indent is the depth, then start and duration in ms.
func trace(n byte, at time.Time, text string) *signal.Trace {
	t := &signal.Trace{TraceSummary: signal.TraceSummary{ID: signal.TraceID{15: n}, Start: at, Rooted: true}}
	var path []signal.SpanID
	for i, line := range strings.Split(strings.Trim(text, "\n"), "\n") {
		f := strings.Fields(line)
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		var from, took int
		if _, err := fmt.Sscanf(f[2], "%d+%d", &from, &took); err != nil {
			panic(err)
		}
		s := signal.Span{TraceID: t.ID, SpanID: signal.SpanID{n, byte(i + 1)}, Service: f[0], Name: f[1], Start: at.Add(time.Duration(from) * time.Millisecond),
			Duration: time.Duration(took) * time.Millisecond, Failed: len(f) > 3}
		path = append(path[:depth], s.SpanID)
		if depth > 0 {
			s.ParentID = path[depth-1]
		} else {
			t.Service, t.Name, t.Duration = s.Service, s.Name, s.Duration
		}
		if s.Failed {
			t.Errors++
		}
		t.Spans = append(t.Spans, s)
	}
	t.TraceSummary.Spans = len(t.Spans)
	return t
}

func show(c *signal.Comparison) (out []string) {
	for _, r := range c.Rows {
		sides := ""
		for _, s := range []*signal.CompareSide{r.A, r.B} {
			if s == nil {
				sides += " -"
			} else {
				sides += fmt.Sprintf(" %d", s.Span.Duration.Milliseconds())
			}
		}
		out = append(out, fmt.Sprintf("%s%s %s%s took %+d self %+d", strings.Repeat(" ", r.Depth), r.Any().Span.Service, r.Any().Span.Name, sides, r.Took().Milliseconds(), r.Self.Milliseconds()))
	}
	return out
}

func TestStepsAreJoinedAndTheDifferenceIsFound(t *testing.T) {
	a := trace(1, start, `
gateway checkout 0+100
  cart cart-17 5+10
  payment charge 20+30
    bank ask 25+20
  db insert 60+20
`)
	b := trace(2, start.Add(time.Minute), `
gateway checkout 0+900 failed
  cart cart-99 5+10
  stock reserve 16+3
  payment charge 20+400 failed
    bank ask 25+390
  payment charge 430+400 failed
    bank ask 435+390
  mail send 840+30
`)
	c := Compare(held{a, b}, signal.CompareAsk{A: a.ID, B: b.ID}, why.Question{})
	require.Empty(t, c.Err)
	require.Equal(t, []string{
		"gateway checkout 100 900 took +800 self +17", // 40 by itself, then 57
		" cart cart-99 10 10 took +0 self +0",
		" stock reserve - 3 took +3 self +3",
		" payment charge 30 400 took +370 self +0",
		"  bank ask 20 390 took +370 self +370",
		" payment charge - 400 took +400 self +10",
		"  bank ask - 390 took +390 self +390",
		" mail send - 30 took +30 self +30",
		" db insert 20 - took -20 self -20",
	}, show(c))
	require.Equal(t, [3]int{1, 4, 4}, [3]int{c.OnlyA, c.OnlyB, c.Both})
	var top []string
	for _, i := range c.Top {
		top = append(top, fmt.Sprint(c.Rows[i].Any().Span.Service, " ", c.Rows[i].Self.Milliseconds()))
	}
	require.Equal(t, []string{"bank 390", "bank 370", "mail 30", "db -20", "gateway 17"}, top)
	var sum time.Duration
	for i := range c.Rows {
		sum += c.Rows[i].Self
	}
	require.Equal(t, b.Duration-a.Duration, sum, "without anything in parallel the steps' own differences add up to the whole")

	back := Compare(held{a, b}, signal.CompareAsk{A: b.ID, B: a.ID}, why.Question{})
	require.Equal(t, [3]int{4, 1, 4}, [3]int{back.OnlyA, back.OnlyB, back.Both})
	same := Compare(held{a}, signal.CompareAsk{A: a.ID, B: a.ID}, why.Question{})
	require.Empty(t, same.Top)
	require.Equal(t, len(a.Spans), same.Both)
}

// TestEveryStepIsThereOnce whatever the two trees look like.
func TestEveryStepIsThereOnce(t *testing.T) {
	texts := []string{"a x 0+1", "a x 0+9\n  b y 1+1\n  b y 2+1\n  c z 3+1\n    b y 3+1", "a x 0+9\n  c z 1+1\n  b y 2+1", "b y 0+1\nb y 3+1\nc z 4+1", "c z 0+4\nb y 5+1\n  a x 5+1"}
	for i, x := range texts {
		for k, y := range texts {
			a, b := trace(1, start, x), trace(2, start, y)
			c := Compare(held{a, b}, signal.CompareAsk{A: a.ID, B: b.ID}, why.Question{})
			var as, bs []signal.SpanID
			for _, r := range c.Rows {
				if r.A != nil {
					as = append(as, r.A.Span.SpanID)
				}
				if r.B != nil {
					bs = append(bs, r.B.Span.SpanID)
				}
			}
			require.Len(t, as, len(a.Spans), "%d with %d", i, k)
			require.Len(t, bs, len(b.Spans), "%d with %d", i, k)
			require.Len(t, slices.Compact(slices.SortedFunc(slices.Values(bs), func(a, b signal.SpanID) int { return slices.Compare(a[:], b[:]) })), len(bs))
		}
	}
}

func TestTheTypicalRequestIsAHealthyOneFromBefore(t *testing.T) {
	var all held
	add := func(at int, text string) *signal.Trace {
		x := trace(byte(len(all)+1), start.Add(time.Duration(at)*time.Second), text)
		all = append(all, x)
		return x
	}
	add(0, "gateway checkout 0+10")
	add(10, "gateway checkout 0+30")
	middle := add(11, "gateway checkout 0+40")
	add(12, "gateway checkout 0+41 failed")
	add(12, "gateway browse 0+42")
	add(13, "gateway checkout 0+90")
	bad := add(40, "gateway checkout 0+900 failed")
	other := add(41, "gateway pay 0+900 failed")
	q := why.Question{Baseline: signal.Window{From: start.Add(5 * time.Second), To: start.Add(20 * time.Second)}, Interest: signal.Window{From: start.Add(30 * time.Second), To: start.Add(50 * time.Second)}}
	ask := signal.CompareAsk{B: bad.ID, Typical: true}
	c := Compare(all, ask, q)
	require.Equal(t, middle.ID, c.A.ID)
	require.Contains(t, c.How, "the median of 3 healthy requests of the baseline, ")
	c = Compare(all, ask, why.Question{})
	require.Equal(t, all[1].ID, c.A.ID, "of all before it")
	require.Equal(t, "the median of 4 healthy requests of those before it", c.How)
	require.Equal(t, "no healthy request gateway pay is held to compare with", Compare(all, signal.CompareAsk{B: other.ID, Typical: true}, q).Err)
	require.Contains(t, Compare(all, signal.CompareAsk{B: signal.TraceID{9}, Typical: true}, q).Err, "is not held: evicted or not sampled")
	require.Contains(t, Compare(all, signal.CompareAsk{A: signal.TraceID{9}, B: bad.ID}, q).Err, "which was marked, is not held any more")
}
