package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gameday/sources/client"
	"gameday/sources/jsonstream"
	"gameday/sources/legend"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// Bounds of one query and of one answer.
const (
	maxQueryBytes = 8 << 10
	maxPoints     = 11_000  // per series, as Prometheus has it
	maxSeries     = 1000    // more lines than that are no chart
	maxSamples    = 250_000 // of all series, 8 MB
	maxLabels     = 128
	maxText       = 1024
	longQuery     = 2000 // beyond that it is posted, since proxies cut URLs
)

func clean(s string) string { return sanitize.Line(s, maxText) }

func quote(query string) string { return `"` + sanitize.Line(query, 120) + `"` }

// Range implements driver.Metrics: the query at w.From, w.From+step, … up to w.To. A step of zero gives about 100 points. The
// series carry exemplars as those of the embedded database do.
func (d *Driver) Range(ctx context.Context, query string, w signal.Window, step time.Duration) ([]signal.Series, error) {
	if err := check(query); err != nil {
		return nil, err
	}
	if w.Length() < 0 {
		return nil, fmt.Errorf("query %s: the window ends before it begins", quote(query))
	}
	if step <= 0 {
		step = max(w.Length()/100, time.Second)
	}
	step = max(step.Truncate(time.Millisecond), time.Millisecond)
	if n := w.Length() / step; n > maxPoints {
		return nil, fmt.Errorf("query %s: %d points per series asked for, %d are allowed: take a longer step than %s or a shorter window", quote(query), n, maxPoints, step)
	}
	v := url.Values{"query": {query}, "start": {seconds(w.From)}, "end": {seconds(w.To)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)}}
	res := &result{rename: d.rename, step: step, to: w.To, points: int(w.Length()/step) + 1}
	err := d.query(ctx, "/api/v1/query_range", query, v, res)
	if err != nil && !errors.Is(err, client.ErrTruncated) {
		return nil, err
	}
	if len(res.series) > 0 && err == nil {
		d.decorate(ctx, query, res.series, w, step)
	}
	legend.Name(res.series, query)
	return res.series, err
}

// noExemplarsFor is how long a server is not asked again that answered that it has no exemplars.
const noExemplarsFor = 5 * time.Minute

// decorate puts exemplars onto series, when there are any: without them a chart is still a chart.
func (d *Driver) decorate(ctx context.Context, query string, series []signal.Series, w signal.Window, step time.Duration) {
	if time.Now().UnixMilli() < d.noExemplars.Load() {
		return
	}
	found, err := d.exemplars(ctx, query, w)
	var refused *client.StatusError
	switch {
	case err == nil:
		attach(series, found, w.From, step)
	case errors.As(err, &refused):
		d.noExemplars.Store(time.Now().Add(noExemplarsFor).UnixMilli())
	}
}

// Instant implements driver.Metrics. A scalar is one series without labels.
func (d *Driver) Instant(ctx context.Context, query string, at time.Time) ([]signal.Series, error) {
	if err := check(query); err != nil {
		return nil, err
	}
	res := &result{rename: d.rename}
	err := d.query(ctx, "/api/v1/query", query, url.Values{"query": {query}, "time": {seconds(at)}}, res)
	if err != nil && !errors.Is(err, client.ErrTruncated) {
		return nil, err
	}
	legend.Name(res.series, query)
	return res.series, err
}

