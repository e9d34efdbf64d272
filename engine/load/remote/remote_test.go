package remote

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.uber.org/goleak"

	"gameday/engine/load"
	"gameday/engine/load/histogram"
	"gameday/engine/load/protocol"
	"gameday/sources/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sample is a snapshot with a step and a group, over six orders of magnitude.
func sample() (*load.Snapshot, *histogram.Histogram) {
	h := &histogram.Histogram{}
	rng := rand.New(rand.NewPCG(1, 2))
	h.Record(0)
	for range 5_000 {
		h.Record(max(time.Duration(math.Exp(rng.NormFloat64()*2)*float64(time.Millisecond)), time.Microsecond))
	}
	at := time.UnixMilli(1_700_000_000_123)
	s := &load.Snapshot{At: at, Measured: 3 * time.Second, Steps: []load.StepSnapshot{
		{Scenario: "s", Name: "a", Done: 5_001, Classes: map[string]uint64{"2xx": 5_000, "5xx": 1}, Kinds: map[protocol.Kind]uint64{protocol.Status5xx: 1}, Response: h, Service: h},
		{Scenario: "s", Name: "g", Group: true, Response: &histogram.Histogram{}, Service: &histogram.Histogram{}},
	}}
	s.State.Started, s.State.Missed = at.Add(-4*time.Second), 7
	return s, h
}

var id = Identity{Plan: "p", Run: "r", Shard: "3/4"}

func TestNativeHistogramsHoldWhatWasMeasured(t *testing.T) {
	s, h := sample()
	body, err := encodePrometheus(points(id, s, time.Second), s.At)
	require.NoError(t, err)
	raw, err := snappy.Decode(nil, body)
	require.NoError(t, err)
	var req prompb.WriteRequest
	require.NoError(t, req.Unmarshal(raw))
	seen := map[string]bool{}
	for _, ts := range req.Timeseries {
		key := ""
		for i, l := range ts.Labels {
			require.True(t, i == 0 || ts.Labels[i-1].Name < l.Name, "labels are sorted: %v", ts.Labels)
			key += l.Name + "=" + l.Value + " "
		}
		require.False(t, seen[key], "%s twice", key)
		seen[key] = true
		if len(ts.Histograms) == 0 {
			require.Equal(t, s.At.UnixMilli(), ts.Samples[0].Timestamp)
			continue
		}
		got := ts.Histograms[0].ToIntHistogram()
		require.NoError(t, got.Validate())
		if got.Count == 0 {
			continue
		}
		require.Equal(t, h.Count(), got.Count)
		require.Equal(t, uint64(1), got.ZeroCount)
		require.InEpsilon(t, h.Sum().Seconds(), got.Sum, 1e-9)
		for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999} {
			want, rank, n := h.Quantile(q).Seconds(), math.Floor(q*float64(got.Count)+0.5), float64(got.ZeroCount)
			for it := got.PositiveBucketIterator(); it.Next(); {
				b := it.At()
				if n += float64(b.Count); n >= rank {
					require.InEpsilon(t, 1+bucketWidth, b.Upper/b.Lower, 1e-3)
					require.True(t, want <= b.Upper*1.001+1e-7 && want >= b.Lower*0.999-1e-7, "p%v: %v in %v to %v", q, want, b.Lower, b.Upper)
					break
				}
			}
		}
	}
	require.True(t, seen["__name__=gameday_load_missed_total plan=p run=r shard=3/4 "])
	require.True(t, seen["__name__=gameday_load_measured_requests_total plan=p run=r scenario=s shard=3/4 status=5xx step=a "])
	require.True(t, seen["__name__=gameday_load_response_seconds group=true plan=p run=r scenario=s shard=3/4 step=g "])
}

// bucketWidth is the breadth of a bucket, as the documentation tells it.
const bucketWidth = 0.00543

func TestOTLPHoldsTheSame(t *testing.T) {
	s, h := sample()
	list := points(id, s, time.Second)
	body, err := encodeOTLP(list, s.State.Started, s.At)
	require.NoError(t, err)
	req := pmetricotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalProto(body))
	metrics := req.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	found, n := false, 0
	for _, m := range metrics.All() {
		if m.Name() == nameMissed {
			require.True(t, m.Sum().IsMonotonic())
			require.InDelta(t, 7, m.Sum().DataPoints().At(0).DoubleValue(), 0)
		}
		if m.Name() != nameResponse {
			continue
		}
		dp := m.ExponentialHistogram().DataPoints().At(0)
		found = true
		require.Equal(t, h.Count(), dp.Count())
		sum := dp.ZeroCount()
		base := math.Exp2(1.0 / (1 << Schema))
		for i, c := range dp.Positive().BucketCounts().All() {
			sum += c
			if c > 0 && i == dp.Positive().BucketCounts().Len()-1 {
				low := math.Pow(base, float64(int(dp.Positive().Offset())+i))
				require.True(t, h.Max().Seconds() > low*0.999 && h.Max().Seconds() <= low*base*1.001, "the longest is in the last bucket")
			}
		}
		require.Equal(t, dp.Count(), sum)
		shard, _ := dp.Attributes().Get("shard")
		require.Equal(t, "3/4", shard.Str())
		n++
	}
	require.True(t, found)
	require.Equal(t, 1, n)
}

