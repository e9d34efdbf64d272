package signal_test

import (
	"reflect"
	"testing"
	"time"

	"gameday/sources/signal"
)

func TestClockSkews(t *testing.T) {
	const ms = time.Millisecond
	zero := time.Unix(1_800_000_000, 0)
	span := func(id, parent byte, service string, start, took time.Duration, kind signal.SpanKind) signal.Span {
		s := signal.Span{SpanID: signal.SpanID{id}, Service: service, Start: zero.Add(start), Duration: took, Kind: kind}
		if parent > 0 {
			s.ParentID = signal.SpanID{parent}
		}
		return s
	}
	const server, client, consumer = signal.SpanServer, signal.SpanClient, signal.SpanConsumer
	for name, c := range map[string]struct {
		spans []signal.Span
		want  map[string]time.Duration
	}{
		"nothing": {nil, nil},
		"right":   {[]signal.Span{span(1, 0, "a", 0, 100*ms, client), span(2, 1, "b", 10*ms, 80*ms, server)}, map[string]time.Duration{}},
		"a second ahead": {[]signal.Span{span(1, 0, "a", 0, 100*ms, client), span(2, 1, "b", time.Second+10*ms, 80*ms, server)},
			map[string]time.Duration{"b": time.Second}},
		"behind, and on through a third": {[]signal.Span{span(3, 4, "c", -2*time.Second+20*ms, 60*ms, server), span(4, 2, "b", -2*time.Second+15*ms, 70*ms, client),
			span(2, 1, "b", -2*time.Second+10*ms, 80*ms, server),
			span(1, 0, "a", 0, 100*ms, client)}, map[string]time.Duration{"b": -2 * time.Second, "c": -2 * time.Second}},
		"two calls narrow it down": {[]signal.Span{span(1, 0, "a", 0, 100*ms, client), span(2, 1, "b", time.Second, 10*ms, server),
			span(3, 0, "a", 200*ms, 20*ms, client), span(4, 3, "b", time.Second+205*ms, 10*ms, server)}, map[string]time.Duration{"b": time.Second - 2500*time.Microsecond}},
		"calls that contradict": {[]signal.Span{span(1, 0, "a", 0, 10*ms, client), span(2, 1, "b", time.Second, 10*ms, server),
			span(3, 0, "a", 20*ms, 10*ms, client), span(4, 3, "b", 20*ms+3*time.Second, 10*ms, server)}, map[string]time.Duration{"b": 3 * time.Second}},
		"a message is consumed later":  {[]signal.Span{span(1, 0, "a", 0, 10*ms, signal.SpanProducer), span(2, 1, "b", time.Second, 5*ms, consumer)}, nil},
		"a callee that goes on longer": {[]signal.Span{span(1, 0, "a", 0, 10*ms, client), span(2, 1, "b", time.Second, 50*ms, server)}, nil},
		"a client that gave up": {func() []signal.Span {
			s := []signal.Span{span(1, 0, "a", 0, 10*ms, client), span(2, 1, "b", 5*ms, 10*ms, server)}
			s[0].Failed = true
			return s
		}(), nil},
		"a circle of services": {[]signal.Span{span(1, 2, "a", 0, 100*ms, client), span(2, 1, "b", time.Second, 100*ms, server)},
			map[string]time.Duration{"b": time.Second}},
	} {
		if got := signal.ClockSkews(c.spans); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
