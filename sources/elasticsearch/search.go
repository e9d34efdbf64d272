package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"gameday/sources/client"
	"gameday/sources/jsonstream"
	"gameday/sources/signal"
)

// limits of one answer's parts: the sanitiser cuts texts shorter still.
var limits = jsonstream.Limits{Text: 16 << 10, Value: 512 << 10}

const keepAlive = "1m"

// object is a part of a request.
type object = map[string]any

// hit is one document that was found.
type hit struct {
	Index  string          `json:"_index"`
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
	Sort   json.RawMessage `json:"sort"` // handed back as it came: a time in nanoseconds has more digits than a float
}

// page is one answer.
type page struct {
	hits     []hit
	pit      string
	cut      bool
	timedOut bool
	warnings []string
}

func asStatus(err error, to **client.StatusError) bool { return errors.As(err, to) }

// point is a point in time: what is indexed meanwhile does not move the pages.
type point struct {
	d      *Driver
	id     string // "" when the system has none
	flavor flavor
}

// open opens a point in time in the way that the system knows; which one, is found out once.
func (d *Driver) open(ctx context.Context) (*point, error) {
	d.mu.Lock()
	known := d.flavor
	d.mu.Unlock()
	p := &point{d: d, flavor: known}
	if known == plain {
		return p, nil
	}
	v := url.Values{"keep_alive": {keepAlive}, "ignore_unavailable": {"true"}}
	for _, try := range []struct {
		flavor flavor
		path   string
		query  url.Values
	}{{elastic, "/_pit", v}, {opensearch, "/_search/point_in_time", url.Values{"keep_alive": {keepAlive}}}} {
		if known != unknown && known != try.flavor {
			continue
		}
		var out struct {
			ID  string `json:"id"`
			PIT string `json:"pit_id"`
		}
		req := client.Request{Method: http.MethodPost, Path: d.path(try.path), Query: try.query}
		err := d.client.JSON(ctx, req, &out)
		if err == nil && out.ID+out.PIT == "" {
			err = d.client.Explain(req, &jsonstream.SyntaxError{Want: "a point in time", Found: "none"})
		}
		if err == nil {
			p.id, p.flavor = out.ID+out.PIT, try.flavor
			break
		}
		if known != unknown || !lacks(err) {
			return nil, err
		}
	}
	if p.flavor == unknown {
		p.flavor = plain
	}
	return p, nil
}

// worked remembers the way once a search went well.
func (p *point) worked() {
	p.d.mu.Lock()
	p.d.flavor = p.flavor
	p.d.mu.Unlock()
}

// close gives the point up, also when ctx has ended: the system would keep files for it.
func (p *point) close(ctx context.Context) {
	if p.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	path, what := "/_pit", object{"id": p.id}
	if p.flavor == opensearch {
		path, what = "/_search/point_in_time", object{"pit_id": []string{p.id}}
	}
	data, err := json.Marshal(what)
	if err != nil {
		return
	}
	body, _, err := p.d.client.Do(ctx, client.Request{Method: http.MethodDelete, Path: path, Body: data, Header: http.Header{"Content-Type": {"application/json"}}})
	if err == nil {
		_ = body.Close() // it ends by itself after a minute
	}
}

// search asks for the page behind after; nil begins.
func (p *point) search(ctx context.Context, filter []any, order string, after json.RawMessage, size int) (page, error) {
	tie := p.d.opt.TieBreaker
	if tie == "" {
		tie = "_id"
		if p.flavor == elastic {
			tie = "_shard_doc"
		}
	}
	ask := object{
		"size": size, "query": object{"bool": object{"filter": filter}}, "track_total_hits": false,
		"sort": []any{object{p.d.fields.time: object{"order": order, "unmapped_type": "date"}}, object{tie: object{"order": order}}},
	}
	path := "/_search"
	if p.id == "" {
		path = p.d.path("/_search")
	} else {
		ask["pit"] = object{"id": p.id, "keep_alive": keepAlive}
	}
	if after != nil {
		ask["search_after"] = after
	}
	data, err := json.Marshal(ask)
	if err != nil {
		return page{}, fmt.Errorf("search: %w", err)
	}
	req := client.Request{Method: http.MethodPost, Path: path, Body: data, Header: http.Header{"Content-Type": {"application/json"}}}
	body, _, err := p.d.client.Do(ctx, req)
	if err != nil {
		return page{}, err
	}
	defer body.Close() // it was only read
	out, err := readPage(body, size)
	switch {
	case errors.Is(err, client.ErrTruncated):
		out.cut = true
	case err != nil:
		return page{}, p.d.client.Explain(req, err)
	}
	if out.pit != "" {
		p.id = out.pit // it may change from answer to answer
	}
	p.worked()
	return out, nil
}

var errEnough = errors.New("that is enough")

// readPage reads an answer. Beside client.ErrTruncated it returns what came before.
func readPage(src io.Reader, size int) (out page, err error) {
	r := jsonstream.NewReader(src, limits)
	found := false
	err = r.Object(func(key string) (err error) {
		switch key {
		case "pit_id":
			out.pit, err = r.Text()
			return err
		case "timed_out":
			out.timedOut, err = r.Bool()
			return err
		case "_shards":
			return readShards(r, &out)
		case "hits":
			return r.Object(func(key string) error {
				if key != "hits" {
					return r.Skip()
				}
				found = true
				return r.Array(func() error {
					if len(out.hits) >= size {
						return errEnough
					}
					var h hit
					if err := r.Decode(&h); err != nil {
						return err
					}
					if h.Source != nil && h.ID != "" {
						out.hits = append(out.hits, h)
					}
					return nil
				})
			})
		}
		return r.Skip()
	})
	out.cut = out.cut || r.Cut()
	if errors.Is(err, errEnough) {
		out.cut, err = true, nil
	}
	if err == nil && !found && !out.cut {
		err = &jsonstream.SyntaxError{Offset: r.Offset(), Want: "hits", Found: "none"}
	}
	return out, err
}

// readShards notes which parts of the indices gave no answer: what they hold is missing.
func readShards(r *jsonstream.Reader, out *page) error {
	var s struct {
		Total, Failed int
		Failures      []struct {
			Index  string
			Reason struct{ Type, Reason string }
		}
	}
	if err := r.Decode(&s); err != nil {
		return err
	}
	if s.Failed > 0 {
		w := fmt.Sprintf("%d of %d shards gave no answer", s.Failed, s.Total)
		if len(s.Failures) > 0 {
			w += fmt.Sprintf(" (%s: %s)", s.Failures[0].Index, s.Failures[0].Reason.Reason)
		}
		out.warnings = append(out.warnings, w)
	}
	return nil
}

// walk hands out page after page until take wants no more of them, or there are none.
func (d *Driver) walk(ctx context.Context, filter []any, order string, size int, take func(page) (more bool)) error {
	p, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer func() { p.close(ctx) }()
	var after json.RawMessage
	for {
		got, err := p.search(ctx, filter, order, after, size)
		if err != nil {
			return err
		}
		if !take(got) || got.cut || len(got.hits) < size {
			return nil
		}
		next := got.hits[len(got.hits)-1].Sort
		if next == nil || bytes.Equal(next, after) { // it does not go on
			return nil
		}
		after = next
	}
}

// within asks for a window.
func (f *fields) within(w signal.Window) object {
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }
	return object{"range": object{f.time: object{"gte": stamp(w.From), "lt": stamp(w.To), "format": "strict_date_optional_time_nanos"}}}
}
