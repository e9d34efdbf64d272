package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gameday/sources/signal"
)

// errFull says that there is no place left.
var errFull = errors.New("there is no place left in this session: somebody has to leave first")

// room knows who is at the session, and undoes what runs when no operator is left. Safe for concurrent use.
type room struct {
	cfg Config

	mu       sync.Mutex
	views    map[*view]struct{}
	timer    *time.Timer // until everything is undone; nil when it does not run
	undone   bool        // since the last operator left; not again before one comes
	operator bool        // one has been here
	closed   bool
	work     sync.WaitGroup
}

func newRoom(cfg Config) *room { return &room{cfg: cfg, views: map[*view]struct{}{}} }

// enter takes a view in. The last place is kept for an operator.
func (r *room) enter(v *view) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := r.cfg.MaxViews
	if v.key.Role != Operator && most > 1 {
		most--
	}
	if r.closed {
		return errors.New("the server is being stopped")
	}
	if len(r.views) >= most {
		return errFull
	}
	r.views[v] = struct{}{}
	r.cfg.Event(signal.Event{Kind: signal.EventPerson, Outcome: signal.Good, Title: v.key.Name + " came", Detail: v.key.Role.String(), By: v.key.Name})
	if v.key.Role != Operator {
		return nil
	}
	r.operator, r.undone = true, false
	if r.timer != nil && r.timer.Stop() {
		r.work.Done()
		r.timer = nil
		r.cfg.Event(signal.Event{Kind: signal.EventPerson, Outcome: signal.Good, Title: "an operator is back",
			Detail: "what runs is left alone", By: v.key.Name})
	}
	return nil
}

// leave takes a view out.
func (r *room) leave(v *view, why string) {
	r.mu.Lock()
	delete(r.views, v)
	closed := r.closed
	r.mu.Unlock()
	if closed {
		return
	}
	r.cfg.Event(signal.Event{Kind: signal.EventPerson, Title: v.key.Name + " left", Detail: why, By: v.key.Name})
	r.watch()
}

// watch starts the grace time when something harmful runs and no operator is there to look after it. It is called when
// somebody left, and once a second: what was started with the last key becomes known a moment later.
func (r *room) watch() {
	r.mu.Lock()
	if r.operators() > 0 || !r.operator || r.timer != nil || r.undone || r.closed {
		r.mu.Unlock()
		return
	}
	r.mu.Unlock()
	what := r.cfg.Danger() // asks the session: not under the lock
	if what == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.operators() > 0 || r.timer != nil || r.undone || r.closed {
		return
	}
	r.cfg.Event(signal.Event{Kind: signal.EventPerson, Outcome: signal.Warning, Title: "no operator is here",
		Detail: fmt.Sprintf("%s: undone in %s unless an operator comes", what, r.cfg.Grace)})
	r.cfg.Log.Warn("no operator is left: undoing what runs after the grace time", "what", what, "grace", r.cfg.Grace)
	r.work.Add(1)
	r.timer = time.AfterFunc(r.cfg.Grace, r.undo)
}

// undo is the end of the grace time.
func (r *room) undo() {
	defer r.work.Done()
	r.mu.Lock()
	r.timer = nil
	if r.operators() > 0 || r.closed {
		r.mu.Unlock()
		return
	}
	r.undone = true
	r.mu.Unlock()
	err := r.cfg.Abort(context.Background(), fmt.Sprintf("no operator for %s", r.cfg.Grace))
	if err != nil {
		r.cfg.Log.Error("undoing after the last operator left", "error", err)
		return
	}
	r.cfg.Log.Warn("no operator came back: everything is undone")
}

// operators counts the views that may undo things. The caller holds the lock.
func (r *room) operators() int {
	n := 0
	for v := range r.views {
		if v.key.Role == Operator {
			n++
		}
	}
	return n
}

// close stops the grace time and lets nobody in any more. Whoever calls it undoes what runs.
func (r *room) close() {
	r.mu.Lock()
	r.closed = true
	if r.timer != nil && r.timer.Stop() {
		r.work.Done()
	}
	r.timer = nil
	r.mu.Unlock()
	r.work.Wait()
}

// all lists the views.
func (r *room) all() []*view {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*view, 0, len(r.views))
	for v := range r.views {
		out = append(out, v)
	}
	return out
}

// people lists who is here, each person once, operators first, then by when they came.
func (r *room) people() []signal.Person {
	byName := map[string]*signal.Person{}
	for _, v := range r.all() {
		p := byName[v.key.Name]
		if p == nil {
			p = &signal.Person{Name: v.key.Name, Since: v.since}
			byName[v.key.Name] = p
		}
		p.Views++
		p.Operator = p.Operator || v.key.Role == Operator
		if v.since.Before(p.Since) {
			p.Since = v.since
		}
	}
	out := make([]signal.Person, 0, len(byName))
	for _, p := range byName {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b signal.Person) int {
		if a.Operator != b.Operator {
			return map[bool]int{true: -1, false: 1}[a.Operator]
		}
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name))
	})
	return out
}
