package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load/histogram"
	"gameday/sources/sanitize"
)

// answerLimit is the most that is read of an answer: a summary takes kilobytes.
const answerLimit = 32 << 20

// Prometheus asks a Prometheus. It is safe for concurrent use.
type Prometheus struct {
	to     endpoint
	client *http.Client
}

// NewPrometheus takes a base address such as http://prometheus:9090. The address and the headers may hold ${env:NAME}.
func NewPrometheus(address string, headers map[string]string) (*Prometheus, error) {
	to, err := newEndpoint("the address of Prometheus", address, "", headers)
	if err != nil {
		return nil, err
	}
	to.url = strings.TrimRight(to.url, "/")
	return &Prometheus{to, newClient()}, nil
}

// Close gives up idle connections.
func (p *Prometheus) Close() { p.client.CloseIdleConnections() }

// series is one result of an instant query.
type series struct {
	labels map[string]string
	at     float64 // Prometheus's clock, in seconds
	value  float64
}

// query asks for the value of an expression now.
func (p *Prometheus) query(ctx context.Context, expression string) ([]series, error) {
	data, err := p.ask(ctx, expression)
	if err != nil {
		return nil, err
	}
	out, err := vector(data)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", p.to.host(), err)
	}
	return out, nil
}

// ask is the body of the answer to an instant query.
func (p *Prometheus) ask(ctx context.Context, expression string) ([]byte, error) {
	form := url.Values{"query": {expression}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.to.url+"/api/v1/query", strings.NewReader(form))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", p.to.host(), withoutAddress(err))
	}
	req.Header = p.to.header.Clone()
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", p.to.host(), withoutAddress(err))
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", p.to.host(), err)
	case len(data) > answerLimit:
		return nil, fmt.Errorf("ask %s: the answer is longer than %d MiB", p.to.host(), answerLimit>>20)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("ask %s: answered %d: %s", p.to.host(), resp.StatusCode, sanitize.Line(string(data), 200))
	}
	return data, nil
}

// vector reads an answer to an instant query.
func vector(data []byte) (out []series, err error) {
	var answer struct {
		Status string
		Data   struct {
			ResultType string
			Result     []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal(data, &answer); err != nil || answer.Status != "success" || answer.Data.ResultType != "vector" {
		return nil, errors.New("the answer is not that of a Prometheus to an instant query")
	}
	for _, r := range answer.Data.Result {
		at, ok1 := r.Value[0].(float64)
		text, ok2 := r.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if !ok1 || !ok2 || err != nil {
			return nil, errors.New("the answer holds something else than numbers: does another program write series of these names?")
		}
		out = append(out, series{r.Metric, at, value})
	}
	return out, nil
}

// histogram asks for the one native histogram that an expression is now: what it holds in the engine's own buckets, each of
// Prometheus's counted at its upper end. Without one it is empty.
func (p *Prometheus) histogram(ctx context.Context, expression string) (*histogram.Histogram, error) {
	data, err := p.ask(ctx, expression)
	if err != nil {
		return nil, err
	}
	h, err := histogramOf(data)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", p.to.host(), err)
	}
	return h, nil
}

// histogramOf reads an answer that is one native histogram, or none. Buckets are [rule, lower end, upper end, count].
func histogramOf(data []byte) (*histogram.Histogram, error) {
	var answer struct {
		Status string
		Data   struct {
			Result []struct{ Histogram []json.RawMessage }
		}
	}
	h := &histogram.Histogram{}
	if err := json.Unmarshal(data, &answer); err != nil || answer.Status != "success" || len(answer.Data.Result) > 1 {
		return nil, errNoHistogram
	}
	if len(answer.Data.Result) == 0 {
		return h, nil
	}
	parts := answer.Data.Result[0].Histogram
	var told struct{ Buckets [][4]any }
	if len(parts) != 2 || json.Unmarshal(parts[1], &told) != nil {
		return nil, errNoHistogram
	}
	for _, b := range told.Buckets {
		high, err1 := number(b[2])
		n, err2 := number(b[3])
		if err1 != nil || err2 != nil || !(n >= 0 && n < 1e15) {
			return nil, errNoHistogram
		}
		h.RecordN(duration(high), uint64(n+0.5))
	}
	return h, nil
}

var errNoHistogram = errors.New("the answer is not one native histogram")

func number(v any) (float64, error) {
	text, ok := v.(string)
	if !ok {
		return 0, errNoHistogram
	}
	return strconv.ParseFloat(text, 64)
}

// quote is a text as a label's value in an expression.
func quote(text string) string { return strconv.Quote(text) }

// span is a duration in PromQL.
func span(d time.Duration) string { return strconv.Itoa(max(int(d.Seconds()), 1)) + "s" }
