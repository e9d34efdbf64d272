// Package har turns an HTTP archive, as browsers and proxies record it, into a load plan: one scenario that makes the
// recorded requests in their order, with the pauses between them.
package har

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/format"
)

const (
	maxEntries = 5_000
	minPause   = 50 * time.Millisecond // shorter gaps are the browser's own
	maxPause   = time.Minute           // longer ones are a person who went away
)

// Options are what an archive does not say.
type Options struct {
	Target string // instead of the origin most requests go to
}

type archive struct {
	Log *struct {
		Creator struct{ Name, Version string }
		Entries []entry
	}
}

type entry struct {
	StartedDateTime string
	Time            float64 // milliseconds
	Request         struct {
		Method, URL string
		Headers     []pair
		Cookies     []json.RawMessage
		PostData    *struct {
			MimeType string
			Text     string
			Params   []pair
			Encoding string
		}
	}
	Response struct{ Status int }

	started time.Time
}

type pair struct{ Name, Value, FileName string }

// Convert reads an archive. The error says why nothing can be made of it.
func Convert(data []byte, o Options) (*format.Result, error) {
	var a archive
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &a); err != nil {
		return nil, fmt.Errorf("not an HTTP archive: %w", err)
	}
	if a.Log == nil {
		return nil, fmt.Errorf("not an HTTP archive: it has no log")
	}
	cov := &format.Coverage{}
	entries := a.Log.Entries
	if len(entries) > maxEntries {
		for range entries[maxEntries:] {
			cov.Add("entry", fmt.Sprintf("log.entries[%d]", maxEntries), format.NotConverted, fmt.Sprintf("only the first %d are", maxEntries))
		}
		entries = entries[:maxEntries]
	}
	inOrder(entries)
	var origins format.Origins
	for i := range entries {
		if origin, _, err := format.Address(entries[i].Request.URL); err == nil {
			origins.Add(origin)
		}
	}
	d := &format.Draft{
		From: "an HTTP archive", Name: "recording", Target: origins.Main(), Duration: time.Minute,
		Title:    format.Label("Recorded by "+a.Log.Creator.Name, ""),
		Executor: &load.Executor{Kind: load.ConstantUsers, Users: 1},
	}
	cov.Add("executor", "log", format.Approximated, "a recording says nothing about how much: one user for one minute")
	sc := format.Scenario{Name: "recording"}
	var ended time.Time
	for i := range entries {
		e := &entries[i]
		step, ok := e.step(fmt.Sprintf("log.entries[%d]", i), d.Target, cov)
		if !ok {
			continue
		}
		pause(&sc, e, &ended, cov)
		sc.Steps = append(sc.Steps, step)
	}
	if o.Target != "" {
		d.Target = o.Target
	}
	if len(sc.Steps) > 0 {
		d.Scenarios = []format.Scenario{sc}
	}
	return format.Finish(d, cov)
}

// inOrder sorts the entries by when they began, as far as that is known.
func inOrder(entries []entry) {
	for i := range entries {
		at, err := time.Parse(time.RFC3339Nano, entries[i].StartedDateTime)
		if err != nil {
			return
		}
		entries[i].started = at
	}
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].started.Before(entries[j].started) })
}

// pause gives the step before this entry the time that passed between the two.
func pause(sc *format.Scenario, e *entry, ended *time.Time, cov *format.Coverage) {
	if e.started.IsZero() {
		return
	}
	if n := len(sc.Steps); n > 0 {
		switch gap := e.started.Sub(*ended); {
		case gap < 0:
			cov.Add("parallel request", sc.Steps[n-1].Name, format.Approximated, "requests that ran at the same time are made one after the other")
		case gap > maxPause:
			sc.Steps[n-1].Think.Constant = maxPause
			cov.Add("pause", sc.Steps[n-1].Name, format.Approximated, "a pause above one minute is cut to one minute")
		case gap >= minPause:
			sc.Steps[n-1].Think.Constant = gap.Round(time.Millisecond)
			cov.Add("pause", sc.Steps[n-1].Name, format.Converted, "")
		}
	}
	took := min(max(e.Time, 0), 3.6e6)
	if end := e.started.Add(time.Duration(took * float64(time.Millisecond))); end.After(*ended) {
		*ended = end
	}
}

func (e *entry) step(at, target string, cov *format.Coverage) (step format.Step, ok bool) {
	origin, path, err := format.Address(e.Request.URL)
	if err != nil {
		cov.Add("entry", at, format.NotConverted, "its address is not http or https")
		return step, false
	}
	if origin != target {
		cov.Add("entry for another host", at, format.NotConverted, "a plan has one target; this one goes to "+origin)
		return step, false
	}
	step.Path = path
	if step.Method, ok = format.Method(e.Request.Method); !ok {
		cov.Add("entry", at, format.NotConverted, "a plan has no method "+format.Label(e.Request.Method, "without a name"))
		return step, false
	}
	short, _, _ := strings.Cut(path, "?")
	step.Name = format.Label(step.Method+" "+short, "request")
	for _, h := range e.Request.Headers {
		step.Headers = format.SetHeader(step.Headers, h.Name, format.Literal(h.Value), at, cov)
	}
	if len(e.Request.Cookies) > 0 && !format.HasHeader(step.Headers, "Cookie") {
		cov.Add("cookies", at, format.NotConverted, "cookies are not kept, and those of a recording have expired")
	}
	e.body(&step, at, cov)
	if s := e.Response.Status; s >= 100 && s <= 599 {
		step.Status = []string{strconv.Itoa(s)}
		if s < 300 && s >= 200 {
			step.Status = []string{"2xx"}
		}
		if s == 304 {
			step.Status = []string{"2xx", "304"}
		}
	}
	cov.Add("entry", at, format.Converted, "")
	return step, true
}

// body takes the request's body over, from its text or from the form's fields.
func (e *entry) body(step *format.Step, at string, cov *format.Coverage) {
	post := e.Request.PostData
	switch {
	case post == nil:
		return
	case post.Encoding != "":
		cov.Add("postData", at, format.NotConverted, "a binary body cannot stand in a plan")
		return
	case post.Text != "":
		step.Body = format.Literal(post.Text)
	default:
		var fields []string
		for _, p := range post.Params {
			if p.FileName != "" {
				cov.Add("postData", at, format.NotConverted, "files are not in the recording")
				return
			}
			fields = append(fields, format.FormEscape(p.Name)+"="+format.FormEscape(p.Value))
		}
		step.Body = format.Literal(strings.Join(fields, "&"))
	}
	if post.MimeType != "" && !format.HasHeader(step.Headers, "Content-Type") {
		step.Headers = format.SetHeader(step.Headers, "Content-Type", format.Literal(post.MimeType), at, cov)
	}
	cov.Add("postData", at, format.Converted, "")
}
