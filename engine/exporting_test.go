package engine

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources"
	"gameday/sources/correlate"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// outlet is a source that takes what it is given, after failing once.
type outlet struct {
	mu     sync.Mutex
	got    signal.Batch
	failed bool
}

func (o *outlet) Run(ctx context.Context, _ func(signal.Batch)) error { <-ctx.Done(); return nil }

func (o *outlet) Export(_ context.Context, b signal.Batch) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.failed {
		o.failed = true
		return errors.New("no \x1b[2J: s3cret")
	}
	o.got.Logs = append(o.got.Logs, b.Logs...)
	o.got.Spans = append(o.got.Spans, b.Spans...)
	o.got.Events = append(o.got.Events, b.Events...)
	return nil
}

func TestOwnEventsAreExportedAndWhatIsReceivedIsRelayedToOTLPOnly(t *testing.T) {
	st, err := store.New(store.Config{})
	require.NoError(t, err)
	otlp, loki := &outlet{failed: true}, &outlet{}
	all := []sources.Source{{Name: "collector", Kind: "otlp", Driver: otlp}, {Name: "loki", Kind: "loki", Driver: loki, Secrets: []string{"s3cret"}}}
	ctx, cancel := context.WithCancel(t.Context())
	s := &Session{store: st, ctx: ctx, exporters: openExporters(all), cfg: Config{Log: func(string, ...any) {}}}
	s.correlate = correlate.New(nil)
	for _, x := range s.exporters {
		s.work.Go(func() { s.export(x) })
	}
	s.Event(signal.Event{Title: "first"})
	require.Eventually(t, func() bool { return s.exportHealth()[1].Err != "" }, 10*time.Second, time.Millisecond, "the failure is told")
	require.NotContains(t, s.exportHealth()[1].Err, "s3cret")
	require.NotContains(t, s.exportHealth()[1].Err, "\x1b")
	s.Event(signal.Event{Title: "own"})
	s.tell(signal.Event{Title: "of a source", Key: "prometheus/1"})
	s.relay(signal.Batch{Spans: []signal.Span{{TraceID: signal.TraceID{1}, SpanID: signal.SpanID{1}, Service: "cart", Start: time.Now()}}})
	s.exportExemplars("shop", []signal.RequestExemplar{{At: time.Now(), Step: "checkout", Err: "timeout", TraceID: signal.TraceID{2}}})
	require.Eventually(t, func() bool {
		otlp.mu.Lock()
		defer otlp.mu.Unlock()
		loki.mu.Lock()
		defer loki.mu.Unlock()
		return len(otlp.got.Events) == 2 && len(otlp.got.Spans) == 1 && len(otlp.got.Logs) == 1 && len(loki.got.Events) == 1 && len(loki.got.Logs) == 1
	}, 10*time.Second, time.Millisecond)
	require.Empty(t, loki.got.Spans)
	cancel()
	s.work.Wait()
}