func TestRetriesUntilTaken(t *testing.T) {
	var tries atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch tries.Add(1) {
		case 1:
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case 2:
			http.Error(w, "slow down", http.StatusTooManyRequests)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer srv.Close()
	to, err := newEndpoint("x", srv.URL, "/w", nil)
	require.NoError(t, err)
	s := newSender("x", to, nil, "1")
	s.put(report{[]byte("a"), true})
	s.close()
	s.run(t.Context())
	b := s.balance()
	require.Equal(t, uint64(1), b.Sent)
	require.Equal(t, uint64(2), b.Retried)
	require.Zero(t, b.Dropped)
	require.True(t, b.Last)
	require.Contains(t, b.Why, "slow down")
}

func TestQueueIsBoundedAndTheLatestStays(t *testing.T) {
	to, err := newEndpoint("x", "http://127.0.0.1:1", "/w", nil)
	require.NoError(t, err)
	s := newSender("x", to, nil, "1")
	for i := range queueLimit + 10 {
		s.put(report{[]byte{byte(i)}, false})
	}
	require.Len(t, s.queue, queueLimit)
	require.Equal(t, byte(queueLimit+9), s.queue[queueLimit-1].body[0])
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s.close()
	s.run(ctx) // ends although nobody answers
	require.Equal(t, uint64(queueLimit+10), s.balance().Dropped)
	require.False(t, s.balance().Last)
}

func TestAddressesKeepSecrets(t *testing.T) {
	t.Setenv("GAMEDAY_TEST_PW", "s3cret")
	e, err := newEndpoint("x", "https://me:${env:GAMEDAY_TEST_PW}@prom:9090", "/api/v1/write", map[string]string{"X-A": "b"})
	require.NoError(t, err)
	require.Equal(t, "https://prom:9090/api/v1/write", e.url)
	require.Equal(t, "Basic bWU6czNjcmV0", e.header.Get("Authorization"))
	for _, bad := range []string{"s3cret://x", "http://", "s3cret", "http://a b/s3cret"} {
		_, err := newEndpoint("x", bad, "", nil)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cret")
	}
	_, err = newEndpoint("x", "http://p", "", map[string]string{"A": "s3cret\r\nB: c"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "s3cret")
}

func TestAnswersOfOthersAreErrors(t *testing.T) {
	for _, text := range []string{"", "{}", "<html>", `{"status":"success","data":{"resultType":"matrix"}}`,
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":["x",1]}]}}`,
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}`} {
		_, err := vector([]byte(text))
		require.Error(t, err, text)
	}
}

func TestPartsAskedAboutTogether(t *testing.T) {
	t0 := time.UnixMilli(1_700_000_000_000)
	r := &reader{matchers: `plan="p"`}
	parts := []Part{
		{Shards: load.Shards{Index: 0, Of: 4}, State: Finished, Reported: t0},
		{Shards: load.Shards{Index: 1, Of: 4}, State: Finished, Reported: t0.Add(-5 * time.Second)},
		{Shards: load.Shards{Index: 2, Of: 4}, State: Lost, Reported: t0},
		{Shards: load.Shards{Index: 3, Of: 4}, State: Finished, Reported: t0.Add(-10 * time.Minute)}, // it was stopped long before
	}
	r.choose(parts)
	require.Equal(t, `m{plan="p",shard=~"1/4|2/4"} @ 1700000000.000 or m{plan="p",shard=~"4/4"} @ 1699999400.000`, r.final("m", ""))
}

// TestHistogramsOfAnswers are read as Prometheus writes them, and anything else is an error.
func TestHistogramsOfAnswers(t *testing.T) {
	h, err := histogramOf([]byte(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1.5,{"count":"4","sum":"0.5",
		"buckets":[[0,"0.001","0.0011","3"],[0,"0.2","0.21","1"]]}]}]}}`))
	require.NoError(t, err)
	require.EqualValues(t, 4, h.Count())
	require.Equal(t, 210*time.Millisecond, h.Max())
	require.InEpsilon(t, 0.0011, h.Quantile(0.5).Seconds(), 0.001)
	h, err = histogramOf([]byte(`{"status":"success","data":{"result":[]}}`))
	require.NoError(t, err)
	require.Zero(t, h.Count())
	for _, bad := range []string{``, `{"status":"error"}`, `{"status":"success","data":{"result":[{},{}]}}`, `{"status":"success","data":{"result":[{"value":[1,"2"]}]}}`,
		`{"status":"success","data":{"result":[{"histogram":[1,{"buckets":[[0,"a","b","c"]]}]}]}}`,
		`{"status":"success","data":{"result":[{"histogram":[1,{"buckets":[[0,"1","2","-3"]]}]}]}}`,
		`{"status":"success","data":{"result":[{"histogram":[1,{"buckets":[[0,1,2,3]]}]}]}}`} {
		_, err := histogramOf([]byte(bad))
		require.ErrorIs(t, err, errNoHistogram, bad)
	}
}

// TestWhatIsNewInAHistogram is told only when nothing has left it.
func TestWhatIsNewInAHistogram(t *testing.T) {
	counts := func(first int, n ...uint32) signal.LatencyCounts {
		return signal.LatencyCounts{First: first, Counts: n}
	}
	require.Equal(t, counts(3, 1, 2), added(signal.LatencyCounts{}, counts(3, 1, 2)))
	require.Equal(t, counts(3, 0, 1, 4), added(counts(4, 1), counts(3, 0, 2, 4)))
	require.Empty(t, added(counts(2, 1), counts(3, 5)).Counts)
	require.Empty(t, added(counts(3, 2), counts(3, 1)).Counts)
}
