// Package catalog shows what the shop sells: how often a product was bought comes from the database replicas, how many
// are left from the inventory.
package catalog

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"gameday/cmd/shop/service/node"
	"gameday/cmd/shop/service/resilience"
	"gameday/cmd/shop/service/web"
)

// Replicas are the database nodes that reads are spread over.
func Replicas() []string { return []string{"orders-db-1", "orders-db-2"} }

// ReplicaGuard is how everyone reads from the replicas: a read that fails or is slow goes to the other one.
func ReplicaGuard() resilience.Config {
	return resilience.Config{Dep: "orders-db-replica", Endpoints: Replicas(),
		Timeout: 100 * time.Millisecond, Attempts: 3, RetryTimeouts: true, Backoff: 5 * time.Millisecond, MaxBackoff: 40 * time.Millisecond,
		BreakerFailures: 5, BreakerOf: 10, OpenFor: 2 * time.Second, Concurrency: 32}
}

// List is the answer to GET /products.
type List struct {
	Products []Product `json:"products"`
	Degraded bool      `json:"degraded,omitempty"`
}

type catalog struct {
	n            *node.Node
	products     []Product
	byID         map[string]Product
	replicas     []*web.Client
	inventory    *web.Client
	replicaGuard *resilience.Guard
	inventGuard  *resilience.Guard
	lastSold     atomic.Pointer[map[string]int64]
}

// Setup makes n the catalog service.
func Setup(n *node.Node) error {
	c := &catalog{n: n, products: Products(), byID: map[string]Product{}}
	for _, p := range c.products {
		c.byID[p.ID] = p
	}
	for _, name := range Replicas() {
		client, err := n.Client(name)
		if err != nil {
			return err
		}
		c.replicas = append(c.replicas, client)
	}
	var err error
	if c.inventory, err = n.Client("inventory"); err != nil {
		return err
	}
	c.replicaGuard = n.Guard(ReplicaGuard())
	c.inventGuard = n.Guard(resilience.Config{Dep: "inventory", Endpoints: []string{"inventory"},
		Timeout: 100 * time.Millisecond, Attempts: 2, Backoff: 10 * time.Millisecond, MaxBackoff: 50 * time.Millisecond,
		BreakerFailures: 5, BreakerOf: 10, OpenFor: 2 * time.Second, Concurrency: 32})
	n.Handle("GET /products", c.list)
	n.Handle("GET /products/{id}", c.get)
	n.Handle("GET /prices", c.prices)
	return nil
}

// sold asks a replica how often each product was bought. Its fallback is the last answer there was.
func (c *catalog) sold(ctx context.Context) (map[string]int64, bool, error) {
	return resilience.Call(ctx, c.replicaGuard, func(ctx context.Context, i int) (map[string]int64, error) {
		var m map[string]int64
		if _, err := c.replicas[i].Do(ctx, http.MethodGet, "/sold", nil, &m); err != nil {
			return nil, err
		}
		c.lastSold.Store(&m)
		return m, nil
	}, func(error) (map[string]int64, error) {
		if m := c.lastSold.Load(); m != nil {
			return *m, nil
		}
		return nil, nil
	})
}

func (c *catalog) list(w http.ResponseWriter, r *http.Request) error {
	sold, degraded, err := c.sold(r.Context())
	if err != nil {
		return web.Upstream("orders-db-replica", err)
	}
	a := List{Degraded: degraded, Products: make([]Product, len(c.products))}
	for i, p := range c.products {
		a.Products[i] = withSold(p, sold)
	}
	if degraded {
		web.Degraded(w)
	}
	c.n.Log.InfoContext(r.Context(), "products listed", "products", len(a.Products), "degraded", degraded)
	return web.JSON(w, http.StatusOK, a)
}

func withSold(p Product, sold map[string]int64) Product {
	if sold != nil {
		n := sold[p.ID]
		p.Sold = &n
	}
	return p
}

func (c *catalog) get(w http.ResponseWriter, r *http.Request) error {
	p, ok := c.byID[r.PathValue("id")]
	if !ok {
		return web.Errorf(http.StatusNotFound, "there is no product %q", r.PathValue("id"))
	}
	ctx := r.Context()
	sold, degraded, err := c.sold(ctx)
	if err != nil {
		return web.Upstream("orders-db-replica", err)
	}
	p = withSold(p, sold)
	stock, noStock, err := resilience.Call(ctx, c.inventGuard, func(ctx context.Context, _ int) (*int, error) {
		var s struct {
			Pieces int `json:"pieces"`
		}
		_, err := c.inventory.Do(ctx, http.MethodGet, "/stock/"+p.ID, nil, &s)
		return &s.Pieces, err
	}, func(error) (*int, error) { return nil, nil })
	if err != nil {
		return web.Upstream("inventory", err)
	}
	p.Stock, p.Degraded = stock, degraded || noStock
	if p.Degraded {
		web.Degraded(w)
	}
	c.n.Log.InfoContext(ctx, "product shown", "product", p.ID, "degraded", p.Degraded)
	return web.JSON(w, http.StatusOK, p)
}

// prices answers GET /prices?ids=p1,p2 with {"p1": cents, ...}; an unknown product is refused.
func (c *catalog) prices(w http.ResponseWriter, r *http.Request) error {
	out := map[string]int64{}
	for id := range strings.SplitSeq(r.URL.Query().Get("ids"), ",") {
		p, ok := c.byID[id]
		if !ok {
			return web.Errorf(http.StatusUnprocessableEntity, "there is no product %q", id)
		}
		out[id] = p.Cents
	}
	c.n.Log.InfoContext(r.Context(), "prices read", "products", len(out))
	return web.JSON(w, http.StatusOK, out)
}
