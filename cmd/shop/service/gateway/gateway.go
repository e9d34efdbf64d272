// Package gateway is the shop's front door.
package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"time"

	"gameday/cmd/shop/service/catalog"
	"gameday/cmd/shop/service/checkout"
	"gameday/cmd/shop/service/node"
	"gameday/cmd/shop/service/order"
	"gameday/cmd/shop/service/ordersdb"
	"gameday/cmd/shop/service/resilience"
	"gameday/cmd/shop/service/web"
)

const maxCached = 64 // answers kept for the fallback; the shop has fewer pages than that

type gateway struct {
	n *node.Node

	catalog, cart, checkout              *web.Client
	replicas                             []*web.Client
	catalogG, cartG, checkoutG, replicaG *resilience.Guard

	mu     sync.Mutex
	cached map[string][]byte // path → last good answer
}

// LineRequest is the body of POST /cart: sets the line of a product to a quantity.
type LineRequest struct {
	Customer string `json:"customer"`
	Product  string `json:"product"`
	Quantity int    `json:"quantity"`
}

// Setup makes n the gateway.
func Setup(n *node.Node) (err error) {
	g := &gateway{n: n, cached: map[string][]byte{}}
	for name, c := range map[string]**web.Client{"catalog": &g.catalog, "cart": &g.cart, "checkout": &g.checkout} {
		if *c, err = n.Client(name); err != nil {
			return err
		}
	}
	for _, name := range catalog.Replicas() {
		c, err := n.Client(name)
		if err != nil {
			return err
		}
		g.replicas = append(g.replicas, c)
	}
	guard := func(dep string, timeout time.Duration, attempts int) *resilience.Guard {
		return n.Guard(resilience.Config{Dep: dep, Endpoints: []string{dep}, Timeout: timeout, Attempts: attempts,
			Backoff: 20 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
			BreakerFailures: 5, BreakerOf: 10, OpenFor: 2 * time.Second, Concurrency: 64})
	}
	g.catalogG = guard("catalog", 300*time.Millisecond, 2)
	g.cartG = guard("cart", 300*time.Millisecond, 3)
	g.checkoutG = guard("checkout", 2*time.Second, 2) // its order key makes the second attempt safe
	g.replicaG = n.Guard(catalog.ReplicaGuard())

	n.Handle("GET /products", g.browse)
	n.Handle("GET /products/{id}", g.browse)
	n.Handle("GET /cart", g.getCart)
	n.Handle("POST /cart", g.setLine)
	n.Handle("POST /checkout", g.buy)
	n.Handle("GET /orders", g.orders)
	n.Handle("GET /{$}", g.index)
	return nil
}

func (g *gateway) index(w http.ResponseWriter, _ *http.Request) error {
	return web.JSON(w, http.StatusOK, map[string]any{"shop": "gameday demo shop", "routes": []string{"GET /products", "GET /products/{id}",
		"GET /cart?customer=", "POST /cart", "POST /checkout", "GET /orders?customer="}})
}

// browse passes the catalog's pages on. Its fallback is the last good answer for the same page.
func (g *gateway) browse(w http.ResponseWriter, r *http.Request) error {
	path := "/products"
	if id := r.PathValue("id"); id != "" {
		path += "/" + url.PathEscape(id)
	}
	reply, degraded, err := resilience.Call(r.Context(), g.catalogG, func(ctx context.Context, _ int) (*web.Reply, error) {
		return g.catalog.Do(ctx, http.MethodGet, path, nil, nil)
	}, func(cause error) (*web.Reply, error) { return g.stale(path, cause) })
	if err != nil {
		return web.Upstream("catalog", err)
	}
	if !degraded && !reply.Degraded {
		g.remember(path, reply.Body)
	}
	reply.Degraded = reply.Degraded || degraded
	return pass(w, reply)
}

func (g *gateway) remember(path string, body []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.cached[path]; ok || len(g.cached) < maxCached {
		g.cached[path] = body
	}
}

