package calls

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func span(n, parent byte, service string, from, took int) signal.Span {
	s := signal.Span{SpanID: signal.SpanID{n}, Service: service, Start: start.Add(time.Duration(from) * time.Millisecond), Duration: time.Duration(took) * time.Millisecond}
	if parent != 0 {
		s.ParentID = signal.SpanID{parent}
	}
	return s
}

// TestSelfIsWhatChildrenLeave: what they do at once counts once, what outlives the caller not at all, and a wrong clock is put right.
func TestSelfIsWhatChildrenLeave(t *testing.T) {
	for name, c := range map[string]struct {
		spans []signal.Span
		want  int // of the first, in ms
	}{
		"alone":       {[]signal.Span{span(1, 0, "a", 0, 100)}, 100},
		"in a row":    {[]signal.Span{span(1, 0, "a", 0, 100), span(2, 1, "a", 10, 20), span(3, 1, "a", 50, 30)}, 50},
		"at once":     {[]signal.Span{span(1, 0, "a", 0, 100), span(2, 1, "a", 10, 50), span(3, 1, "a", 20, 20), span(4, 1, "a", 40, 40)}, 30},
		"outlives":    {[]signal.Span{span(1, 0, "a", 0, 100), span(2, 1, "a", 80, 500)}, 80},
		"clock":       {[]signal.Span{span(1, 0, "a", 0, 100), span(2, 1, "b", -5000, 60)}, 40},
		"before it":   {[]signal.Span{span(1, 0, "a", 0, 100), span(2, 1, "a", -5000, 60)}, 100},
		"grandchild":  {[]signal.Span{span(1, 0, "a", 0, 100), span(2, 1, "a", 0, 60), span(3, 2, "a", 0, 60)}, 40},
		"own parent":  {[]signal.Span{span(1, 1, "a", 0, 100)}, 100},
		"all of it":   {[]signal.Span{span(1, 0, "a", 0, 100), span(2, 1, "b", 0, 100)}, 0},
		"less than 0": {[]signal.Span{span(1, 0, "a", 0, -10)}, 0},
	} {
		require.Equal(t, time.Duration(c.want)*time.Millisecond, Take(c.spans).Self[0], name)
	}
}

func TestFailuresBeginWhereNothingBelowFailed(t *testing.T) {
	spans := []signal.Span{span(1, 0, "a", 0, 100), span(2, 1, "a", 0, 60), span(3, 2, "b", 0, 60), span(4, 1, "c", 0, 60)}
	spans[0].Failed, spans[2].Failed, spans[3].Failed = true, true, true
	r := Take(spans)
	require.Equal(t, []bool{false, false, true, true}, r.Origins())
	require.Equal(t, []bool{true, true, false, false}, r.Above([]bool{false, false, true, false}))
}

// TestARequestLeavesNothingBehind for the next one that is taken apart in its memory.
func TestARequestLeavesNothingBehind(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var again Request
	for range 300 {
		n := rng.IntN(40)
		var spans []signal.Span
		for i := range n {
			s := span(byte(i+1), byte(rng.IntN(n+2)), string(rune('a'+rng.IntN(3))), rng.IntN(100), rng.IntN(100))
			s.Failed = rng.IntN(3) == 0
			spans = append(spans, s)
		}
		again.Reset(spans)
		once := Take(spans)
		require.Equal(t, append([]int{}, once.Parent...), append([]int{}, again.Parent...))
		require.Equal(t, append([]time.Duration{}, once.Self...), append([]time.Duration{}, again.Self...))
		require.Len(t, again.Children, n)
		for i := range n {
			require.Equal(t, append([]int{}, once.Children[i]...), append([]int{}, again.Children[i]...))
		}
		require.Equal(t, once.Origins(), again.Origins())
	}
}

// TestPeersAreKnownByWhereTheyAnswer, by what the call says, and only then by its name.
func TestPeersAreKnownByWhereTheyAnswer(t *testing.T) {
	client := func(n byte, name string, attrs ...string) signal.Span {
		s := span(n, 0, "a", 0, 10)
		s.Name, s.Kind = name, signal.SpanClient
		for i := 0; i < len(attrs); i += 2 {
			s.Attrs = append(s.Attrs, signal.Attr{Key: attrs[i], Value: attrs[i+1]})
		}
		return s
	}
	p := NewPeers()
	for i, to := range []string{"b", "b", "c"} {
		call := client(1, []string{"GET", "pay", "GET"}[i], "server.address", "h"+to, "server.port", "80")
		p.Learn(Take([]signal.Span{call, span(2, 1, to, 1, 5)}))
	}
	of := func(s signal.Span) string { return p.Of(Take([]signal.Span{s}), 0).Peer }
	require.Equal(t, "c", of(client(1, "any", "net.peer.name", "hc", "net.peer.port", "80")), "by address, in the old words")
	require.Equal(t, "b", of(client(1, "pay")), "by name")
	require.Equal(t, "", of(client(1, "GET")), "two services answer to it")
	require.Equal(t, "bank", of(client(1, "pay", "peer.service", "bank")))
	require.Equal(t, "postgresql", of(client(1, "SELECT", "db.system.name", "postgresql", "server.address", "db")))
	require.Equal(t, "hx:1", of(client(1, "GET", "server.address", "hx", "server.port", "1")))
	require.Equal(t, "", of(span(1, 0, "a", 0, 1)), "no call")
	require.Equal(t, "", p.Known(HintOf(&signal.Span{Service: "a", Name: "pay", Kind: signal.SpanClient})), "a name is a guess")
}
