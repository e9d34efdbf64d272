package kafka

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what must happen, on however slow a machine.
const patience = 30 * time.Second

func brokers(t testing.TB, more ...kfake.Opt) (*kfake.Cluster, string) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(2), kfake.SeedTopics(2, "orders", "other")}, more...)...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, "kafka://" + strings.Join(c.ListenAddrs(), ",")
}

func ask() protocol.Step {
	return protocol.Step{Name: "step", Timeout: patience, Keep: 1000, Names: func(name string) (int, bool) { return 0, name == "id" }}
}

func operation(t testing.TB, text string) *Operation {
	t.Helper()
	doc, err := spec.Parse("", []byte(text))
	require.NoError(t, err)
	var o Operation
	doc.Decode(&o)
	o.Validate(doc.Reportf)
	require.NoError(t, doc.Err())
	return &o
}

func prepare(t testing.TB, target string, s protocol.Step, steps ...string) *Protocol {
	t.Helper()
	p, err := New(target, protocol.Options{})
	require.NoError(t, err)
	for i, text := range steps {
		handle, err := p.Prepare(s, operation(t, text))
		require.NoError(t, err)
		require.Equal(t, i, handle)
	}
	return p
}

// worker is one worker with the values of its requests.
type worker struct {
	t      testing.TB
	client protocol.Client
	values template.Values
}

func newWorker(t testing.TB, ctx context.Context, p *Protocol) *worker {
	w := &worker{t: t, client: p.NewClient(ctx, time.Now())}
	t.Cleanup(w.client.Close)
	w.values = template.Values{Plan: rand.New(rand.NewPCG(1, 2)), Fresh: rand.New(rand.NewPCG(3, 4)), Slots: [][]byte{[]byte("7")}}
	return w
}

func (w *worker) do(step int) protocol.Outcome {
	var out protocol.Outcome
	w.client.Do(&protocol.Call{Values: w.values, Request: step, Trace: signal.TraceID{1}, Span: signal.SpanID{2}, Sampled: true}, &out)
	w.values.N++
	return out
}

func (w *worker) must(step int) protocol.Outcome {
	w.t.Helper()
	out := w.do(step)
	require.NoError(w.t, out.Err)
	require.Equal(w.t, protocol.OK, out.Kind)
	return out
}

// ends does a step until it ends in one of the kinds: on a slow machine its short time may be over before that.
func (w *worker) ends(step int, kinds ...protocol.Kind) (out protocol.Outcome) {
	w.t.Helper()
	for start := time.Now(); ; {
		if out = w.do(step); slices.Contains(kinds, out.Kind) {
			return out
		}
		require.Less(w.t, time.Since(start), patience, "step %d: %v: %v", step, out.Kind, out.Err)
	}
}

const produceAll = `produce: {topic: orders, key: "k{{n}}", value: "order {{id}}", headers: {kind: "{{id}}x"}}`

func TestProduceAndConsume(t *testing.T) {
	_, target := brokers(t)
	p := prepare(t, target, ask(), produceAll, "consume: {topic: orders, from: start, records: 3}",
		"produce: {topic: orders, value: v, acks: leader, compression: gzip, linger: 5ms, batchSize: 2000}",
		"produce: {topic: orders, value: v, acks: none, compression: zstd}",
		"consume: {topic: orders, from: start, group: g, records: 5}")
	w := newWorker(t, t.Context(), p)
	for range 3 {
		out := w.must(0)
		require.Equal(t, 1.0, out.Extra[extraRecords])
		require.Positive(t, out.Phases.Wait)
	}
	out := w.must(1)
	require.Equal(t, 3.0, out.Extra[extraRecords])
	require.Zero(t, out.Extra[extraLag])
	require.Positive(t, out.Extra[extraEndToEnd])
	require.Equal(t, int64(3*len("k0order 7")), out.Received)
	require.Equal(t, "order 7", string(out.Body))
	require.Contains(t, string(out.Head), "kind: 7x\r\n")
	require.Contains(t, string(out.Head), "traceparent: 00-01000000000000000000000000000000-0200000000000000-01\r\n")
	require.Contains(t, string(out.Head), "X-Correlation-ID: 01000000000000000000000000000000\r\n")
	w.must(2)
	w.must(3)
	out = w.must(4)
	require.Equal(t, 5.0, out.Extra[extraRecords])
	require.Positive(t, out.Phases.Connect, "joining the group")
}

func TestConsumersSeeTheirLag(t *testing.T) {
	_, target := brokers(t)
	p := prepare(t, target, ask(), `produce: {topic: orders, key: same, value: v}`, "consume: {topic: orders, from: start, records: 4}")
	w := newWorker(t, t.Context(), p)
	for range 10 {
		w.must(0)
	}
	require.Equal(t, 6.0, w.must(1).Extra[extraLag])
	require.Equal(t, 2.0, w.must(1).Extra[extraLag])
	for range 2 {
		w.must(0)
	}
	require.Equal(t, 0.0, w.must(1).Extra[extraLag])
}