func (g *gateway) stale(path string, cause error) (*web.Reply, error) {
	g.mu.Lock()
	body, ok := g.cached[path]
	g.mu.Unlock()
	if !ok {
		return nil, cause
	}
	var page map[string]any
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, cause
	}
	page["degraded"] = true
	body, err := json.Marshal(page)
	if err != nil {
		return nil, cause
	}
	return &web.Reply{Status: http.StatusOK, Body: body}, nil
}

// pass hands a service's answer on as it is.
func pass(w http.ResponseWriter, reply *web.Reply) error {
	if reply.Degraded {
		web.Degraded(w)
	}
	return web.Raw(w, reply.Status, reply.Body)
}

func (g *gateway) getCart(w http.ResponseWriter, r *http.Request) error {
	customer, err := customerOf(r.URL.Query().Get("customer"))
	if err != nil {
		return err
	}
	return g.askCart(w, r, http.MethodGet, "/carts/"+url.PathEscape(customer), nil)
}

func (g *gateway) setLine(w http.ResponseWriter, r *http.Request) error {
	var in LineRequest
	if err := web.Decode(r, &in); err != nil {
		return err
	}
	customer, err := customerOf(in.Customer)
	if err != nil {
		return err
	}
	return g.askCart(w, r, http.MethodPut, "/carts/"+url.PathEscape(customer)+"/lines", order.Item{Product: in.Product, Quantity: in.Quantity})
}

// askCart has no fallback: a cart that forgets is worse than one that says it cannot.
func (g *gateway) askCart(w http.ResponseWriter, r *http.Request, method, path string, in any) error {
	reply, _, err := resilience.Call(r.Context(), g.cartG, func(ctx context.Context, _ int) (*web.Reply, error) {
		return g.cart.Do(ctx, method, path, in, nil)
	}, nil)
	if err != nil {
		return web.Upstream("cart", err)
	}
	return pass(w, reply)
}

// buy places an order. The key makes it safe to repeat, here and for the client, who learns it from the answer.
func (g *gateway) buy(w http.ResponseWriter, r *http.Request) error {
	var in checkout.Request
	if err := web.Decode(r, &in); err != nil {
		return err
	}
	var err error
	if in.Customer, err = customerOf(in.Customer); err != nil {
		return err
	}
	key := r.Header.Get(web.HeaderIdempotency)
	switch {
	case key == "":
		key = rand.Text()
	case !web.Key(key):
		return web.Errorf(http.StatusBadRequest, "%s must be 1 to 128 printable characters without spaces", web.HeaderIdempotency)
	}
	w.Header().Set(web.HeaderIdempotency, key)
	reply, _, err := resilience.Call(r.Context(), g.checkoutG, func(ctx context.Context, _ int) (*web.Reply, error) {
		return g.checkout.Do(ctx, http.MethodPost, "/checkout", in, nil, web.HeaderIdempotency, key)
	}, nil)
	if err != nil {
		return web.Upstream("checkout", err)
	}
	return pass(w, reply)
}

// orders reads a customer's history from the replicas. Its fallback is an empty list that says it is degraded.
func (g *gateway) orders(w http.ResponseWriter, r *http.Request) error {
	customer, err := customerOf(r.URL.Query().Get("customer"))
	if err != nil {
		return err
	}
	reply, degraded, err := resilience.Call(r.Context(), g.replicaG, func(ctx context.Context, i int) (*web.Reply, error) {
		return g.replicas[i].Do(ctx, http.MethodGet, "/orders?customer="+url.QueryEscape(customer), nil, nil)
	}, func(error) (*web.Reply, error) {
		body, err := json.Marshal(ordersdb.Orders{Orders: []order.Order{}, Degraded: true})
		return &web.Reply{Status: http.StatusOK, Body: body}, err
	})
	if err != nil {
		return web.Upstream("orders-db-replica", err)
	}
	reply.Degraded = degraded
	return pass(w, reply)
}

func customerOf(name string) (string, error) {
	if name == "" {
		return "guest", nil
	}
	if !web.Key(name) || len(name) > 64 {
		return "", web.Errorf(http.StatusBadRequest, "a customer's name is 1 to 64 printable characters without spaces")
	}
	return name, nil
}
