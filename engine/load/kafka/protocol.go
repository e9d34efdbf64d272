package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// Protocol is the steps of one plan against one cluster.
type Protocol struct {
	target *target
	steps  []*step
	shared shared
}

// step is one operation, ready to be done.
type step struct {
	timeout   time.Duration
	keep      int
	consume   *Consume
	roundtrip bool
	topic     *template.Template
	key       *template.Template // nil without one
	value     *template.Template
	headers   []header
	settings  settings
}

type header struct {
	name  string
	value *template.Template
}

// settings are what a producer is made with. Steps with the same share one.
type settings struct {
	acks, compression string
	linger            time.Duration
	batch             int
}

// New prepares for a target such as "kafka://127.0.0.1:9092" or "kafka://user:password@a:9092,b:9092?sasl=scram-sha-256";
// kafkas:// is TLS.
func New(address string, o protocol.Options) (*Protocol, error) {
	t, err := parse(address, o)
	if err != nil {
		return nil, err
	}
	return &Protocol{target: t}, nil
}

// Prepare checks a step and returns the handle that Call.Request names it by.
func (p *Protocol) Prepare(s protocol.Step, c *Operation) (int, error) {
	made, err := compile(s, c)
	if err != nil {
		return 0, fmt.Errorf("prepare step %q: %w", s.Name, err)
	}
	p.steps = append(p.steps, made)
	return len(p.steps) - 1, nil
}

func compile(s protocol.Step, c *Operation) (*step, error) {
	if err := dial.Check(s, c.Validate); err != nil {
		return nil, err
	}
	out := &step{timeout: s.Timeout, keep: s.Keep}
	if c.Consume != nil {
		consume := *c.Consume
		consume.Records = max(consume.Records, 1)
		out.consume = &consume
		return out, nil
	}
	r := c.Produce
	if r == nil {
		r, out.roundtrip = c.Roundtrip, true
	}
	out.settings = settings{acks: r.Acks, compression: r.Compression, linger: r.Linger, batch: r.BatchSize}
	var err error
	make := func(what, text string) *template.Template {
		t, fault := template.Compile(text, s.Names)
		if fault != nil && err == nil {
			err = fmt.Errorf("%s: %w", what, fault)
		}
		return t
	}
	out.topic, out.value = make("topic", r.Topic), make("value", r.Value)
	if r.Key != "" {
		out.key = make("key", r.Key)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		out.headers = append(out.headers, header{name, make("headers: "+name, r.Headers[name])})
	}
	return out, err
}

// options are what the library is told of the settings.
func (s settings) options() []kgo.Opt {
	codec := map[string]kgo.CompressionCodec{
		"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	chosen, ok := codec[s.compression]
	if !ok {
		chosen = kgo.NoCompression()
	}
	out := []kgo.Opt{kgo.ProducerLinger(s.linger), kgo.ProducerBatchCompression(chosen)}
	if s.batch > 0 {
		out = append(out, kgo.ProducerBatchMaxBytes(int32(s.batch)))
	}
	switch s.acks {
	case "leader":
		out = append(out, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	case "none":
		out = append(out, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	}
	return out
}

// Extras are records produced or consumed, what a consumer was behind by, and the time from a record's making to its
// consumption.
func (p *Protocol) Extras() []protocol.Extra {
	return []protocol.Extra{{Name: "records"}, {Name: "consumer lag", Max: true}, {Name: "end to end", Unit: "s", Max: true}}
}

// The places of the Extras in an Outcome.
const (
	extraRecords = iota
	extraLag
	extraEndToEnd
)

// NewClient makes the client of one worker. It connects with its first request. What workers share lives until the last
// of them is closed.
func (p *Protocol) NewClient(ctx context.Context, epoch time.Time) protocol.Client {
	p.shared.join()
	return &Client{proto: p, ctx: ctx, epoch: epoch, consumers: make([]*consumer, len(p.steps))}
}
