package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"gameday/engine/load/protocol"
)

// Client is one worker.
type Client struct {
	proto     *Protocol
	ctx       context.Context
	epoch     time.Time
	consumers []*consumer // by step
	kept      []byte
	head      []byte
	closed    bool
}

func (c *Client) now() time.Duration { return time.Since(c.epoch) }

// Do does one step, at most for its timeout.
func (c *Client) Do(call *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Start: c.now()}
	s := c.proto.steps[call.Request]
	ctx, cancel := context.WithDeadline(c.ctx, c.epoch.Add(out.Start+s.timeout))
	defer cancel()
	var err error
	var h *health
	late := "not acknowledged in time"
	switch {
	case s.consume != nil:
		h, late, err = c.consume(ctx, call.Request, s, out)
	case s.roundtrip:
		h, late, err = c.roundtrip(ctx, call, s, out)
	default:
		h, err = c.produce(ctx, call, s, out)
	}
	out.Done = c.now()
	switch {
	case err == nil:
		if h != nil {
			_, out.Dials, _ = h.take()
		}
	case c.ctx.Err() != nil:
		out.Kind, out.Err = protocol.Interrupted, c.ctx.Err()
	case h == nil:
		out.Kind, out.Err = protocol.Unsendable, err
	default:
		out.Kind, out.Status, out.Err = c.proto.target.failure(err, h, late)
	}
}

// produce produces one record. Wait is until it was acknowledged.
func (c *Client) produce(ctx context.Context, call *protocol.Call, s *step, out *protocol.Outcome) (*health, error) {
	p, err := c.proto.shared.producer(c.proto.target, s.settings)
	if err != nil {
		return nil, err
	}
	start := c.now()
	err = p.send(ctx, s.record(call, ""))
	out.Phases.Wait = c.now() - start
	if err == nil {
		out.Extra[extraRecords] = 1
	}
	return &p.health, err
}

// roundtrip produces one record and waits until it is consumed. Connect is the waiting until the topic is read, Wait
// until the record was acknowledged, Read from there to its consumption.
func (c *Client) roundtrip(ctx context.Context, call *protocol.Call, s *step, out *protocol.Outcome) (*health, string, error) {
	topic := string(s.topic.Append(nil, &call.Values))
	r := c.proto.shared.reader(c.proto.target, topic)
	start := c.now()
	select {
	case <-r.ready:
	case <-ctx.Done():
		return &r.health, "the topic could not be read in time", ctx.Err()
	}
	p, err := c.proto.shared.producer(c.proto.target, s.settings)
	if err != nil {
		return nil, "", err
	}
	mark, arrived := r.expect()
	defer r.forget(mark)
	handed := c.now()
	out.Phases.Connect = handed - start
	if err := p.send(ctx, s.record(call, mark)); err != nil {
		return &p.health, "not acknowledged in time", err
	}
	acknowledged := c.now()
	out.Phases.Wait = acknowledged - handed
	select {
	case a := <-arrived:
		at := a.at.Sub(c.epoch)
		out.Phases.Read = max(at-acknowledged, 0)
		out.Extra[extraRecords], out.Extra[extraLag], out.Extra[extraEndToEnd] = 1, float64(a.lag), (at - handed).Seconds()
		c.note(a.record, s.keep, out)
		return &p.health, "", nil
	case <-ctx.Done():
		return &r.health, "acknowledged, but not consumed in time", ctx.Err()
	}
}

// record is the record of one request. The library owns it from then on.
func (s *step) record(call *protocol.Call, mark string) *kgo.Record {
	r := &kgo.Record{Topic: string(s.topic.Append(nil, &call.Values)), Value: s.value.Append(nil, &call.Values)}
	if s.key != nil {
		r.Key = s.key.Append(nil, &call.Values)
	}
	r.Headers = make([]kgo.RecordHeader, 0, len(s.headers)+3)
	for i := range s.headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: s.headers[i].name, Value: s.headers[i].value.Append(nil, &call.Values)})
	}
	parent := call.AppendTraceparent(make([]byte, 0, protocol.TraceparentLength))
	id := call.AppendCorrelationID(make([]byte, 0, protocol.CorrelationLength))
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: "traceparent", Value: parent}, kgo.RecordHeader{Key: "X-Correlation-ID", Value: id})
	if mark != "" {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: roundtripHeader, Value: []byte(mark)})
	}
	return r
}

