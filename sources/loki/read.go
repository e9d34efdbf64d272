package loki

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gameday/sources/client"
	"gameday/sources/jsonstream"
	"gameday/sources/signal"
)

// limits of one answer's parts: the sanitiser cuts lines shorter still.
var limits = jsonstream.Limits{Text: 16 << 10, Value: 256 << 10}

// apart asks Loki 3 to keep structured metadata apart from the labels of the stream.
const (
	flagsHeader = "X-Loki-Response-Encoding-Flags"
	apart       = "categorize-labels"
)

// errEnough ends the reading of an answer that has more than was asked for.
var errEnough = errors.New("that is enough")

// answer is what one request for entries gave.
type answer struct {
	entries  []entry
	cut      bool // there was more than is read
	warnings []string
}

// fetch asks for entries of [from, to), in nanoseconds.
func (d *Driver) fetch(ctx context.Context, query string, from, to int64, limit int, direction string) (answer, error) {
	v := url.Values{"query": {query}, "limit": {strconv.Itoa(limit)}, "direction": {direction},
		"start": {strconv.FormatInt(from, 10)}, "end": {strconv.FormatInt(to, 10)}}
	req := client.Request{Path: "/loki/api/v1/query_range", Query: v, Header: http.Header{flagsHeader: {apart}}}
	body, _, err := d.client.Do(ctx, req)
	if err != nil {
		return answer{}, err
	}
	defer body.Close() // it was only read
	a, err := readAnswer(body, limit)
	switch {
	case errors.Is(err, client.ErrTruncated):
		a.cut = true
	case err != nil:
		return answer{}, d.client.Explain(req, err)
	}
	return a, nil
}

// readAnswer reads what query_range says. Beside client.ErrTruncated it returns what came before.
func readAnswer(src io.Reader, limit int) (answer, error) {
	var a answer
	r := jsonstream.NewReader(src, limits)
	found := false
	err := r.Object(func(key string) error {
		switch key {
		case "warnings":
			return r.Array(func() error {
				w, err := r.Text()
				a.warnings = append(a.warnings, w)
				return tooMany(len(a.warnings) > 100, err)
			})
		case "data":
			found = true
			return r.Object(func(key string) error {
				switch key {
				case "resultType":
					kind, err := r.Text()
					if err == nil && kind != "streams" {
						err = errMetric
					}
					return err
				case "result":
					return readStreams(r, limit, &a.entries)
				}
				return r.Skip()
			})
		}
		return r.Skip()
	})
	if errors.Is(err, errEnough) {
		a.cut, err = true, nil
	}
	if err == nil && !found && !a.cut {
		err = &jsonstream.SyntaxError{Offset: r.Offset(), Want: "data", Found: "none"}
	}
	a.cut = a.cut || r.Cut()
	return a, err
}

func tooMany(is bool, err error) error {
	if err == nil && is {
		return errEnough
	}
	return err
}

// readStreams reads [{"stream":{…},"values":[[time,line,{…}]]}].
func readStreams(r *jsonstream.Reader, limit int, out *[]entry) error {
	return r.Array(func() error {
		var labels signal.Attrs
		first := len(*out)
		err := r.Object(func(key string) (err error) {
			switch key {
			case "stream":
				labels, err = readLabels(r)
				return err
			case "values":
				return r.Array(func() error {
					if len(*out) >= limit {
						return errEnough
					}
					e, err := readEntry(r)
					if err == nil {
						*out = append(*out, e)
					}
					return err
				})
			}
			return r.Skip()
		})
		for i := range (*out)[first:] {
			(*out)[first+i].labels = labels
		}
		return err
	})
}

func readEntry(r *jsonstream.Reader) (e entry, err error) {
	i := 0
	err = r.Array(func() error {
		i++
		switch i {
		case 1:
			text, err := r.Text()
			if err != nil {
				return err
			}
			if e.at, err = strconv.ParseInt(text, 10, 64); err != nil {
				return &jsonstream.SyntaxError{Offset: r.Offset(), Want: "a time in nanoseconds", Found: strconv.Quote(text[:min(len(text), 40)])}
			}
			return nil
		case 2:
			e.line, err = r.Text()
			return err
		case 3:
			return r.Object(func(key string) error {
				if key != "structuredMetadata" { // what it parsed stands in the line as well
					return r.Skip()
				}
				e.meta, err = readLabels(r)
				return err
			})
		}
		return r.Skip()
	})
	if err == nil && i < 2 {
		err = &jsonstream.SyntaxError{Offset: r.Offset(), Want: "a time and a line", Found: "less"}
	}
	return e, err
}

// readLabels reads {"a":"b"}, sorted by name.
func readLabels(r *jsonstream.Reader) (out signal.Attrs, err error) {
	const most = 10_000
	err = r.Object(func(key string) error {
		value, err := r.Text()
		if err == nil && len(out) < most {
			out = append(out, signal.Attr{Key: key, Value: value})
		}
		return err
	})
	slices.SortFunc(out, func(a, b signal.Attr) int { return strings.Compare(a.Key, b.Key) })
	return out, err
}
