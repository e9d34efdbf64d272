package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"gameday/engine/load"
)

// The bounds of Config.Every.
const (
	DefaultEvery = 5 * time.Second
	leastEvery   = time.Second
	mostEvery    = time.Minute
)

// flushTime is how long the last figures may take to be sent when a run is over.
const flushTime = 15 * time.Second

// Config says where figures go. Addresses and headers may hold ${env:NAME}.
type Config struct {
	RemoteWrite string            // of Prometheus or what takes its remote write; without a path /api/v1/write is meant
	OTLP        string            // OTLP over HTTP; without a path /v1/metrics is meant
	Headers     map[string]string // sent to both
	Every       time.Duration     // 1 s to 1 min; 0 is DefaultEvery
	Run         string            // the run's name; "" is RunOf its start
}

// Exporter reports one run. It is made before the run, so that mistakes are found before anything is sent.
type Exporter struct {
	config  Config
	sinks   []sink
	stop    context.CancelFunc
	stopped chan struct{} // no more snapshots are taken
	senders sync.WaitGroup
}

// sink is a sender with its encoding.
type sink struct {
	*sender
	encode func(list []point, started, at time.Time) ([]byte, error)
}

// NewExporter checks the configuration; it sends nothing yet. shard is the part's name, see load.Shards.
func NewExporter(c Config, shard string) (*Exporter, error) {
	if c.Every == 0 {
		c.Every = DefaultEvery
	}
	if c.Every < leastEvery || c.Every > mostEvery {
		return nil, fmt.Errorf("report every %v: it must be between %v and %v", c.Every, leastEvery, mostEvery)
	}
	e := &Exporter{config: c, stopped: make(chan struct{})}
	if c.RemoteWrite != "" {
		to, err := newEndpoint("the address of remote write", c.RemoteWrite, "/api/v1/write", c.Headers)
		if err != nil {
			return nil, err
		}
		e.sinks = append(e.sinks, sink{
			newSender("remote write to", to, http.Header{
				"Content-Type": {"application/x-protobuf"}, "Content-Encoding": {"snappy"}, "X-Prometheus-Remote-Write-Version": {"0.1.0"},
			}, "prometheus"+shard),
			func(list []point, _, at time.Time) ([]byte, error) { return encodePrometheus(list, at) },
		})
	}
	if c.OTLP != "" {
		to, err := newEndpoint("the address for OTLP", c.OTLP, "/v1/metrics", c.Headers)
		if err != nil {
			return nil, err
		}
		e.sinks = append(e.sinks, sink{
			newSender("OTLP to", to, http.Header{"Content-Type": {"application/x-protobuf"}}, "otlp"+shard), encodeOTLP,
		})
	}
	if len(e.sinks) == 0 {
		return nil, errors.New("give an address for remote write or for OTLP")
	}
	return e, nil
}

// Follow begins to report a run, until Close. It is called once.
func (e *Exporter) Follow(run *load.Run, plan string, shards load.Shards) {
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	for _, s := range e.sinks {
		e.senders.Go(func() { s.run(ctx) })
	}
	started := run.State().Started
	id := Identity{Plan: plan, Run: e.config.Run, Shard: shards.String()}
	if id.Run == "" {
		id.Run = RunOf(started)
	}
	go func() {
		defer close(e.stopped)
		ticker := time.NewTicker(e.config.Every)
		defer ticker.Stop()
		for ended := false; !ended; {
			e.report(run, id, started)
			select {
			case <-ticker.C:
			case <-run.Done():
				ended = true
			}
		}
		e.report(run, id, started)
		for _, s := range e.sinks {
			s.close()
		}
	}()
}

func (e *Exporter) report(run *load.Run, id Identity, started time.Time) {
	snapshot := run.Snapshot()
	list := points(id, &snapshot, e.config.Every)
	for _, s := range e.sinks {
		body, err := s.encode(list, started, snapshot.At)
		if err != nil { // cannot happen: both marshal structures that are made here
			s.mu.Lock()
			s.stats.Dropped++
			s.stats.Why = err.Error()
			s.mu.Unlock()
			continue
		}
		s.put(report{body, snapshot.Finished})
	}
}

// Close waits until the run has ended and its last figures have been sent, for a quarter of a minute at most, and
// returns what became of the reports.
func (e *Exporter) Close() []Stats {
	if e.stop == nil {
		return nil // it never followed a run
	}
	defer e.stop()
	<-e.stopped
	timer := time.AfterFunc(flushTime, e.stop)
	defer timer.Stop()
	e.senders.Wait()
	out := make([]Stats, len(e.sinks))
	for i, s := range e.sinks {
		out[i] = s.balance()
	}
	return out
}
