package loki

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/logql"
	"gameday/sources/mention"
	"gameday/sources/signal"
)

// Query implements driver.Querier with the newest records, oldest first. Text is LogQL; its selector may be left out, and a
// text that is none is looked for in the lines, in any case.
func (d *Driver) Query(ctx context.Context, q driver.Query) (driver.Answer, error) {
	selector, rest, err := d.parse(ctx, q.Text)
	if err != nil {
		return driver.Answer{}, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	w := d.window(q)
	queries := []string{selector + rest}
	if q.ID != "" {
		queries = d.fields.byID(q.ID, selector, rest)
	}
	pages := make([]answer, len(queries))
	g, gctx := errgroup.WithContext(ctx)
	for i, query := range queries {
		g.Go(func() (err error) {
			pages[i], err = d.newest(gctx, query, w, limit)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return driver.Answer{}, oneLine(err)
	}
	return d.answer(pages, limit), nil
}

// lined is an error of one line that is what it was made of.
type lined struct {
	error
	text string
}

func (l lined) Error() string { return l.text }
func (l lined) Unwrap() error { return l.error }

func oneLine(err error) error { return lined{err, strings.ReplaceAll(err.Error(), "\n", ": ")} }

// parse takes a query's text apart, or makes a query of it.
func (d *Driver) parse(ctx context.Context, text string) (selector, rest string, err error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		return logql.Split(text)
	}
	if q, err := logql.Parse(text); err == nil && q.IsMetric() {
		return "", "", fmt.Errorf("loki: %q: %w", text, errMetric)
	}
	selector, err = d.streams(ctx)
	switch {
	case err != nil || text == "":
		return selector, "", err
	case text[0] == '|' || strings.HasPrefix(text, "!=") || strings.HasPrefix(text, "!~"):
		return selector, " " + text, nil
	}
	return selector, " |~ " + strconv.Quote("(?i)"+regexp.QuoteMeta(text)), nil
}

// byID are the queries that find an ID: one looks at labels and structured metadata, one at the lines. In one query both
// cannot be asked for.
func (m *mapping) byID(id signal.CorrelationID, selector, rest string) []string {
	var forms []string
	trace, isTrace := id.TraceID()
	if isTrace {
		for _, f := range trace.Forms() {
			forms = append(forms, f)
			if up := strings.ToUpper(f); up != f {
				forms = append(forms, up)
			}
		}
	}
	if !slices.Contains(forms, string(id)) {
		forms = append(forms, string(id))
	}
	var whole, part []string
	for _, f := range forms {
		whole = append(whole, regexp.QuoteMeta(f))
		if len(f) >= 12 { // a short decimal stands in many lines
			part = append(part, regexp.QuoteMeta(f))
		}
	}
	any := strings.Join(whole, "|")
	var labels []string
	for _, name := range m.ids {
		labels = append(labels, name+"=~"+strconv.Quote(any))
	}
	line := strings.Join(part, "|")
	if !isTrace { // 42 is not 1042
		line = `(^|[^0-9A-Za-z])(` + any + `)([^0-9A-Za-z]|$)`
	}
	return []string{
		selector + " | " + strings.Join(labels, " or ") + rest,
		selector + " |~ " + strconv.Quote(line) + rest,
	}
}

// newest are the newest entries of a window, at most limit and one more, page by page. At the border of two pages there may
// be entries of one instant on both sides: the next page begins with that instant again, and what came already is left out.
func (d *Driver) newest(ctx context.Context, query string, w signal.Window, limit int) (answer, error) {
	var out answer
	from, end, page := w.From.UnixNano(), w.To.UnixNano(), min(d.opt.Page, limit+1)
	border := map[string]int{}
	for from < end {
		a, err := d.fetch(ctx, query, from, end, page, "backward")
		if err != nil {
			if page > d.opt.Page && isStatus(err, http.StatusBadRequest) { // more than it allows
				out.warnings = append(out.warnings, fmt.Sprintf("more than %d lines have the same time", d.opt.Page))
				page, end, out.cut, border = d.opt.Page, end-1, true, map[string]int{}
				continue
			}
			return out, err
		}
		out.warnings = append(out.warnings, a.warnings...)
		oldest := end
		for i := range a.entries {
			oldest = min(oldest, a.entries[i].at)
		}
		full := len(a.entries) >= page
		if full && oldest == end-1 && page < maxPage && !a.cut { // one instant fills the page: ask for more of it at once
			page = min(page*4, maxPage)
			continue
		}
		out.entries = append(out.entries, fresh(a.entries, border)...)
		switch {
		case a.cut, len(out.entries) > limit:
			out.cut = true
			return out, nil
		case !full:
			return out, nil
		case oldest == end-1:
			out.cut = true
			out.warnings = append(out.warnings, fmt.Sprintf("more than %d lines have the same time", page))
			end, page, border = oldest, d.opt.Page, map[string]int{}
			continue
		}
		border = map[string]int{}
		for i := range a.entries {
			if a.entries[i].at == oldest {
				border[a.entries[i].key()]++
			}
		}
		end, page = oldest+1, d.opt.Page
	}
	return out, nil
}

// fresh leaves out what is known of a border.
func fresh(entries []entry, border map[string]int) []entry {
	if len(border) == 0 {
		return entries
	}
	return slices.DeleteFunc(entries, func(e entry) bool {
		key := e.key()
		if border[key] == 0 {
			return false
		}
		border[key]--
		return true
	})
}

func isStatus(err error, code int) bool {
	var refused *client.StatusError
	return errors.As(err, &refused) && refused.Code == code
}

// answer joins what several queries gave: each entry once, oldest first, the newest of them.
func (d *Driver) answer(pages []answer, limit int) driver.Answer {
	var out driver.Answer
	var all []entry
	for i, p := range pages {
		out.Truncated = out.Truncated || p.cut
		out.Warnings = append(out.Warnings, p.warnings...)
		if i > 0 {
			known := map[string]int{}
			for k := range all {
				known[strconv.FormatInt(all[k].at, 10)+all[k].key()]++
			}
			p.entries = slices.DeleteFunc(p.entries, func(e entry) bool { return known[strconv.FormatInt(e.at, 10)+e.key()] > 0 })
		}
		all = append(all, p.entries...)
	}
	slices.Reverse(all) // newest first as they came: those of one instant keep their order
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	if len(all) > limit {
		all, out.Truncated = all[len(all)-limit:], true
	}
	var lines mention.Reader
	for i := range all {
		out.Logs = append(out.Logs, d.fields.record(&all[i], &lines))
	}
	slices.Sort(out.Warnings)
	out.Warnings = slices.Compact(out.Warnings)
	return out
}
