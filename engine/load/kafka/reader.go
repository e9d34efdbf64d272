package kafka

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// roundtripHeader marks the records that a worker waits for.
const roundtripHeader = "gameday-roundtrip"

// again is the pause between attempts to find out where a topic ends.
const again = 200 * time.Millisecond

// reader reads a topic from its end, as it was when the reader began, for all workers that do round trips over it.
type reader struct {
	target *target
	topic  string
	health health
	ready  chan struct{} // closed once it reads: what is produced from then on will be seen
	end    context.CancelFunc
	done   chan struct{}
	next   atomic.Uint64
	prefix [8]byte // tells this run's records from those of others

	mu      sync.Mutex
	waiting map[string]chan<- arrival
	lag     map[int32]int64
}

// arrival is a record that has come out at the other end.
type arrival struct {
	record *kgo.Record
	at     time.Time
	lag    int64 // of all partitions
}

func newReader(t *target, topic string) *reader {
	ctx, end := context.WithCancel(context.Background())
	r := &reader{
		target: t, topic: topic, end: end, ready: make(chan struct{}), done: make(chan struct{}),
		waiting: map[string]chan<- arrival{}, lag: map[int32]int64{},
	}
	// The time alone would do: two runs do not begin in the same nanosecond against one topic.
	now := time.Now().UnixNano()
	for i := range r.prefix {
		r.prefix[i] = byte(now >> (8 * i))
	}
	go r.run(ctx)
	return r
}

func (r *reader) close() {
	r.end()
	<-r.done
}

// expect is the mark of a new record and where its arrival will be told. forget must be called in the end.
func (r *reader) expect() (mark string, arrived <-chan arrival) {
	n := r.next.Add(1)
	id := append([]byte(nil), r.prefix[:]...)
	for i := range 8 {
		id = append(id, byte(n>>(8*i)))
	}
	mark = hex.EncodeToString(id)
	c := make(chan arrival, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[mark] = c
	return mark, c
}

func (r *reader) forget(mark string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, mark)
}

// run finds out where the topic ends and reads from there on.
func (r *reader) run(ctx context.Context) {
	defer close(r.done)
	var client *cluster
	for client == nil {
		var err error
		if client, err = r.begin(ctx); err == nil {
			break
		}
		r.health.see(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
	defer client.Close()
	close(r.ready)
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		at := time.Now()
		fetches.EachError(func(_ string, _ int32, err error) { r.health.see(err) })
		fetches.EachPartition(func(p kgo.FetchTopicPartition) { r.take(&p.FetchPartition, at) })
	}
}

// begin makes a client that reads from where the topic ends now. Left to itself the library would find that out only
// after the first record had been produced.
func (r *reader) begin(ctx context.Context) (*cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	asking, err := r.target.open(&r.health)
	if err != nil {
		return nil, err
	}
	defer asking.Close()
	defer context.AfterFunc(ctx, asking.end)() // the library does not look at ctx while it waits for a first answer
	ends, err := endOffsets(ctx, asking.Client, r.topic)
	if err != nil {
		return nil, err
	}
	return r.target.open(&r.health, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: ends}))
}

// endOffsets asks for the offset that the next record of each partition will have.
func endOffsets(ctx context.Context, client *kgo.Client, topic string) (map[int32]kgo.Offset, error) {
	about := kmsg.NewMetadataRequest()
	wanted := kmsg.NewMetadataRequestTopic()
	wanted.Topic = kmsg.StringPtr(topic)
	about.Topics = append(about.Topics, wanted)
	known, err := about.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("look the topic up: %w", err)
	}
	list := kmsg.NewListOffsetsRequest()
	of := kmsg.NewListOffsetsRequestTopic()
	of.Topic = topic
	for _, t := range known.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, fmt.Errorf("look the topic up: %w", err)
		}
		for _, p := range t.Partitions {
			one := kmsg.NewListOffsetsRequestTopicPartition()
			one.Partition, one.Timestamp = p.Partition, -1 // the end
			of.Partitions = append(of.Partitions, one)
		}
	}
	list.Topics = append(list.Topics, of)
	answer, err := list.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("look up where the topic ends: %w", err)
	}
	ends := map[int32]kgo.Offset{}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("look up where the topic ends: %w", err)
			}
			ends[p.Partition] = kgo.NewOffset().At(p.Offset)
		}
	}
	if len(ends) == 0 {
		return nil, errors.New("the topic has no partitions")
	}
	return ends, nil
}

// take tells the workers of what has arrived.
func (r *reader) take(p *kgo.FetchPartition, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range p.Records {
		r.lag[p.Partition] = max(p.HighWatermark-record.Offset-1, 0)
		for _, h := range record.Headers {
			if h.Key != roundtripHeader {
				continue
			}
			if c := r.waiting[string(h.Value)]; c != nil {
				delete(r.waiting, string(h.Value))
				lag := int64(0)
				for _, n := range r.lag {
					lag += n
				}
				c <- arrival{record: record, at: at, lag: lag}
			}
		}
	}
}
