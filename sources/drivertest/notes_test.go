package drivertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/drivertest"
	"gameday/sources/examine"
	"gameday/sources/jsonstream"
	"gameday/sources/signal"
)

// notes is the driver that docs/adding-a-driver.md writes: a small whole one, for a system that keeps log lines and gives
// them page by page.
type notes struct {
	client *client.Client
	every  time.Duration
	page   int
}

type notesOptions struct {
	Page int `yaml:"page" doc:"Lines of one page. Default 500."`
}

// notesKind is what goes into sources/all.
func notesKind() driver.Kind {
	return driver.Kind{Name: "notes", Help: "Lines of a notebook server.", Signals: []string{"logs"}, Schema: &notesOptions{}, Open: openNotes}
}

func openNotes(s driver.Settings) (driver.Driver, error) {
	o := notesOptions{Page: 500}
	if s.Options != nil {
		s.Options.Decode(&o)
		if o.Page < 1 {
			s.Options.Reportf("page", "must be at least 1")
		}
		if err := s.Options.Err(); err != nil {
			return nil, err
		}
	}
	c, err := client.New(s.Address, s.Client)
	if err != nil {
		return nil, err
	}
	if s.Every == 0 {
		s.Every = 5 * time.Second
	}
	return &notes{client: c, every: s.Every, page: o.Page}, nil
}

// Run implements driver.Driver: there is nothing to push, so it looks whether the system still answers.
func (n *notes) Run(ctx context.Context, _ func(signal.Batch)) error {
	for ctx.Err() == nil {
		var up struct{ OK bool }
		if err := n.client.JSON(ctx, client.Request{Path: "/up"}, &up); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(n.every):
		}
	}
	return nil
}

// Query implements driver.Querier, newest page first.
func (n *notes) Query(ctx context.Context, q driver.Query) (driver.Answer, error) {
	var out driver.Answer
	limit := q.Limit
	if limit <= 0 {
		limit = 1000
	}
	for before := ""; len(out.Logs) <= limit; {
		next, err := n.fetch(ctx, q, before, limit, &out)
		if errors.Is(err, client.ErrTruncated) || errors.Is(err, errEnough) {
			out.Truncated = true
			break
		}
		if err != nil {
			return driver.Answer{}, fmt.Errorf("notes: %w", err)
		}
		if next == "" {
			break
		}
		before = next
	}
	if len(out.Logs) > limit {
		out.Logs, out.Truncated = out.Logs[:limit], true
	}
	return out, nil
}

// errEnough ends the reading of an answer that has more than was asked for: what a system sends is not to be trusted.
var errEnough = errors.New("that is enough")

// fetch reads one page and says where the next one begins; "" when there is none.
func (n *notes) fetch(ctx context.Context, q driver.Query, before string, limit int, out *driver.Answer) (next string, err error) {
	v := url.Values{"limit": {strconv.Itoa(n.page)}}
	for key, value := range map[string]string{"before": before, "trace": string(q.ID)} {
		if value != "" {
			v.Set(key, value)
		}
	}
	if !q.Window.To.IsZero() {
		v.Set("from", strconv.FormatInt(q.Window.From.UnixMilli(), 10))
		v.Set("to", strconv.FormatInt(q.Window.To.UnixMilli(), 10))
	}
	body, _, err := n.client.Do(ctx, client.Request{Path: "/notes", Query: v})
	if err != nil {
		return "", err
	}
	defer body.Close() // it was only read
	r := jsonstream.NewReader(body, jsonstream.Limits{})
	err = r.Object(func(key string) error {
		switch key {
		case "next":
			next, err = r.Text()
			return err
		case "notes":
			return r.Array(func() error {
				if len(out.Logs) > limit {
					return errEnough
				}
				return n.record(r, out)
			})
		}
		return r.Skip()
	})
	if r.Cut() {
		out.Truncated = true
	}
	return next, n.client.Explain(client.Request{Path: "/notes"}, err)
}

func (n *notes) record(r *jsonstream.Reader, out *driver.Answer) error {
	var l struct {
		At                         int64
		Service, Text, Trace, Span string
	}
	if err := r.Decode(&l); err != nil {
		return err
	}
	if l.At == 0 {
		return nil
	}
	rec := signal.Record{Time: time.UnixMilli(l.At), Service: l.Service, Body: l.Text}
	rec.TraceID, _ = signal.ParseTraceID(l.Trace) // a line without one is a line all the same
	out.Logs = append(out.Logs, rec)
	return nil
}

// Check implements driver.Checker.
func (n *notes) Check(ctx context.Context) []driver.Finding {
	found, _ := examine.HTTP(ctx, n.client, client.Request{Path: "/up"})
	return found
}

// Close gives idle connections up.
func (n *notes) Close() error {
	n.client.Close()
	return nil
}

// notebook is the system: what a test of a driver brings along when there is no real one.
func notebook(_ *testing.T, known signal.Batch) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /up", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"ok":true}`)) })
	mux.HandleFunc("GET /notes", func(w http.ResponseWriter, r *http.Request) {
		type line struct {
			At                   int64
			Service, Text, Trace string
		}
		var out struct {
			Notes []line `json:"notes"`
			Next  string `json:"next,omitempty"`
		}
		number := func(key string, otherwise int64) int64 {
			if n, err := strconv.ParseInt(r.FormValue(key), 10, 64); err == nil {
				return n
			}
			return otherwise
		}
		for i := len(known.Logs) - 1; i >= 0; i-- {
			l := known.Logs[i]
			at := l.Time.UnixMilli()
			if at < number("from", 0) || at >= number("to", 1<<60) || at >= number("before", 1<<60) || r.FormValue("trace") != "" && r.FormValue("trace") != l.TraceID.String() {
				continue
			}
			if int64(len(out.Notes)) == number("limit", 10) {
				out.Next = strconv.FormatInt(out.Notes[len(out.Notes)-1].At, 10)
				break
			}
			out.Notes = append(out.Notes, line{at, l.Service, l.Body, l.TraceID.String()})
		}
		_ = json.NewEncoder(w).Encode(out) // the client may have gone
	})
	return mux
}

func TestTheDriverOfTheManualConforms(t *testing.T) {
	drivertest.RunHTTP(t, drivertest.HTTP{
		Kind: notesKind(), Options: "page: 7", System: notebook, Logs: true,
		Huge: drivertest.Huge{Head: `{"notes":[`, Item: `{"at":1700000000000,"text":"` + drivertest.Filler + `"}`, Separator: ",", Tail: `]}`},
	})
}
