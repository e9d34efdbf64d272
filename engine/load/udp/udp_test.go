package udp

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/engine/load/payload"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve calls answer for each datagram; what answer gives to reply goes back.
func serve(t testing.TB, answer func(datagram []byte, reply func([]byte))) (target string) {
	t.Helper()
	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	var done sync.WaitGroup
	done.Go(func() {
		for buf := make([]byte, 1<<16); ; {
			n, from, err := s.ReadFrom(buf)
			if err != nil {
				return
			}
			answer(bytes.Clone(buf[:n]), func(b []byte) { _, _ = s.WriteTo(b, from) })
		}
	})
	t.Cleanup(func() { _ = s.Close(); done.Wait() })
	return "udp://" + s.LocalAddr().String()
}

func echo(b []byte, reply func([]byte)) { reply(b) }

func client(t testing.TB, target string, d Datagrams, s protocol.Step) protocol.Client {
	t.Helper()
	p, err := New(target, protocol.Options{})
	require.NoError(t, err)
	s.Name = "step"
	if s.Timeout == 0 {
		s.Timeout = 30 * time.Second
	}
	handle, err := p.Prepare(s, &d)
	require.NoError(t, err)
	require.Zero(t, handle)
	require.Len(t, p.Extras(), 4)
	c := p.NewClient(t.Context(), time.Now())
	t.Cleanup(c.Close)
	return c
}

func do(c protocol.Client, n uint64) protocol.Outcome {
	var out protocol.Outcome
	call := protocol.Call{Values: template.Values{N: n, Plan: rand.New(rand.NewPCG(1, 1)), Fresh: rand.New(rand.NewPCG(2, 2))}}
	c.Do(&call, &out)
	return out
}

func TestDatagramsAreAnswered(t *testing.T) {
	c := client(t, serve(t, echo), Datagrams{Send: "ping {{n}}", Expect: payload.Expect{Echo: true}}, protocol.Step{Keep: 4})
	for n := range uint64(3) {
		out := do(c, n)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.EqualValues(t, 6, out.Received)
		require.Equal(t, "ping", string(out.Body))
		require.Equal(t, n > 0, out.Reused)
		require.Positive(t, out.Phases.Write)
		require.Positive(t, out.Phases.Wait)
		require.Zero(t, out.Extra)
	}
}

func TestABurstAtIntervals(t *testing.T) {
	for name, d := range map[string]Datagrams{
		"all at once":  {Send: "{{seq}}", Count: 20, Sequence: Sequence{Regex: `(\d+)`}},
		"at intervals": {Send: "ping {{seq}} {{n}}", Count: 5, Interval: 4 * time.Millisecond, Sequence: Sequence{Regex: `^ping (\d+)`}},
		"binary":       {Send: "hex:ffffffff", Count: 20, Sequence: Sequence{Offset: 2, Bytes: 4, Order: "little"}},
		"two bytes":    {Send: "x", Count: 20, Sequence: Sequence{Bytes: 2}},
		"eight bytes":  {Send: "x", Count: 20, Sequence: Sequence{Bytes: 8}},
		"unnumbered":   {Send: "x", Count: 20},
		"in groups":    {Send: "x", Count: 150, Sequence: Sequence{Bytes: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			d.Expect.Echo = true
			c := client(t, serve(t, echo), d, protocol.Step{})
			for range 3 {
				out := do(c, 0)
				require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
				require.Zero(t, out.Extra)
				require.GreaterOrEqual(t, out.Done-out.Start, time.Duration(d.Count-1)*d.Interval)
			}
		})
	}
}

func TestLostDatagramsAreCounted(t *testing.T) {
	i := 0
	target := serve(t, func(b []byte, reply func([]byte)) {
		if i++; i%5 != 0 {
			reply(b)
		}
	})
	d := Datagrams{Send: "{{seq}}", Count: 10, Sequence: Sequence{Regex: `(\d+)`}}
	out := do(client(t, target, d, protocol.Step{Timeout: 200 * time.Millisecond}), 0)
	require.Equal(t, protocol.Timeout, out.Kind)
	require.EqualError(t, out.Err, "2 of 10 datagrams were not answered in time")
	require.Equal(t, [4]float64{2, 0, 0, 0}, out.Extra)
	d.AllowLost = 2
	out = do(client(t, target, d, protocol.Step{Timeout: 200 * time.Millisecond}), 0)
	require.Equal(t, protocol.OK, out.Kind)
	require.Equal(t, [4]float64{2, 0, 0, 0}, out.Extra)
}