func check(query string) error {
	if strings.TrimSpace(query) == "" {
		return errors.New("the query is empty")
	}
	if len(query) > maxQueryBytes {
		return fmt.Errorf("query %s: %d bytes long, %d are allowed", quote(query), len(query), maxQueryBytes)
	}
	return nil
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// request posts what is too long for a URL.
func request(path string, v url.Values) client.Request {
	if len(v.Get("query")) > longQuery {
		return client.Form(path, v)
	}
	return client.Request{Path: path, Query: v}
}

func (d *Driver) query(ctx context.Context, path, query string, v url.Values, res *result) error {
	a, err := d.fetch(ctx, request(path, v), res.member)
	switch {
	case errors.Is(err, errEnough):
		return fmt.Errorf("query %s: it gives more than %d series or %d points: aggregate with sum by (…) or topk(10, …), or take a longer step: %w",
			quote(query), maxSeries, maxSamples, client.ErrTruncated)
	case errors.Is(err, client.ErrTruncated):
		return fmt.Errorf("query %s: %w", quote(query), err)
	case err != nil:
		return explain(query, err)
	case res.kind == "":
		return d.client.Explain(request(path, v), fmt.Errorf("the answer has no result (is this a Prometheus?): %s", says(a)))
	case res.histograms:
		return fmt.Errorf("query %s: gives native histograms, which are no line: wrap it in histogram_quantile(0.95, …), histogram_count(…) or histogram_avg(…)", quote(query))
	case res.kind == "string" || path == "/api/v1/query" && res.kind == "matrix":
		return fmt.Errorf("query %s: gives a %s, wanted a number or a set of series: wrap it in rate(), increase() or the like", quote(query), res.kind)
	}
	return nil
}

// position is how Prometheus says where a fault is: "1:5: parse error: …" is the fifth character of the first line.
var position = regexp.MustCompile(`(?s)^(?:invalid parameter "query": )?(?:(\d+):(\d+): )?(?:parse error: )?(.*)$`)

// explain quotes the query, and makes a sentence of what the server says of it.
func explain(query string, err error) error {
	var refused *client.StatusError
	if !errors.As(err, &refused) {
		return fmt.Errorf("query %s: %w", quote(query), err)
	}
	var body struct{ ErrorType, Error string }
	if json.Unmarshal(refused.Body, &body) != nil || body.Error == "" || refused.Code == http.StatusUnauthorized || refused.Code == http.StatusForbidden {
		return fmt.Errorf("query %s: %w", quote(query), err)
	}
	m := position.FindStringSubmatch(body.Error)
	text := clean(m[3])
	if m[2] != "" && (m[1] == "1" || m[1] == "") {
		text += " at character " + m[2]
	}
	return &queryError{fmt.Sprintf("query %s: %s (%s)", quote(query), text, refused.URL), err}
}

// queryError is what the server says of a query; it wraps the answer's status.
type queryError struct {
	text string
	err  error
}

func (e *queryError) Error() string { return e.text }
func (e *queryError) Unwrap() error { return e.err }

// result collects a matrix, a vector or a scalar.
type result struct {
	rename     map[string]string
	step       time.Duration // 0: an instant
	to         time.Time
	points     int // expected per series
	kind       string
	series     []signal.Series
	samples    int
	histograms bool
}

// errEnough ends the reading of an answer that has more than is kept.
var errEnough = errors.New("more than is kept")

// member reads one part of the data. The type comes before the result in every server's answer.
func (res *result) member(key string, j *jsonstream.Reader) (err error) {
	switch key {
	case "resultType":
		res.kind, err = j.Scalar()
		return err
	case "result":
		if res.kind == "scalar" || res.kind == "string" {
			s := signal.Series{}
			if res.kind == "string" {
				return j.Skip()
			}
			if err := res.point(j, &s); err != nil {
				return err
			}
			res.series = append(res.series, s)
			return nil
		}
		return j.Array(func() error { return res.one(j) })
	}
	return errSkip
}

func (res *result) one(j *jsonstream.Reader) error {
	if len(res.series) == maxSeries {
		return errEnough
	}
	var s signal.Series
	whole := func() {
		if len(s.Samples) > 0 {
			res.gapAtEnd(&s)
			res.series = append(res.series, s)
		}
	}
	err := j.Object(func(key string) (err error) {
		switch key {
		case "metric":
			s.Labels, err = labels(j, res.rename)
		case "value":
			err = res.point(j, &s)
		case "values":
			s.Samples = make([]signal.Sample, 0, min(res.points+2, maxPoints))
			err = j.Array(func() error { return res.point(j, &s) })
		case "histogram", "histograms":
			res.histograms = true
			err = j.Skip()
		default:
			err = j.Skip()
		}
		return err
	})
	if err == nil || errors.Is(err, errEnough) {
		whole()
	}
	return err
}

// point reads [time, "value"], and puts one NaN where points are missing.
func (res *result) point(j *jsonstream.Reader, s *signal.Series) error {
	if res.samples == maxSamples {
		return errEnough
	}
	var t, v float64
	n := 0
	err := j.Array(func() (err error) {
		switch n++; n {
		case 1:
			t, err = j.Float()
		case 2:
			v, err = j.Float()
		default:
			err = j.Skip()
		}
		return err
	})
	if err != nil || n < 2 {
		return err
	}
	at := time.UnixMilli(int64(math.Round(t * 1000)))
	if k := len(s.Samples); res.step > 0 && k > 0 {
		if last := s.Samples[k-1].T; at.Sub(last) > res.step {
			s.Samples = append(s.Samples, signal.Sample{T: last.Add(res.step), V: math.NaN()})
		}
	}
	s.Samples = append(s.Samples, signal.Sample{T: at, V: v})
	res.samples++
	return nil
}

// gapAtEnd says that the series ended within the window.
func (res *result) gapAtEnd(s *signal.Series) {
	if res.step == 0 {
		return
	}
	if next := s.Samples[len(s.Samples)-1].T.Add(res.step); !next.After(res.to) {
		s.Samples = append(s.Samples, signal.Sample{T: next, V: math.NaN()})
	}
}

// labels reads a map of them, sorted by key, harmless, under the names that gameday knows.
func labels(j *jsonstream.Reader, rename map[string]string) (signal.Attrs, error) {
	var out signal.Attrs
	err := j.Object(func(key string) error {
		value, err := j.Scalar()
		if err != nil || len(out) == maxLabels || value == "" {
			return err
		}
		if to, ok := rename[key]; ok {
			key = to
		}
		out = append(out, signal.Attr{Key: clean(key), Value: clean(value)})
		return nil
	})
	return out.Sorted(), err
}
