package dashboard

import (
	"context"
	"slices"
	"strings"

	"gameday/sources/driver"
	"gameday/sources/signal"
)

// maxWords is how many words are offered.
const maxWords = 50

// functions are those of PromQL that people type, and its words.
var functions = strings.Fields(`abs absent absent_over_time avg avg_over_time bottomk by ceil changes clamp clamp_max clamp_min count count_over_time
count_values delta deriv exp floor group group_left group_right histogram_avg histogram_count histogram_fraction histogram_quantile histogram_sum
idelta ignoring increase irate label_join label_replace last_over_time ln log10 log2 max max_over_time min min_over_time offset on predict_linear
quantile quantile_over_time rate resets round scalar sort sort_desc sqrt stddev stddev_over_time sum sum_over_time time timestamp topk unless vector without`)

// place is what is being typed at the end of a PromQL text.
type place struct {
	kind   driver.WordKind
	of     string // of a label's values: the label
	metric string // within braces or by (): the metric it belongs to, where that is known
	from   int    // the byte at which the word begins
}

// placeOf finds out what a text that goes on at its end is in the middle of. ok is false within a string that is no label's
// value, where nothing can be known.
func placeOf(text string) (p place, ok bool) {
	var quote byte
	quoted, label, metric := 0, "", ""
	var open []byte // brackets
	var of []string // the word before each of them
	start, word := 0, ""
	for i := 0; i < len(text); i++ {
		c := text[i]
		if quote != 0 {
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote, start = 0, i+1
			}
			continue
		}
		if isWord(c) {
			continue
		}
		if w := text[start:i]; w != "" {
			word = w
		}
		start = i + 1
		switch c {
		case '"', '\'', '`':
			quote, quoted = c, i+1
		case '{', '(', '[':
			before := word
			if i == 0 || !isWord(text[i-1]) && text[i-1] != ' ' {
				before = ""
			}
			open, of = append(open, c), append(of, before)
			if c == '{' {
				metric = before
			}
			word = ""
		case '}', ')', ']':
			if n := len(open); n > 0 {
				open, of = open[:n-1], of[:n-1]
			}
			word = ""
		case '=', '!', '~':
			if word != "" {
				label, word = word, ""
			}
		case ',':
			label, word = "", ""
		}
	}
	in, before := byte(0), ""
	if n := len(open); n > 0 {
		in, before = open[n-1], of[n-1]
	}
	switch {
	case quote != 0 && in == '{' && label != "":
		return place{kind: driver.WordLabelValue, of: label, metric: metric, from: quoted}, true
	case quote != 0 || in == '[':
		return place{}, false
	case in == '{' || in == '(' && grouping(before):
		return place{kind: driver.WordLabel, metric: metric, from: start}, true
	}
	return place{kind: driver.WordMetric, from: start}, true
}

func isWord(c byte) bool {
	return c == '_' || c == ':' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func grouping(word string) bool {
	switch word {
	case "by", "without", "on", "ignoring", "group_left", "group_right":
		return true
	}
	return false
}

// describer is an Asker that knows what a metric is, in one line; "" when nobody does.
type describer interface {
	Describe(ctx context.Context, source, metric string) string
}

// Complete lists words that go on from a text of PromQL at its end.
func Complete(ctx context.Context, ask Asker, source, text string) (signal.Words, error) {
	out := signal.Words{Typed: text}
	at, ok := placeOf(text)
	if !ok {
		return out, nil
	}
	out.From = at.from
	prefix := text[at.from:]
	if prefix != "" && prefix[0] >= '0' && prefix[0] <= '9' {
		return out, nil
	}
	of, metric := driver.InMetric(at.metric, at.of), at.metric
	if at.kind == driver.WordLabel {
		of = at.metric
	}
	found, err := ask.Words(ctx, source, at.kind, of, prefix, maxWords)
	if at.kind == driver.WordMetric && slices.Contains(found, prefix) {
		metric = prefix
	}
	if d, ok := ask.(describer); ok && metric != "" {
		out.Says = d.Describe(ctx, source, metric)
	}
	if at.kind == driver.WordMetric {
		for _, f := range functions {
			if prefix != "" && strings.HasPrefix(f, prefix) {
				found = append(found, f)
			}
		}
	}
	for _, w := range found {
		if w != prefix && len(out.List) < maxWords {
			out.List = append(out.List, w)
		}
	}
	return out, err
}