func TestDuplicateAndReorderedAnswersAreCounted(t *testing.T) {
	var held [][]byte
	target := serve(t, func(b []byte, reply func([]byte)) {
		if held = append(held, b); len(held) < 4 {
			return
		}
		for _, i := range []int{1, 0, 1, 3, 2} { // 0 and 2 are overtaken, 1 comes twice
			reply(held[i])
		}
		held = nil
	})
	c := client(t, target, Datagrams{Send: "{{seq}}", Count: 4, Sequence: Sequence{Regex: `(\d+)`}}, protocol.Step{})
	for range 3 {
		out := do(c, 0)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.Equal(t, [4]float64{0, 0, 1, 2}, out.Extra)
	}
}

func TestLateAnswersBelongToNoLaterStep(t *testing.T) {
	for name, d := range map[string]Datagrams{
		"numbered": {Send: "{{seq}} {{n}}", Sequence: Sequence{Regex: `(\d+)`}, Expect: payload.Expect{Echo: true}},
		"unknown":  {Send: "{{n}}", Expect: payload.Expect{Echo: true}},
	} {
		t.Run(name, func(t *testing.T) {
			var held []byte
			target := serve(t, func(b []byte, reply func([]byte)) {
				if held == nil {
					held = b
					return
				}
				reply(held)
				reply(held)
				reply(b)
			})
			p, err := New(target, protocol.Options{})
			require.NoError(t, err)
			for _, timeout := range []time.Duration{50 * time.Millisecond, 30 * time.Second} {
				_, err = p.Prepare(protocol.Step{Name: "s", Timeout: timeout}, &d)
				require.NoError(t, err)
			}
			c := p.NewClient(t.Context(), time.Now())
			defer c.Close()
			var out protocol.Outcome
			c.Do(&protocol.Call{Request: 0, Values: template.Values{N: 1}}, &out)
			require.Equal(t, protocol.Timeout, out.Kind)
			require.EqualValues(t, 1, out.Extra[0])
			if name == "unknown" { // the socket is a new one, so the answers to it are only the server's to the new step
				require.True(t, c.(*Client).owed)
				return
			}
			c.Do(&protocol.Call{Request: 1, Values: template.Values{N: 2}}, &out)
			require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
			require.Equal(t, [4]float64{0, 1, 1, 0}, out.Extra, "the late answer came twice")
		})
	}
}

func TestAnAnswerThatMayComeLateCostsASocketWithoutNumbers(t *testing.T) {
	i := 0
	var late func()
	target := serve(t, func(b []byte, reply func([]byte)) {
		if i++; i == 1 {
			late = func() { reply([]byte("late")) }
			return
		}
		late()
		reply(b)
	})
	c := client(t, target, Datagrams{Send: "{{n}}", Expect: payload.Expect{Echo: true}}, protocol.Step{Timeout: 400 * time.Millisecond})
	require.Equal(t, protocol.Timeout, do(c, 1).Kind)
	out := do(c, 2)
	require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
	require.False(t, out.Reused)
}

