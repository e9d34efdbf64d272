package proxy

import (
	"fmt"
	"slices"
	"time"
)

// Set puts an effect in force, until the rule is removed. What is sent from the moment it returns on feels it. Several
// effects on a link combine: see docs/faults-proxy.md for their order.
func (l *Link) Set(e Effect) (*Rule, error) {
	if err := e.check(l); err != nil {
		return nil, fmt.Errorf("set fault on link %s: %w", l.name, err)
	}
	r := newRule(l, e)
	if err := l.insert(r); err != nil {
		return nil, err
	}
	l.settle()
	return r, nil
}

func (l *Link) insert(r *Rule) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("set fault on link %s: the link is closed", l.name)
	}
	if err := l.staff(r.effect); err != nil {
		return err
	}
	if f, ok := r.effect.(Reset); ok && f.After > 0 {
		l.wg.Go(func() { l.age(r, f.After) })
	}
	l.replace(append(slices.Clone(l.plan.Load().rules), r))
	return nil
}

// staff starts the server that an effect needs, if it is not there yet.
func (l *Link) staff(e Effect) (err error) {
	switch e.(type) {
	case Certificate:
		if l.tls == nil && l.proto == "tcp" {
			l.tls, err = newTerminator(l)
		}
	case requestEffect:
		if l.http == nil {
			l.http, err = newAware(l)
		}
	}
	return err
}

func (l *Link) remove(r *Rule) {
	l.mu.Lock()
	rules := l.plan.Load().rules
	i := slices.Index(rules, r)
	if i >= 0 {
		l.replace(slices.Delete(slices.Clone(rules), i, i+1))
	}
	l.mu.Unlock()
	if i >= 0 {
		l.settle()
	}
}

// settle waits until every connection goes by the present plan, so that a fault that was set is felt by whatever is sent
// from then on. A connection whose client reads nothing cannot be waited for.
func (l *Link) settle() {
	p := l.plan.Load()
	l.mu.Lock()
	open := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		open = append(open, c)
	}
	l.mu.Unlock()
	give := time.Now().Add(settleTime)
	for wait := 20 * time.Microsecond; ; wait = min(2*wait, 2*time.Millisecond) {
		open = slices.DeleteFunc(open, func(c *conn) bool {
			a, b := c.seen[request].Load(), c.seen[response].Load()
			return (a == nil || a == p) && (b == nil || b == p)
		})
		if len(open) == 0 || l.plan.Load() != p || time.Now().After(give) {
			return
		}
		time.Sleep(wait)
	}
}

func (l *Link) has(r *Rule) bool { return slices.Contains(l.plan.Load().rules, r) }

// replace puts another plan in force and wakes every connection. The order matters: whoever is woken reads the plan
// after resetting its deadline, so either it sees the new plan, or the deadline set below wakes it again.
func (l *Link) replace(rules []*Rule) {
	old, p := l.plan.Load(), makePlan(rules)
	l.plan.Store(p)
	close(old.changed)
	for c := range l.conns {
		if p.reject {
			for _, r := range p.partitions {
				c.count(r)
			}
			c.abort()
		}
		for _, r := range p.resets {
			if r.effect.(Reset).atOnce() && r.chosen(c.n) && c.abort() {
				c.count(r)
			}
		}
		c.interrupt()
	}
	l.tunnels.review(p)
}

// age resets connections as they grow so old, until the rule is removed.
func (l *Link) age(r *Rule, after time.Duration) {
	for l.ctx.Err() == nil {
		next := after // a connection that is opened now cannot be due before
		l.mu.Lock()   // whoever started us holds it until the rule is in the plan
		p := l.plan.Load()
		if !slices.Contains(p.rules, r) {
			l.mu.Unlock()
			return
		}
		for c := range l.conns {
			from := c.opened
			if r.since.After(from) {
				from = r.since
			}
			left := after - time.Since(from)
			switch {
			case !r.chosen(c.n):
			case left > 0:
				next = min(next, left)
			case c.abort():
				c.count(r)
			}
		}
		l.mu.Unlock()
		t := time.NewTimer(max(next, time.Millisecond))
		select {
		case <-t.C:
		case <-p.changed:
		case <-l.ctx.Done():
		}
		t.Stop()
	}
}
