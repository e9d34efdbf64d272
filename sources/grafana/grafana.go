// Package grafana reads the annotations of a Grafana, such as deployments, onto the timeline, and writes gameday's own faults
// there, so that everybody's dashboards show when something was broken on purpose.
//
// The API is https://grafana.com/docs/grafana/latest/developers/http_api/annotations/. Reading needs a token with
// annotations:read; writing, which is off unless annotate is set, one with annotations:create and annotations:write.
package grafana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// Kind describes the driver to the list of them.
func Kind() driver.Kind {
	return driver.Kind{Name: "grafana", Help: "Annotations of a Grafana; and gameday's faults written there as such, when annotate is set.",
		Usual: "http://localhost:3000", Schema: &Options{}, Open: Open}
}

// Options are what a source of this kind has below options:.
type Options struct {
	Annotate     bool     `yaml:"annotate" doc:"Write an annotation when a fault begins, and its end when it is undone. Default false."`
	Tags         []string `yaml:"tags" doc:"Tags of what is written, besides gameday and fault; and only annotations with all of them are read."`
	DashboardUID string   `yaml:"dashboardUID" doc:"Write to this dashboard only; without it to the whole organisation."`
	PanelID      int      `yaml:"panelID" doc:"And to this panel of it only."`
}

// The bounds of one answer, and of what is kept.
const (
	maxAnnotations = 1000
	maxOpen        = 1000
	ownTag         = "gameday"
)

// Driver reads one Grafana. Its methods may be called from any goroutine; Run from one at a time.
type Driver struct {
	client *client.Client
	name   string
	every  time.Duration
	opt    Options
}

// Open makes a driver; it reaches for nothing yet. With annotate it also implements driver.Exporter.
func Open(s driver.Settings) (driver.Driver, error) {
	var o Options
	if s.Options != nil {
		s.Options.Decode(&o)
		if o.PanelID < 0 || o.PanelID > 0 && o.DashboardUID == "" {
			s.Options.Reportf("panelID", "a panel needs dashboardUID, and a number above zero")
		}
		if err := s.Options.Err(); err != nil {
			return nil, err
		}
	}
	c, err := client.New(s.Address, s.Client)
	if err != nil {
		return nil, err
	}
	d := &Driver{client: c, name: s.Name, every: s.Every, opt: o}
	if d.every <= 0 {
		d.every = 10 * time.Second
	}
	if o.Annotate {
		return &Annotating{Driver: d, written: map[uint64]int64{}}, nil
	}
	return d, nil
}

// Close gives idle connections up.
func (d *Driver) Close() error {
	d.client.Close()
	return nil
}

// Run implements driver.Driver: it tells of annotations that are new or have got an end.
func (d *Driver) Run(ctx context.Context, emit func(signal.Batch)) error {
	since := time.Now().Add(-time.Hour)
	seen := map[string]time.Time{} // the end that was told of each
	for ctx.Err() == nil {
		found, err := d.Query(ctx, driver.Query{Window: signal.Window{From: since, To: time.Now().Add(time.Minute)}})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("look at the annotations: %w", err)
		}
		if len(seen) > 10*maxAnnotations {
			clear(seen)
		}
		var news []signal.Event
		for _, e := range found.Events {
			if end, told := seen[e.Key]; !told || !end.Equal(e.End) {
				seen[e.Key] = e.End
				news = append(news, e)
			}
		}
		if len(news) > 0 {
			emit(signal.Batch{Events: news})
		}
		select {
		case <-ctx.Done():
		case <-time.After(d.every):
		}
	}
	return nil
}

// wire is an annotation as the API has it. Times are in milliseconds.
type wire struct {
	ID           int64    `json:"id,omitempty"`
	Time         int64    `json:"time,omitempty"`
	TimeEnd      int64    `json:"timeEnd,omitempty"`
	Text         string   `json:"text,omitempty"`
	Tags         []string `json:"tags,omitempty"`
	DashboardUID string   `json:"dashboardUID,omitempty"`
	PanelID      int      `json:"panelId,omitempty"`
	AlertName    string   `json:"alertName,omitempty"`
}

func (w *wire) event(source string) signal.Event {
	e := signal.Event{Kind: signal.EventNote, Key: "grafana/" + source + "/" + strconv.FormatInt(w.ID, 10), Start: time.UnixMilli(w.Time), Target: source}
	if w.TimeEnd > w.Time {
		e.End = time.UnixMilli(w.TimeEnd)
	}
	title, rest, _ := strings.Cut(strings.TrimSpace(w.Text), "\n")
	if title == "" {
		title = w.AlertName
	}
	if title == "" {
		title = "annotation"
	}
	e.Title, e.Detail = sanitize.Line(title, 120), sanitize.Line(rest, sanitize.MaxValue)
	if len(w.Tags) > 0 {
		e.Attrs = signal.Attrs{{Key: "tags", Value: sanitize.Line(strings.Join(w.Tags, ", "), sanitize.MaxValue)}}
	}
	return e
}