func TestSendOnly(t *testing.T) {
	got := make(chan string, 10)
	target := serve(t, func(b []byte, reply func([]byte)) { got <- string(b); reply(b) })
	c := client(t, target, Datagrams{Send: "m{{seq}}", Count: 3, Interval: time.Millisecond, SendOnly: true}, protocol.Step{})
	for i := range 2 {
		out := do(c, 0)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.Zero(t, out.Received)
		require.Zero(t, out.Extra)
		for j := range 3 {
			require.Equal(t, fmt.Sprintf("m%d", 3*i+j), <-got)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	target := "udp://" + s.LocalAddr().String()
	require.NoError(t, s.Close())
	out := do(client(t, target, Datagrams{Send: "x"}, protocol.Step{Timeout: 5 * time.Second}), 0)
	require.Equal(t, protocol.Refused, out.Kind, "%v", out.Err)
	require.EqualValues(t, 1, out.Extra[0])
	out = do(client(t, "udp://no-such-host.invalid:1", Datagrams{Send: "x"}, protocol.Step{}), 0)
	require.Equal(t, protocol.Resolve, out.Kind, "%v", out.Err)
}

func TestHostileAnswers(t *testing.T) {
	numbered := Datagrams{Send: "{{seq}}", Sequence: Sequence{Regex: `n=(.*)`}}
	binary := Datagrams{Send: "xxxx", Sequence: Sequence{Bytes: 4}}
	for name, c := range map[string]struct {
		d      Datagrams
		answer []byte
		kind   protocol.Kind
	}{
		"too long":        {Datagrams{Send: "x", MaxBytes: 10}, make([]byte, 11), protocol.BadResponse},
		"no number":       {numbered, []byte("m=1"), protocol.BadResponse},
		"no digits":       {numbered, []byte("n="), protocol.BadResponse},
		"other digits":    {numbered, []byte("n=-1"), protocol.BadResponse},
		"too many digits": {numbered, []byte("n=99999999999999999999"), protocol.BadResponse},
		"never sent":      {numbered, []byte("n=12345"), protocol.BadResponse},
		"cut off":         {binary, []byte{0, 0}, protocol.BadResponse},
		"empty":           {binary, nil, protocol.BadResponse},
		"future":          {binary, []byte{0, 0, 1, 1}, protocol.BadResponse},
		"refused":         {Datagrams{Send: "x", Expect: payload.Expect{Exact: "y"}}, []byte("z"), protocol.CheckFailed},
		"empty is fine":   {Datagrams{Send: "x"}, nil, protocol.OK},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 30 * time.Second
			if c.kind == protocol.BadResponse {
				timeout = 100 * time.Millisecond
			}
			cl := client(t, serve(t, func(_ []byte, reply func([]byte)) { reply(c.answer) }), c.d, protocol.Step{Timeout: timeout})
			for range 2 {
				out := do(cl, 0)
				require.Equal(t, c.kind, out.Kind, "%v", out.Err)
				require.Equal(t, c.kind != protocol.OK, out.Err != nil)
			}
		})
	}
}

func TestSurplusWithoutNumbers(t *testing.T) {
	target := serve(t, func(b []byte, reply func([]byte)) {
		for range 10 {
			reply(b)
		}
	})
	c := client(t, target, Datagrams{Send: "x", Count: 3, Interval: 20 * time.Millisecond}, protocol.Step{})
	out := do(c, 0)
	require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
	require.Positive(t, out.Extra[2])
}

