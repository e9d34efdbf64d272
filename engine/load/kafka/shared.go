package kafka

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// farewell is how long leaving a group may take.
const farewell = time.Second

// shared is what the workers of a run have in common. It is made when it is first needed.
type shared struct {
	mu        sync.Mutex
	workers   int
	producers map[settings]*producer
	readers   map[string]*reader // by topic
}

// producer is one of the library's, with what is known of its brokers.
type producer struct {
	client *cluster
	health health
}

func (s *shared) join() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers++
}

// leave gives everything up when the last worker goes.
func (s *shared) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.workers--; s.workers > 0 {
		return
	}
	for _, p := range s.producers {
		p.client.Close() // what it still had to send belongs to requests that have failed already
	}
	for _, r := range s.readers {
		r.close()
	}
	s.producers, s.readers = nil, nil
}

func (s *shared) producer(t *target, with settings) (*producer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.producers[with]; p != nil {
		return p, nil
	}
	p := &producer{}
	var err error
	if p.client, err = t.open(&p.health, with.options()...); err != nil {
		return nil, err
	}
	if s.producers == nil {
		s.producers = map[settings]*producer{}
	}
	s.producers[with] = p
	return p, nil
}

func (s *shared) reader(t *target, topic string) *reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.readers[topic]; r != nil {
		return r
	}
	if s.readers == nil {
		s.readers = map[string]*reader{}
	}
	r := newReader(t, topic)
	s.readers[topic] = r
	return r
}

// send hands a record over and waits until it is acknowledged. When ctx ends first, the record may still be sent.
func (p *producer) send(ctx context.Context, record *kgo.Record) error {
	done := make(chan error, 1)
	p.client.Produce(ctx, record, func(_ *kgo.Record, err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
