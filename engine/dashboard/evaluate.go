package dashboard

import (
	"context"
	"errors"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"gameday/sources/client"
	"gameday/sources/signal"
)

// The bounds of one panel's answer.
const (
	maxSeries  = 100
	maxRecords = 200
)

var kinds = map[string]signal.BoardKind{"timeseries": signal.BoardSeries, "stat": signal.BoardStat, "gauge": signal.BoardGauge,
	"bargauge": signal.BoardBars, "heatmap": signal.BoardHeatmap, "table": signal.BoardTable, "logs": signal.BoardLogs, "text": signal.BoardText,
	"unknown": signal.BoardUnknown}

// Bare is the panel without an answer.
func (p *Panel) Bare(id int, values Values, s Span) signal.BoardPanel {
	out := signal.BoardPanel{ID: id, Kind: kinds[p.Type], Foreign: p.Foreign, Text: ExpandText(p.Text, values, s), Min: p.Min, Max: p.Max, Log: p.Log,
		Decimals: p.Decimals, Width: p.Width, Height: p.Height}
	out.Title, out.Unit = clean(ExpandText(p.Title, values, s)), p.Unit
	if len(p.Targets) > 0 {
		out.Query = strings.Join(strings.Fields(Expand(p.Targets[0].Expr, values, s)), " ")
	}
	for _, t := range p.Thresholds {
		th := signal.BoardThreshold{From: math.Inf(-1), Level: levels[t.Level]}
		if t.From != nil {
			th.From = *t.From
		}
		out.Thresholds = append(out.Thresholds, th)
	}
	p.shape(&out)
	sort.SliceStable(out.Thresholds, func(i, j int) bool { return out.Thresholds[i].From < out.Thresholds[j].From })
	return out
}

var levels = map[string]signal.Outcome{"none": signal.Neutral, "good": signal.Good, "warning": signal.Warning, "bad": signal.Bad}

// Evaluate asks the panel's queries over the span.
func (p *Panel) Evaluate(ctx context.Context, ask Asker, id int, values Values, s Span) signal.BoardPanel {
	s.Step = max(s.Step, p.Step)
	out := p.Bare(id, values, s)
	out.Evaluated = true
	switch out.Kind {
	case signal.BoardText, signal.BoardUnknown:
		return out
	case signal.BoardLogs:
		p.logs(ctx, ask, &out, values, s)
		return out
	}
	var errs []error
	var query []int // by series
	for i := range p.Targets {
		series, err := p.target(ctx, ask, &p.Targets[i], out.Kind, values, s)
		if err != nil {
			errs = append(errs, err)
		}
		out.Series = append(out.Series, series...)
		query = append(query, slices.Repeat([]int{i}, len(series))...)
	}
	if n := len(out.Series); n > maxSeries {
		out.Series = out.Series[:maxSeries]
		errs = append(errs, errors.New("more than "+strconv.Itoa(maxSeries)+" series: the first of "+strconv.Itoa(n)+" are shown"))
	}
	if out.Kind == signal.BoardHeatmap {
		out.Series, query = apart(out.Series), nil // in another order
	}
	p.override(&out, query)
	for i := range out.Series {
		out.Values = append(out.Values, Reduce(p.Reduce, out.Series[i].Samples))
	}
	p.stacked(&out)
	switch {
	case len(errs) > 0:
		out.Err, out.Failed = errs[0].Error(), true
	case len(out.Series) == 0:
		out.Err = "no samples in this window"
	}
	return out
}

func (p *Panel) target(ctx context.Context, ask Asker, t *Target, kind signal.BoardKind, values Values, s Span) ([]signal.Series, error) {
	m, err := ask.Metrics(Expand(t.Source, values, s))
	if err != nil {
		return nil, err
	}
	expr := Expand(t.Expr, values, s)
	var series []signal.Series
	if t.Instant || kind == signal.BoardTable {
		series, err = m.Instant(ctx, expr, s.To)
	} else {
		series, err = m.Range(ctx, expr, signal.Window{From: s.From, To: s.To}, s.Step)
	}
	if err != nil && !errors.Is(err, client.ErrTruncated) {
		return nil, err
	}
	if t.Legend != "" && t.Legend != "__auto" {
		text := ExpandText(t.Legend, values, s)
		for i := range series {
			series[i].Name = Legend(text, series[i].Labels)
		}
	}
	return series, err
}

var legendLabel = regexp.MustCompile(`\{\{\s*([^}]+?)\s*\}\}`)

// Legend writes a legend's {{label}} with the values of a series. A label that is not there leaves nothing.
func Legend(text string, labels signal.Attrs) string {
	out := legendLabel.ReplaceAllStringFunc(text, func(m string) string {
		return labels.Get(legendLabel.FindStringSubmatch(m)[1])
	})
	return clean(out)
}

func (p *Panel) logs(ctx context.Context, ask Asker, out *signal.BoardPanel, values Values, s Span) {
	for i := range p.Targets {
		found, err := ask.Logs(ctx, Expand(p.Targets[i].Expr, values, s), signal.Window{From: s.From, To: s.To}, maxRecords)
		if err != nil {
			out.Err = err.Error()
		}
		out.Records = append(out.Records, found...)
	}
	sort.SliceStable(out.Records, func(i, j int) bool { return out.Records[i].Time.Before(out.Records[j].Time) })
	if n := len(out.Records); n > maxRecords {
		out.Records = out.Records[n-maxRecords:]
	}
	if len(out.Records) == 0 && out.Err == "" {
		out.Err = "no log line in this window matches"
	}
}

// Reduce makes one figure of samples; NaN when there is none.
func Reduce(how string, samples []signal.Sample) float64 {
	n, sum, lo, hi, first, last := 0, 0.0, math.Inf(1), math.Inf(-1), math.NaN(), math.NaN()
	for _, s := range samples {
		if math.IsNaN(s.V) {
			continue
		}
		if n == 0 {
			first = s.V
		}
		n, sum, lo, hi, last = n+1, sum+s.V, min(lo, s.V), max(hi, s.V), s.V
	}
	if how == "count" {
		return float64(n)
	}
	if n == 0 {
		return math.NaN()
	}
	switch how {
	case "first":
		return first
	case "mean":
		return sum / float64(n)
	case "min":
		return lo
	case "max":
		return hi
	case "sum":
		return sum
	case "range":
		return hi - lo
	}
	return last
}

// apart makes of cumulative buckets, as Prometheus counts them, what fell into each, by their upper bound. Series without le
// stay as they are.
func apart(series []signal.Series) []signal.Series {
	bound := func(s signal.Series) (float64, bool) {
		v, err := strconv.ParseFloat(s.Labels.Get("le"), 64)
		return v, err == nil
	}
	for i := range series {
		if _, ok := bound(series[i]); !ok {
			return series
		}
	}
	sort.SliceStable(series, func(i, j int) bool {
		a, _ := bound(series[i])
		b, _ := bound(series[j])
		return a < b
	})
	below := map[time.Time]float64{}
	out := make([]signal.Series, 0, len(series))
	for _, s := range series {
		own := s
		own.Samples = make([]signal.Sample, len(s.Samples))
		for i, v := range s.Samples {
			at := v.T
			if math.IsNaN(v.V) {
				own.Samples[i] = v
				continue
			}
			own.Samples[i] = signal.Sample{T: at, V: max(v.V-below[at], 0)}
			below[at] = max(v.V, below[at])
		}
		own.Name = s.Labels.Get("le")
		out = append(out, own)
	}
	return out
}
