package ordersdb

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gameday/cmd/shop/service/node"
	"gameday/cmd/shop/service/order"
	"gameday/cmd/shop/service/sqldb"
	"gameday/cmd/shop/service/web"
)

const (
	maxChanges = 500
	maxWait    = 10 * time.Second
)

type primary struct {
	n *node.Node
	s *store
}

// Changes is the answer to GET /changes.
type changesAnswer struct {
	Head    int64    `json:"head"`
	Changes []change `json:"changes"`
}

// SettleRequest is the body of POST /orders/{id}/settle; "" leaves a state as it is.
type SettleRequest struct {
	Payment string `json:"payment,omitempty"`
	Stock   string `json:"stock,omitempty"`
}

// Orders is the answer of every route that lists orders.
type Orders struct {
	Orders   []order.Order `json:"orders"`
	Degraded bool          `json:"degraded,omitempty"`
}

// Primary makes n the node that takes the writes.
func Primary(n *node.Node) error {
	s, err := openStore(n.Dir, n.Name)
	if err != nil {
		return err
	}
	p := &primary{n: n, s: s}
	n.OnClose(s.db.Close)
	n.Tel.Metrics.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "shop_replication_head", Help: "Sequence number of the newest change committed here.",
	}, func() float64 { return float64(s.head.Load()) }))
	n.Handle("POST /orders", p.place)
	n.Handle("POST /orders/{id}/settle", p.settle)
	n.Handle("GET /orders/by-key/{key}", p.byKey)
	n.Handle("GET /unsettled", p.unsettled)
	n.Quiet("GET /changes", http.HandlerFunc(p.changes)) // replicas wait here for seconds: that is no latency of the shop's
	return nil
}

func (p *primary) place(w http.ResponseWriter, r *http.Request) error {
	var o order.Order
	if err := web.Decode(r, &o); err != nil {
		return err
	}
	if o.ID == "" || o.Key == "" || !order.Valid(o.Items) {
		return web.Errorf(http.StatusBadRequest, "an order needs an id, a key and 1 to 50 items")
	}
	var existed bool
	err := sqldb.Traced(r.Context(), p.n.Tel.Tracer, "INSERT orders", func(ctx context.Context) (err error) {
		o, existed, err = p.s.place(ctx, o)
		return err
	})
	if err != nil {
		return err
	}
	p.n.Log.InfoContext(r.Context(), "order stored", "order", o.ID, "payment", o.Payment, "stock", o.Stock, "existed", existed)
	status := http.StatusCreated
	if existed {
		status = http.StatusOK
	}
	return web.JSON(w, status, o)
}

func (p *primary) settle(w http.ResponseWriter, r *http.Request) error {
	var in SettleRequest
	if err := web.Decode(r, &in); err != nil {
		return err
	}
	var o order.Order
	err := sqldb.Traced(r.Context(), p.n.Tel.Tracer, "UPDATE orders", func(ctx context.Context) (err error) {
		o, err = p.s.settle(ctx, r.PathValue("id"), in.Payment, in.Stock)
		return err
	})
	if err != nil {
		return notFound(err)
	}
	p.n.Log.InfoContext(r.Context(), "order settled", "order", o.ID, "payment", o.Payment, "stock", o.Stock)
	return web.JSON(w, http.StatusOK, o)
}

func (p *primary) byKey(w http.ResponseWriter, r *http.Request) error {
	o, err := one(r.Context(), p.s.byKey, r.PathValue("key"))
	if err != nil {
		return notFound(err)
	}
	return web.JSON(w, http.StatusOK, o)
}

func (p *primary) unsettled(w http.ResponseWriter, r *http.Request) error {
	list, err := many(r.Context(), p.s.open, 100)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, Orders{Orders: list})
}

func (p *primary) changes(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, err := strconv.ParseInt(q.Get("after"), 10, 64)
	wait, werr := time.ParseDuration(q.Get("wait"))
	if err != nil || werr != nil {
		_ = web.JSON(w, http.StatusBadRequest, map[string]string{"error": "give after=SEQ and wait=DURATION"}) // asker is gone
		return
	}
	list, err := p.s.changes(r.Context(), after, maxChanges, min(wait, maxWait))
	if err != nil {
		if r.Context().Err() == nil {
			p.n.Log.ErrorContext(r.Context(), "change log not read", "cause", err.Error())
		}
		_ = web.JSON(w, http.StatusInternalServerError, map[string]string{"error": "the change log could not be read"}) // asker is gone
		return
	}
	_ = web.JSON(w, http.StatusOK, changesAnswer{Head: p.s.head.Load(), Changes: list}) // asker is gone, and asks again
}

func notFound(err error) error {
	if errors.Is(err, errNotFound) {
		return web.Errorf(http.StatusNotFound, "there is no such order")
	}
	return err
}
