package tracing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gameday/sources/driver"
	"gameday/sources/signal"
)

// whenever is the window of a question without one.
const whenever = 24 * time.Hour

// Window is the window of a question: the last day, and what clocks that are ahead write, when the question has none.
func Window(w signal.Window) signal.Window {
	if !w.To.IsZero() {
		return w
	}
	now := time.Now()
	return signal.Window{From: now.Add(-whenever), To: now.Add(time.Minute)}
}

// System is a trace system that is asked for one trace, or searched.
type System struct {
	Name   string   // for messages
	Fields []string // tags that may hold a correlation ID
	ByID   func(ctx context.Context, id signal.TraceID) (driver.Answer, error)
	Search func(ctx context.Context, w signal.Window, s Search, limit int) (driver.Answer, error)
}

// Query finds one trace by its ID, or the traces with a correlation field's value in a tag, or those of a search
// (SearchHelp). The limit counts traces.
func (y System) Query(ctx context.Context, q driver.Query) (driver.Answer, error) {
	if id, ok := q.ID.TraceID(); ok {
		a, err := y.ByID(ctx, id)
		if len(a.Spans) > 0 || err != nil && !errors.Is(err, driver.ErrNotFound) || len(y.Fields) == 0 {
			return a, err
		}
	}
	s, err := ParseSearch(q.Text)
	if err != nil {
		return driver.Answer{}, err
	}
	q.Window = Window(q.Window)
	if q.ID == "" {
		return y.Search(ctx, q.Window, s, q.Limit)
	}
	var a driver.Answer
	for _, field := range y.Fields {
		of := s
		of.Tags = append(slices.Clone(s.Tags), signal.Attr{Key: field, Value: string(q.ID)})
		one, err := y.Search(ctx, q.Window, of, q.Limit)
		a.Spans, a.Truncated, a.Warnings = append(a.Spans, one.Spans...), a.Truncated || one.Truncated, append(a.Warnings, one.Warnings...)
		if err != nil {
			return a, err
		}
	}
	if len(a.Spans) == 0 {
		return a, fmt.Errorf("%s: %s is in none of the fields %s: %w", y.Name, q.ID, strings.Join(y.Fields, ", "), driver.ErrNotFound)
	}
	return a, nil
}
