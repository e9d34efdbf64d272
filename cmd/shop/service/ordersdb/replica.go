package ordersdb

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gameday/cmd/shop/service/node"
	"gameday/cmd/shop/service/order"
	"gameday/cmd/shop/service/sqldb"
	"gameday/cmd/shop/service/web"
)

// How long one pull waits at the primary for news, how long it may take in all, and how soon a failed one is repeated.
const (
	pullWait    = 2 * time.Second
	pullTimeout = 4 * time.Second
	pullPause   = 250 * time.Millisecond
)

// PrimaryDep is the name under which a replica finds its primary.
const PrimaryDep = "orders-db"

type replica struct {
	n      *node.Node
	s      *store
	base   string
	client *http.Client

	behind atomic.Int64 // changes that the primary has and we have not, as of the last pull
	inSync atomic.Int64 // Unix ns of when nothing was missing last
	lost   atomic.Bool  // the last pull failed
}

// Replica makes n a node that follows the primary and answers reads.
func Replica(n *node.Node) error {
	addr, err := n.Dep(PrimaryDep)
	if err != nil {
		return err
	}
	s, err := openStore(n.Dir, n.Name)
	if err != nil {
		return err
	}
	n.OnClose(s.db.Close)
	p := &replica{n: n, s: s, base: "http://" + addr, client: &http.Client{Timeout: pullTimeout, Transport: &http.Transport{}}}
	n.OnClose(func() error { p.client.CloseIdleConnections(); return nil })
	p.inSync.Store(time.Now().UnixNano())
	p.metrics()
	n.Background(p.follow)
	// No /health check of the primary: a replica serves its reads without it, only later.
	n.Handle("GET /orders", p.orders)
	n.Handle("GET /orders/{id}", p.order)
	n.Handle("GET /sold", p.sold)
	return nil
}

func (p *replica) metrics() {
	gauge := func(name, help string, f func() float64) {
		p.n.Tel.Metrics.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
	}
	gauge("shop_replication_lag_changes", "Changes that the primary had and this replica had not, at the last pull.",
		func() float64 { return float64(p.behind.Load()) })
	gauge("shop_replication_lag_seconds", "How long ago this replica last had everything; 0 while it follows.", func() float64 {
		if !p.lost.Load() && p.behind.Load() == 0 {
			return 0
		}
		return time.Since(time.Unix(0, p.inSync.Load())).Seconds()
	})
	gauge("shop_replication_head", "Sequence number of the newest change committed here.",
		func() float64 { return float64(p.s.head.Load()) })
}

// follow pulls until ctx ends.
func (p *replica) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := p.pull(ctx)
		if ctx.Err() != nil {
			return
		}
		if was := p.lost.Swap(err != nil); was != (err != nil) {
			if err != nil {
				p.n.Log.WarnContext(ctx, "primary lost, serving what is here", "cause", err.Error(), "applied", p.s.head.Load())
			} else {
				p.n.Log.InfoContext(ctx, "following the primary again", "applied", p.s.head.Load())
			}
		}
		if err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(pullPause):
		}
	}
}

func (p *replica) pull(ctx context.Context) error {
	url := fmt.Sprintf("%s/changes?after=%d&wait=%s", p.base, p.s.head.Load(), pullWait)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("pull changes from the primary: %w", err)
	}
	defer resp.Body.Close()
	var a changesAnswer
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("pull changes from the primary: it answered %d", resp.StatusCode)
	}
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return fmt.Errorf("read changes from the primary: %w", err)
	}
	if len(a.Changes) > 0 {
		if err := p.s.apply(ctx, a.Changes); err != nil {
			return fmt.Errorf("apply %d changes: %w", len(a.Changes), err)
		}
	}
	behind := max(a.Head-p.s.head.Load(), 0)
	p.behind.Store(behind)
	if behind == 0 {
		p.inSync.Store(time.Now().UnixNano())
	}
	return nil
}

func (p *replica) orders(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 || limit > 100 {
		limit = 20
	}
	var list []order.Order
	err = sqldb.Traced(r.Context(), p.n.Tel.Tracer, "SELECT orders", func(ctx context.Context) (err error) {
		list, err = many(ctx, p.s.byCustomer, q.Get("customer"), limit)
		return err
	})
	if err != nil {
		return err
	}
	p.n.Log.InfoContext(r.Context(), "orders read", "customer", q.Get("customer"), "orders", len(list))
	return web.JSON(w, http.StatusOK, Orders{Orders: list})
}

func (p *replica) order(w http.ResponseWriter, r *http.Request) error {
	o, err := one(r.Context(), p.s.byID, r.PathValue("id"))
	if err != nil {
		return notFound(err)
	}
	p.n.Log.InfoContext(r.Context(), "order read", "order", o.ID)
	return web.JSON(w, http.StatusOK, o)
}

func (p *replica) sold(w http.ResponseWriter, r *http.Request) error {
	var m map[string]int64
	err := sqldb.Traced(r.Context(), p.n.Tel.Tracer, "SELECT sold", func(ctx context.Context) (err error) {
		m, err = p.s.sold(ctx)
		return err
	})
	if err != nil {
		return err
	}
	p.n.Log.InfoContext(r.Context(), "sales read", "products", len(m))
	return web.JSON(w, http.StatusOK, m)
}