func (d *Driver) request(q driver.Query) client.Request {
	limit := maxAnnotations
	if q.Limit > 0 {
		limit = min(q.Limit, maxAnnotations)
	}
	v := url.Values{"limit": {strconv.Itoa(limit + 1)}, "type": {"annotation"}}
	if !q.Window.From.IsZero() {
		v.Set("from", strconv.FormatInt(q.Window.From.UnixMilli(), 10))
		v.Set("to", strconv.FormatInt(q.Window.To.UnixMilli(), 10))
	}
	for _, t := range append(slices.Clone(d.opt.Tags), strings.Fields(q.Text)...) {
		v.Add("tags", t)
	}
	return client.Request{Path: "/api/annotations", Query: v}
}

// Query implements driver.Querier; the text is tags, all of which an annotation must have. What gameday wrote itself is left out.
func (d *Driver) Query(ctx context.Context, q driver.Query) (driver.Answer, error) {
	var out driver.Answer
	if q.ID != "" { // annotations know of no request
		return out, nil
	}
	limit := maxAnnotations
	if q.Limit > 0 {
		limit = min(q.Limit, maxAnnotations)
	}
	more, err := client.ReadList(ctx, d.client, client.List[wire]{Request: d.request(q), What: "annotations (is this a Grafana?)", Most: limit,
		Keep: func(one wire) bool {
			if one.ID == 0 || slices.Contains(one.Tags, ownTag) {
				return false
			}
			out.Events = append(out.Events, one.event(d.name))
			return true
		}})
	out.Truncated = more
	return out, err
}

// Check implements driver.Checker.
func (d *Driver) Check(ctx context.Context) []driver.Finding {
	findings, _ := examine.HTTP(ctx, d.client, d.request(driver.Query{Limit: 1}))
	return findings
}

// Annotating is a Driver that also implements driver.Exporter. It is what Open returns when annotate is set.
type Annotating struct {
	*Driver
	written map[uint64]int64 // annotations of faults that go on, by the event's ID; Export has it alone
}

// Export implements driver.Exporter: a fault that begins is a new annotation, one that ended gets its end. When the beginning
// was lost, the end writes both.
func (a *Annotating) Export(ctx context.Context, b signal.Batch) error {
	var errs []error
	for _, e := range b.Events {
		if e.Kind != signal.EventFault || e.ID == 0 {
			continue
		}
		if err := a.fault(ctx, e); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (a *Annotating) fault(ctx context.Context, e signal.Event) error {
	id, known := a.written[e.ID]
	ended := !e.Open && !e.End.IsZero()
	w := wire{Time: e.Start.UnixMilli(), Text: textOf(e), Tags: append([]string{ownTag, "fault"}, a.opt.Tags...), DashboardUID: a.opt.DashboardUID, PanelID: a.opt.PanelID}
	if ended {
		w.TimeEnd = e.End.UnixMilli()
	}
	switch {
	case !known:
		id, err := a.send(ctx, http.MethodPost, "/api/annotations", w)
		if err != nil {
			return fmt.Errorf("annotate that %s began: %w", e.Title, err)
		}
		if !ended && id != 0 {
			if len(a.written) >= maxOpen {
				clear(a.written)
			}
			a.written[e.ID] = id
		}
	case ended:
		path := "/api/annotations/" + strconv.FormatInt(id, 10)
		if _, err := a.send(ctx, http.MethodPatch, path, wire{TimeEnd: w.TimeEnd, Text: w.Text}); err != nil {
			return fmt.Errorf("annotate that %s ended: %w", e.Title, err)
		}
		delete(a.written, e.ID)
	}
	return nil
}

// textOf is what stands in Grafana, which renders text as HTML.
func textOf(e signal.Event) string {
	lines := []string{"gameday: " + e.Title}
	if e.Target != "" {
		lines = append(lines, "on "+e.Target)
	}
	if e.Detail != "" {
		lines = append(lines, e.Detail)
	}
	if e.By != "" {
		lines = append(lines, "by "+e.By)
	}
	text := sanitize.Line(strings.Join(lines, " | "), sanitize.MaxValue)
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

func (a *Annotating) send(ctx context.Context, method, path string, w wire) (id int64, err error) {
	data, err := json.Marshal(w)
	if err != nil {
		return 0, err
	}
	var answer struct{ ID int64 }
	r := client.Request{Method: method, Path: path, Body: data, Header: http.Header{"Content-Type": {"application/json"}}}
	err = a.client.JSON(ctx, r, &answer)
	return answer.ID, err
}