func TestConsumingFromTheEnd(t *testing.T) {
	_, target := brokers(t)
	s := ask()
	p := prepare(t, target, s, produceAll)
	s.Timeout = 300 * time.Millisecond
	_, err := p.Prepare(s, operation(t, "consume: {topic: orders}"))
	require.NoError(t, err)
	reads, writes := newWorker(t, t.Context(), p), newWorker(t, t.Context(), p)
	writes.must(0)
	out := reads.do(1)
	require.Equal(t, protocol.Timeout, out.Kind)
	require.EqualError(t, out.Err, "got 0 of 1 records in time")
	require.Eventually(t, func() bool { writes.must(0); return reads.do(1).Kind == protocol.OK }, patience, time.Millisecond)
}

func TestRoundtrips(t *testing.T) {
	_, target := brokers(t)
	p := prepare(t, target, ask(), produceAll, `roundtrip: {topic: orders, value: "round {{n}}"}`)
	first := newWorker(t, t.Context(), p)
	first.must(0) // records that nobody waits for
	var all sync.WaitGroup
	for range 8 {
		w := newWorker(t, t.Context(), p)
		all.Go(func() {
			for i := range 20 {
				out := w.do(1)
				if out.Kind != protocol.OK || string(out.Body) != fmt.Sprintf("round %d", i) || out.Extra[extraEndToEnd] <= 0 {
					t.Errorf("%+v", out)
				}
			}
		})
	}
	all.Wait()
	out := first.must(1)
	require.Contains(t, string(out.Head), roundtripHeader)
	require.LessOrEqual(t, out.Extra[extraEndToEnd], (out.Done - out.Start).Seconds())
	require.LessOrEqual(t, out.Phases.Connect+out.Phases.Wait+out.Phases.Read, out.Done-out.Start)
}

func TestFailures(t *testing.T) {
	c, target := brokers(t)
	s := ask()
	s.Timeout = 2 * time.Second
	p := prepare(t, target, s, "produce: {topic: missing, value: v}", `produce: {topic: "{{id}}", value: v}`, "roundtrip: {topic: missing}",
		"consume: {topic: missing}", "produce: {topic: orders, value: '{{text 1000000}}', batchSize: 1024}")
	w := newWorker(t, t.Context(), p)
	for i := range 2 {
		out := w.ends(i, protocol.Status4xx)
		require.Equal(t, int(kerr.UnknownTopicOrPartition.Code), out.Status)
		require.ErrorContains(t, out.Err, "UNKNOWN_TOPIC_OR_PARTITION")
	}
	for i := 2; i < 4; i++ {
		out := w.do(i)
		require.True(t, out.Kind.Failed(), "%v", out.Err)
		require.Less(t, out.Done-out.Start, patience)
	}
	out := w.ends(4, protocol.Status4xx)
	require.ErrorContains(t, out.Err, "MESSAGE_TOO_LARGE")

	// A broker that takes requests and never answers.
	stop := make(chan struct{})
	defer close(stop)
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		c.SleepControl(func() { <-stop })
		return nil, nil, false
	})
	s.Timeout = 300 * time.Millisecond
	p = prepare(t, target, s, produceAll)
	out = newWorker(t, t.Context(), p).do(0)
	require.Equal(t, protocol.Timeout, out.Kind)
	require.EqualError(t, out.Err, "not acknowledged in time")
	require.Less(t, out.Done-out.Start, patience)
}

func TestInterruption(t *testing.T) {
	_, target := brokers(t)
	p := prepare(t, target, ask(), "consume: {topic: orders}", "consume: {topic: orders, group: g}", "roundtrip: {topic: missing}")
	for step := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		w := newWorker(t, ctx, p)
		time.AfterFunc(100*time.Millisecond, cancel)
		out := w.do(step)
		require.Equal(t, protocol.Interrupted, out.Kind, "%v", out.Err)
		require.Less(t, out.Done-out.Start, patience)
		w.client.Close()
		w.client.Close()
	}
}

