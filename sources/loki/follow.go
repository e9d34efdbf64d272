package loki

import (
	"context"
	"errors"
	"hash/maphash"
	"net/http"
	"slices"
	"time"

	"gameday/sources/client"
	"gameday/sources/mention"
	"gameday/sources/signal"
)

const (
	overlap = 10 * time.Second // records may come that much later than their time says
	maxSeen = 200_000          // records within the overlap that are remembered
)

// Run implements driver.Driver. It goes on where it ended, at most five minutes back.
func (d *Driver) Run(ctx context.Context, emit func(signal.Batch)) error {
	err := d.run(ctx, emit)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (d *Driver) run(ctx context.Context, emit func(signal.Batch)) error {
	if d.opt.Follow == "off" {
		return d.watch(ctx)
	}
	f := &follower{d: d, emit: emit, seed: maphash.MakeSeed(), seen: map[uint64]int64{}, from: d.begin(time.Now())}
	if err := f.poll(ctx); err != nil {
		return err
	}
	if d.opt.Follow != "poll" {
		err := f.tail(ctx)
		if d.opt.Follow == "tail" || !errors.Is(err, errNoTail) {
			return err
		}
	}
	for pause(ctx, d.every) {
		if err := f.poll(ctx); err != nil {
			return err
		}
	}
	return nil
}

// pause waits, and reports whether there is something to go on for.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// watch looks whether it still answers, and follows nothing.
func (d *Driver) watch(ctx context.Context) error {
	for {
		if _, err := d.labels(ctx, "/loki/api/v1/labels", nil); err != nil || !pause(ctx, d.every) {
			return err
		}
	}
}

// begin is where following begins.
func (d *Driver) begin(now time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cursor.IsZero() {
		return now.Add(-d.opt.Backlog)
	}
	if oldest := now.Add(-maxGap); d.cursor.Before(oldest) {
		return oldest
	}
	return d.cursor
}

// follower is one run of following.
type follower struct {
	d     *Driver
	emit  func(signal.Batch)
	lines mention.Reader
	from  time.Time // what is older was emitted, or is not wanted
	seed  maphash.Seed
	seen  map[uint64]int64 // hashes of entries that are younger than from, and their times
}

// poll emits what came since, page by page, oldest first. What is written a little late is still seen: it looks back, and knows
// what it has had.
func (f *follower) poll(ctx context.Context) error {
	query, err := f.d.streams(ctx)
	if err != nil {
		return err
	}
	start, page := f.from.UnixNano(), f.d.opt.Page
	end := time.Now().Add(time.Second).UnixNano()
	for start < end {
		a, err := f.d.fetch(ctx, query, start, end, page, "forward")
		if err != nil {
			if page == f.d.opt.Page || !isStatus(err, http.StatusBadRequest) {
				return err
			}
			start, page = start+1, f.d.opt.Page // it gives no more of one instant than a page
			f.d.missed(1)
			continue
		}
		newest := start
		for i := range a.entries {
			newest = max(newest, a.entries[i].at)
		}
		f.take(a.entries)
		switch full := len(a.entries) >= page; {
		case !full && !a.cut:
			f.advance(time.Now())
			return nil
		case newest > start:
			start, page = newest, f.d.opt.Page // again that instant: some of it may not have come yet
			if len(f.seen) > maxSeen {
				f.forget(start)
			}
		case page < maxPage && !a.cut:
			page = min(page*4, maxPage)
		default:
			f.d.missed(1) // at least one line more of the same time than a page has
			start, page = start+1, f.d.opt.Page
		}
	}
	f.advance(time.Now())
	return nil
}

// take emits entries that are new.
func (f *follower) take(entries []entry) {
	slices.SortStableFunc(entries, func(a, b entry) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	var b signal.Batch
	for i := range entries {
		e := &entries[i]
		h := maphash.String(f.seed, e.key()) ^ uint64(e.at)
		if _, known := f.seen[h]; known {
			continue
		}
		f.seen[h] = e.at
		b.Logs = append(b.Logs, f.d.fields.record(e, &f.lines))
	}
	if b.Len() > 0 {
		f.emit(b)
	}
}

// advance forgets what is older than the overlap.
func (f *follower) advance(now time.Time) {
	if to := now.Add(-overlap); to.After(f.from) {
		f.from = to
	}
	for cut := f.from.UnixNano(); ; cut += int64(overlap / 10) {
		f.forget(cut)
		if len(f.seen) <= maxSeen {
			f.from = time.Unix(0, cut)
			break
		}
	}
	f.d.mu.Lock()
	f.d.cursor = f.from
	f.d.mu.Unlock()
}

// forget makes room of what is older.
func (f *follower) forget(cut int64) {
	for h, at := range f.seen {
		if at < cut {
			delete(f.seen, h)
		}
	}
}

// missed counts lines that Loki had and did not give.
func (d *Driver) missed(n int) {
	d.mu.Lock()
	d.lost += uint64(n)
	d.mu.Unlock()
}

// errNoTail is a Loki, or something before it, that knows no WebSockets.
var errNoTail = errors.New("it opens no WebSocket")

// refusesTail reports whether a status means that asking again and again is the way.
func refusesTail(resp *http.Response) bool {
	if resp == nil {
		return false
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUpgradeRequired, http.StatusNotImplemented:
		return true
	}
	return false
}

// tailRequest names the tail in errors.
var tailRequest = client.Request{Path: "/loki/api/v1/tail"}
