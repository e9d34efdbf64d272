package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/jsonstream"
)

// fresh is how far back names are looked for: what ended long ago is no help to whoever types.
const fresh = time.Hour

// Complete implements driver.Completer. Services are the values of the label service, or of job where there is none.
func (d *Driver) Complete(ctx context.Context, kind driver.WordKind, of, prefix string, limit int) ([]string, error) {
	v := url.Values{"start": {seconds(time.Now().Add(-fresh))}, "end": {seconds(time.Now())}}
	path := ""
	switch kind {
	case driver.WordMetric:
		path = labelPath("__name__")
		if prefix != "" {
			v.Set("match[]", `{__name__=~`+strconv.Quote(regexp.QuoteMeta(prefix)+".*")+`}`)
		}
	case driver.WordLabel:
		path = "/api/v1/labels"
		if of != "" {
			v.Set("match[]", `{__name__=`+strconv.Quote(of)+`}`)
		}
	case driver.WordLabelValue:
		metric, label := driver.OfMetric(of)
		path = labelPath(label)
		if metric != "" {
			v.Set("match[]", `{__name__=`+strconv.Quote(metric)+`}`)
		}
	case driver.WordService:
		words, err := d.words(ctx, labelPath("service"), v, prefix, limit)
		if err != nil || len(words) > 0 {
			return words, err
		}
		path = labelPath("job")
	default:
		return nil, nil
	}
	return d.words(ctx, path, v, prefix, limit)
}

func labelPath(name string) string { return "/api/v1/label/" + url.PathEscape(name) + "/values" }

// words keeps those that begin with prefix; the server sends them sorted, and there may be a hundred thousand.
func (d *Driver) words(ctx context.Context, path string, v url.Values, prefix string, limit int) ([]string, error) {
	if limit <= 0 || limit > 10_000 {
		limit = 10_000
	}
	var out []string
	_, err := d.fetch(ctx, client.Request{Path: path, Query: v}, func(key string, j *jsonstream.Reader) error {
		if key != "" {
			return errSkip
		}
		return j.Array(func() error {
			word, err := j.Scalar()
			if err != nil || !strings.HasPrefix(word, prefix) {
				return err
			}
			if len(out) == limit {
				return errEnough
			}
			out = append(out, clean(word))
			return nil
		})
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("look up names: %w", err)
	}
	slices.Sort(out)
	return out, nil
}

// Describe says what a metric is: its type (counter, gauge, histogram), its help and its unit, all "" when the server does not
// know.
func (d *Driver) Describe(ctx context.Context, metric string) (kind, help, unit string, err error) {
	_, err = d.fetch(ctx, client.Request{Path: "/api/v1/metadata", Query: url.Values{"metric": {metric}, "limit": {"1"}}}, func(key string, j *jsonstream.Reader) error {
		if key != metric {
			return errSkip
		}
		return j.Array(func() error {
			var one struct{ Type, Help, Unit string }
			err := j.Decode(&one)
			if kind == "" {
				kind, help, unit = clean(one.Type), clean(one.Help), clean(one.Unit)
			}
			return err
		})
	})
	if err != nil {
		return "", "", "", fmt.Errorf("look up what %s is: %w", quote(metric), err)
	}
	return kind, help, unit, nil
}