// note adds a record that was consumed to the outcome. Of several, the last one's value and headers are kept.
func (c *Client) note(r *kgo.Record, keep int, out *protocol.Outcome) {
	out.Received += int64(len(r.Key) + len(r.Value))
	if keep <= 0 {
		return
	}
	c.kept = append(c.kept[:0], r.Value[:min(len(r.Value), keep)]...)
	c.head = c.head[:0]
	for _, h := range r.Headers {
		if len(c.head)+len(h.Key)+len(h.Value) > keep {
			break
		}
		c.head = fmt.Appendf(c.head, "%s: %s\r\n", h.Key, h.Value)
	}
	out.Body, out.Head = c.kept, c.head
}

// consumer is one worker's for one step.
type consumer struct {
	client   *cluster
	health   health
	assigned atomic.Int64 // when it first had partitions, since the epoch
	lag      map[place]int64
}

type place struct {
	topic     string
	partition int32
}

func (c *Client) consumer(step int, s *step) (*consumer, error) {
	if k := c.consumers[step]; k != nil {
		return k, nil
	}
	k := &consumer{lag: map[place]int64{}}
	from := kgo.NewOffset().AtEnd()
	if s.consume.From == "start" {
		from = kgo.NewOffset().AtStart()
	}
	options := []kgo.Opt{kgo.ConsumeTopics(s.consume.Topic), kgo.ConsumeStartOffset(from), kgo.ConsumeResetOffset(from)}
	if s.consume.Group != "" {
		options = append(options, kgo.ConsumerGroup(s.consume.Group),
			kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) {
				k.assigned.CompareAndSwap(0, int64(c.now()))
			}))
	}
	var err error
	if k.client, err = c.proto.target.open(&k.health, options...); err != nil {
		return nil, err
	}
	c.consumers[step] = k
	return k, nil
}

// consume waits for the next records. Wait is until the first of them has come, Read from there to the last; for the
// first request of a member of a group, Connect is until it has been given partitions.
func (c *Client) consume(ctx context.Context, step int, s *step, out *protocol.Outcome) (*health, string, error) {
	out.Reused = c.consumers[step] != nil
	k, err := c.consumer(step, s)
	if err != nil {
		return nil, "", err
	}
	start, first := c.now(), time.Duration(0)
	got := 0
	for got < s.consume.Records {
		fetches := k.client.PollRecords(ctx, s.consume.Records-got)
		at := time.Now()
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, r := range p.Records {
				got++
				c.note(r, s.keep, out)
				out.Extra[extraEndToEnd] = max(out.Extra[extraEndToEnd], at.Sub(r.Timestamp).Seconds())
				k.lag[place{p.Topic, p.Partition}] = max(p.HighWatermark-r.Offset-1, 0)
			}
		})
		if got > 0 && first == 0 {
			first = at.Sub(c.epoch)
		}
		if got >= s.consume.Records {
			break
		}
		if err = c.pollError(ctx, k, fetches); err != nil {
			break
		}
	}
	c.consumed(k, start, first, got, out)
	return &k.health, fmt.Sprintf("got %d of %d records in time", got, s.consume.Records), err
}

// pollError is what ends the waiting for records.
func (c *Client) pollError(ctx context.Context, k *consumer, fetches kgo.Fetches) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var fatal error
	fetches.EachError(func(_ string, _ int32, err error) {
		k.health.see(err)
		if errors.Is(err, kgo.ErrClientClosed) {
			fatal = err
		}
	})
	return fatal
}

func (c *Client) consumed(k *consumer, start, first time.Duration, got int, out *protocol.Outcome) {
	end := c.now()
	if first == 0 {
		first = end
	}
	if assigned := time.Duration(k.assigned.Load()); assigned > start && assigned <= first {
		out.Phases.Connect = assigned - start
		start = assigned
	}
	out.Phases.Wait, out.Phases.Read = first-start, end-first
	out.Extra[extraRecords] = float64(got)
	for _, n := range k.lag {
		out.Extra[extraLag] += float64(n)
	}
}

// Close gives up what is the worker's own, and with the last worker what they share.
func (c *Client) Close() {
	if c.closed {
		return
	}
	c.closed = true
	for _, k := range c.consumers {
		if k != nil {
			k.client.Close()
		}
	}
	c.proto.shared.leave()
}
