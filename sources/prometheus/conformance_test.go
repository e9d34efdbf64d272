package prometheus_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/drivertest"
	"gameday/sources/prometheus"
	"gameday/sources/prometheus/promtest"
	"gameday/sources/signal"
)

// points asks for a window with one point a second, and makes points of the series.
func points(ctx context.Context, d driver.Driver, q driver.Query) (driver.Answer, error) {
	series, err := d.(driver.Metrics).Range(ctx, q.Text, q.Window, time.Second)
	var out driver.Answer
	if errors.Is(err, client.ErrTruncated) {
		out.Truncated, err = true, nil
	}
	for _, s := range series {
		for _, p := range s.Samples {
			if !math.IsNaN(p.V) && q.Window.Contains(p.T) {
				out.Metrics = append(out.Metrics, signal.MetricPoint{Name: s.Labels.Get("__name__"), Labels: s.Labels, T: p.T, V: p.V})
			}
		}
	}
	return out, err
}

func TestConformance(t *testing.T) {
	drivertest.RunHTTP(t, drivertest.HTTP{
		Kind: prometheus.Kind(), Metrics: true, Text: "drivertest_requests_total", Ask: points,
		System: func(t *testing.T, known signal.Batch) http.Handler {
			address := promtest.Prometheus(t, "")
			promtest.Write(t, address, known.Metrics)
			to, err := url.Parse(address)
			require.NoError(t, err)
			return httputil.NewSingleHostReverseProxy(to)
		},
		Huge: drivertest.Huge{Head: `{"status":"success","data":{"resultType":"matrix","result":[`,
			Item: `{"metric":{"service":"` + drivertest.Filler + `"},"values":[[1435781430.781,"1"]]}`, Separator: ",", Tail: `]}}`},
		NoIDs:   "metrics carry no IDs; exemplars do, and are asked for by query",
		NoLimit: "PromQL limits by topk",
	})
}