func TestHostileBrokers(t *testing.T) {
	garbage := make([]byte, 4096)
	for i := range garbage {
		garbage[i] = byte(i*7 + i>>8)
	}
	for name, c := range map[string]struct {
		reply []byte
		close bool
		kinds []protocol.Kind
	}{
		"silence":         {nil, false, []protocol.Kind{protocol.Timeout}},
		"closes":          {nil, true, []protocol.Kind{protocol.Closed, protocol.Reset}},
		"garbage":         {garbage, false, []protocol.Kind{protocol.BadResponse, protocol.Timeout}},
		"enormous answer": {[]byte{0x7f, 0xff, 0xff, 0xff, 0}, false, []protocol.Kind{protocol.BadResponse}},
		"not Kafka":       {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), true, []protocol.Kind{protocol.BadResponse}},
		"empty answer":    {[]byte{0, 0, 0, 0}, true, []protocol.Kind{protocol.BadResponse, protocol.Closed, protocol.Reset}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			var all sync.WaitGroup
			all.Go(func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					all.Go(func() {
						defer conn.Close()
						_, _ = conn.Read(make([]byte, 1000))
						_, _ = conn.Write(c.reply)
						if !c.close {
							_, _ = io.Copy(io.Discard, conn)
						}
					})
				}
			})
			s := ask()
			s.Timeout = 500 * time.Millisecond
			p := prepare(t, "kafka://user:hunter2@"+l.Addr().String(), s, produceAll, "consume: {topic: orders, group: g}", "roundtrip: {topic: orders}")
			w := newWorker(t, t.Context(), p)
			for step := range 3 {
				out := w.ends(step, c.kinds...)
				require.Less(t, out.Done-out.Start, patience)
				require.NotContains(t, out.Err.Error(), "hunter2")
			}
			w.client.Close()
			require.NoError(t, l.Close())
			all.Wait()
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	s := ask()
	s.Timeout = 300 * time.Millisecond
	steps := []string{produceAll, "consume: {topic: orders}", "roundtrip: {topic: orders}"}
	w := newWorker(t, t.Context(), prepare(t, "kafka://"+l.Addr().String(), s, steps...))
	for step := range steps {
		w.ends(step, protocol.Refused)
	}
}

func TestLogins(t *testing.T) {
	_, target := brokers(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "a", "s3cr&t/p@ss"), kfake.Superuser("SCRAM-SHA-256", "b", "hunter2"))
	hosts := strings.TrimPrefix(target, "kafka://")
	for login, want := range map[string]protocol.Kind{
		"a:s3cr&t%2Fp%40ss@" + hosts:                  protocol.OK,
		"b:hunter2@" + hosts + "?sasl=scram-sha-256":  protocol.OK,
		"b:hunter22@" + hosts + "?sasl=scram-sha-256": protocol.Closed, // kfake hangs up, Kafka says why
	} {
		s := ask()
		s.Timeout = 3 * time.Second
		newWorker(t, t.Context(), prepare(t, "kafka://"+login, s, produceAll)).ends(0, want)
	}
}

func TestConfigIsStrict(t *testing.T) {
	for text, want := range map[string]string{
		"{}": "give one of",
		"produce: {topic: a}\nconsume: {topic: b}":       "give one of",
		"produce: {topic: ''}":                           "must not be empty",
		"produce: {value: a}":                            "topic",
		"produce: {topic: a, key: '{{x'}":                "is not closed",
		"produce: {topic: a, headers: {Traceparent: b}}": "cannot be set",
		"produce: {topic: a, acks: some}":                "is not one of",
		"produce: {topic: a, linger: 2h}":                "is not from",
		"produce: {topic: a, batchSize: 5}":              "are not from",
		"roundtrip: {topic: '{{n}}'}":                    "must not hold",
		"roundtrip: {topic: a, acks: none}":              "must not be none",
		"consume: {topic: a, records: -1}":               "is not from",
		"consume: {topic: '{{n}}'}":                      "without {{values}}",
	} {
		doc, err := spec.Parse("", []byte(text))
		require.NoError(t, err)
		var o Operation
		doc.Decode(&o)
		o.Validate(doc.Reportf)
		require.ErrorContains(t, doc.Err(), want, text)
	}
	_, err := spec.Schema("operation", &Operation{})
	require.NoError(t, err)
	for target, want := range map[string]string{
		"http://u:hunter2@h":             "must start with kafka",
		"kafka://u:hunter2@":             "has no host",
		"kafka://u:hunter2@h,":           "has no host",
		"kafka://u:hunter2@h:1/x":        "must end after the port",
		"kafka://u:hunter2@h?sasl=magic": "sasl must be",
		"kafka://u:hunter2@h?a=b":        "is not known",
		"kafka://u:%zz@h":                "percent-encoded",
		"kafka://h:0":                    "not from 1 to 65535",
	} {
		_, err := New(target, protocol.Options{})
		require.ErrorContains(t, err, want, target)
		require.NotContains(t, err.Error(), "hunter2")
	}
	p, err := New("kafka://a,b:1,[::1]:2", protocol.Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"a:9092", "b:1", "[::1]:2"}, p.target.brokers)
}

func BenchmarkProduce(b *testing.B) {
	_, target := brokers(b)
	w := newWorker(b, b.Context(), prepare(b, target, protocol.Step{Name: "s", Timeout: patience}, "produce: {topic: orders, value: 'order {{n}}'}"))
	b.ReportAllocs()
	for b.Loop() {
		w.must(0)
	}
}