func TestInterruption(t *testing.T) {
	p, err := New(serve(t, func([]byte, func([]byte)) {}), protocol.Options{})
	require.NoError(t, err)
	_, err = p.Prepare(protocol.Step{Name: "s", Timeout: time.Hour}, &Datagrams{Send: "x"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	c := p.NewClient(ctx, time.Now())
	defer c.Close()
	time.AfterFunc(20*time.Millisecond, cancel)
	for range 2 {
		out := do(c, 0)
		require.Equal(t, protocol.Interrupted, out.Kind)
		require.Zero(t, out.Extra)
	}
}

func TestMistakesAreFoundBeforeTheRun(t *testing.T) {
	for want, d := range map[string]Datagrams{
		"nothing to send":         {},
		"send: ":                  {Send: "{{nonsense 1}}"},
		"count: 5000":             {Send: "x", Count: 5000},
		"interval: -1":            {Send: "x", Interval: -1},
		"when the step's timeout": {Send: "x", Count: 11, Interval: 100 * time.Millisecond},
		"allowLost: 2":            {Send: "x", AllowLost: 2},
		"maxBytes: -1":            {Send: "x", MaxBytes: -1},
		"expect.regex: ":          {Send: "x", Expect: payload.Expect{Regex: "("}},
		"sendOnly: ":              {Send: "x", SendOnly: true, Expect: payload.Expect{Exact: "y"}},
		"give sequence.regex":     {Send: "{{seq}}"},
		"does not hold {{seq}}":   {Send: "x", Sequence: Sequence{Regex: "(x)"}},
		"needs a group":           {Send: "{{ seq }}", Sequence: Sequence{Regex: "x"}},
		"regex: error":            {Send: "{{seq}}", Sequence: Sequence{Regex: "("}},
		"two ways":                {Send: "{{seq}}", Sequence: Sequence{Regex: "(x)", Bytes: 2}},
		"3 bytes are not":         {Send: "x", Sequence: Sequence{Bytes: 3}},
		"offset -1":               {Send: "x", Sequence: Sequence{Bytes: 2, Offset: -1}},
		"need bytes":              {Send: "x", Sequence: Sequence{Offset: 1}},
		"order \"middle\"":        {Send: "x", Sequence: Sequence{Bytes: 2, Order: "middle"}},
	} {
		p, err := New("udp://127.0.0.1:1", protocol.Options{})
		require.NoError(t, err)
		_, err = p.Prepare(protocol.Step{Name: "s", Timeout: time.Second}, &d)
		require.ErrorContains(t, err, want)
	}
	for _, target := range []string{"tcp://h:1", "udp://h", "udp://h:1/path"} {
		_, err := New(target, protocol.Options{})
		require.Error(t, err, target)
	}
	big := client(t, "udp://127.0.0.1:1", Datagrams{Send: "{{text 70000}}"}, protocol.Step{})
	require.Equal(t, protocol.Unsendable, do(big, 0).Kind)
}

func TestNumbersWrapRound(t *testing.T) {
	var y tally
	y.next = 1<<16 - 2
	y.begin(1<<16 - 1)
	for range 4 {
		y.send()
	}
	for shown, want := range map[uint64]uint64{65534: 65534, 65535: 65535, 0: 65536, 1: 65537} {
		n, ok := y.number(shown)
		require.True(t, ok)
		require.Equal(t, want, n)
		require.True(t, y.receive(n))
		require.False(t, y.receive(n))
	}
	_, ok := y.number(2)
	require.False(t, ok)
	_, ok = y.number(1 << 16)
	require.False(t, ok)
	require.Equal(t, 4, y.answered)
	require.Equal(t, 4, y.duplicates)
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	s, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	var done sync.WaitGroup
	defer done.Wait()
	defer func() { _ = s.Close() }()
	done.Go(func() {
		for buf := make([]byte, 100); ; {
			n, from, err := s.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = s.WriteToUDPAddrPort(buf[:n], from)
		}
	})
	c := client(t, "udp://"+s.LocalAddr().String(), Datagrams{Send: "hello {{n}}", Sequence: Sequence{Bytes: 4}}, protocol.Step{Keep: 100})
	var out protocol.Outcome
	call := protocol.Call{}
	require.Less(t, testing.AllocsPerRun(500, func() { c.Do(&call, &out) }), 0.5)
	require.Equal(t, protocol.OK, out.Kind)
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte("n=1"), uint64(5), byte(0))
	f.Add([]byte{0, 0, 0, 1}, uint64(5), byte(1))
	f.Fuzz(func(t *testing.T, answer []byte, sent uint64, kind byte) {
		s, err := []*Sequence{{Regex: `n=(\d+)`}, {Bytes: 4}, {Bytes: 2, Offset: 3, Order: "little"}, {Bytes: 8}}[kind%4].compile()
		require.NoError(t, err)
		var y tally
		y.next = sent % (1 << 40)
		y.begin(s.mask)
		count := y.send() + 1
		shown, err := s.find(answer)
		if err != nil {
			return
		}
		if n, ok := y.number(shown); ok {
			require.Less(t, n, count)
			require.Less(t, count-n, uint64(maxBurst)+1)
			require.Equal(t, shown, n&s.mask)
			y.receive(n)
			require.False(t, y.receive(n))
		}
	})
}
