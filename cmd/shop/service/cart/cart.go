// Package cart keeps the customers' carts in memory and prices them by the catalog.
package cart

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gameday/cmd/shop/service/node"
	"gameday/cmd/shop/service/order"
	"gameday/cmd/shop/service/resilience"
	"gameday/cmd/shop/service/web"
)

const (
	maxCarts = 20_000 // the cart that was made first goes first
	maxLines = 50
)

// Cart is what a customer has chosen.
type Cart struct {
	Customer string       `json:"customer"`
	Items    []order.Item `json:"items"`
	Cents    int64        `json:"cents"`
	Degraded bool         `json:"degraded,omitempty"`
}

// Quote is the body of POST /quote: items to be priced.
type Quote struct {
	Items []order.Item `json:"items"`
}

type carts struct {
	n       *node.Node
	catalog *web.Client
	guard   *resilience.Guard

	mu     sync.Mutex
	byName map[string][]order.Item
	oldest []string
	prices map[string]int64 // last known, for the fallback; as many as the catalog has products
}

// Setup makes n the cart service.
func Setup(n *node.Node) error {
	s := &carts{n: n, byName: map[string][]order.Item{}, prices: map[string]int64{}}
	var err error
	if s.catalog, err = n.Client("catalog"); err != nil {
		return err
	}
	s.guard = n.Guard(resilience.Config{Dep: "catalog", Endpoints: []string{"catalog"},
		Timeout: 150 * time.Millisecond, Attempts: 2, Backoff: 10 * time.Millisecond, MaxBackoff: 50 * time.Millisecond,
		BreakerFailures: 5, BreakerOf: 10, OpenFor: 2 * time.Second, Concurrency: 32})
	n.Tel.Metrics.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "shop_carts", Help: "Carts held."}, func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return float64(len(s.byName))
	}))
	n.Handle("GET /carts/{customer}", s.get)
	n.Handle("PUT /carts/{customer}/lines", s.put)
	n.Handle("DELETE /carts/{customer}", s.clear)
	n.Handle("POST /quote", s.quote)
	return nil
}

func (s *carts) get(w http.ResponseWriter, r *http.Request) error {
	c := s.cart(r.PathValue("customer"))
	s.n.Log.InfoContext(r.Context(), "cart read", "customer", c.Customer, "lines", len(c.Items))
	return web.JSON(w, http.StatusOK, c)
}

func (s *carts) cart(customer string) Cart {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := append([]order.Item{}, s.byName[customer]...)
	return Cart{Customer: customer, Items: items, Cents: order.Amount(items)}
}

// put sets one line of a cart to a quantity: doing it twice is doing it once.
func (s *carts) put(w http.ResponseWriter, r *http.Request) error {
	var item order.Item
	if err := web.Decode(r, &item); err != nil {
		return err
	}
	customer := r.PathValue("customer")
	if !web.Key(customer) || !order.Valid([]order.Item{item}) {
		return web.Errorf(http.StatusBadRequest, "a cart line needs a product and a quantity of 1 to 99")
	}
	priced, degraded, err := s.price(r.Context(), []order.Item{item})
	if err != nil {
		return err
	}
	if err := s.set(customer, priced[0]); err != nil {
		return err
	}
	c := s.cart(customer)
	if c.Degraded = degraded; degraded {
		web.Degraded(w)
	}
	s.n.Log.InfoContext(r.Context(), "cart line set", "customer", customer, "product", item.Product, "quantity", item.Quantity, "lines", len(c.Items))
	return web.JSON(w, http.StatusOK, c)
}

func (s *carts) set(customer string, item order.Item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	items, known := s.byName[customer]
	if i := slices.IndexFunc(items, func(x order.Item) bool { return x.Product == item.Product }); i >= 0 {
		items[i] = item
		return nil
	}
	if len(items) >= maxLines {
		return web.Errorf(http.StatusUnprocessableEntity, "a cart holds at most %d lines", maxLines)
	}
	s.byName[customer] = append(items, item)
	if known {
		return nil
	}
	s.oldest = append(s.oldest, customer)
	for len(s.oldest) > maxCarts { // names of carts that were cleared meanwhile go the same way
		delete(s.byName, s.oldest[0])
		s.oldest = s.oldest[1:]
	}
	return nil
}

// clear empties a cart but keeps its place, so that a customer is listed once.
func (s *carts) clear(w http.ResponseWriter, r *http.Request) error {
	customer := r.PathValue("customer")
	s.mu.Lock()
	if _, ok := s.byName[customer]; ok {
		s.byName[customer] = nil
	}
	s.mu.Unlock()
	s.n.Log.InfoContext(r.Context(), "cart cleared", "customer", customer)
	return web.JSON(w, http.StatusOK, Cart{Customer: customer, Items: []order.Item{}})
}

// quote prices items without keeping them: for those who buy without a cart.
func (s *carts) quote(w http.ResponseWriter, r *http.Request) error {
	var in Quote
	if err := web.Decode(r, &in); err != nil {
		return err
	}
	if !order.Valid(in.Items) {
		return web.Errorf(http.StatusBadRequest, "a quote needs 1 to 50 items of 1 to 99 pieces each")
	}
	items, degraded, err := s.price(r.Context(), in.Items)
	if err != nil {
		return err
	}
	if degraded {
		web.Degraded(w)
	}
	s.n.Log.InfoContext(r.Context(), "items priced", "lines", len(items), "degraded", degraded)
	return web.JSON(w, http.StatusOK, Cart{Items: items, Cents: order.Amount(items), Degraded: degraded})
}

// price asks the catalog; its fallback is the price that was last seen, when there is one for every item.
func (s *carts) price(ctx context.Context, items []order.Item) ([]order.Item, bool, error) {
	ids := make([]string, len(items))
	for i, it := range items {
		ids[i] = it.Product
	}
	prices, degraded, err := resilience.Call(ctx, s.guard, func(ctx context.Context, _ int) (map[string]int64, error) {
		var m map[string]int64
		_, err := s.catalog.Do(ctx, http.MethodGet, "/prices?ids="+url.QueryEscape(strings.Join(ids, ",")), nil, &m)
		return m, err
	}, func(cause error) (map[string]int64, error) { return s.lastPrices(ids, cause) })
	if err != nil {
		return nil, false, web.Upstream("catalog", err)
	}
	out := slices.Clone(items)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range out {
		out[i].Cents = prices[out[i].Product]
		s.prices[out[i].Product] = out[i].Cents
	}
	return out, degraded, nil
}

func (s *carts) lastPrices(ids []string, cause error) (map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := map[string]int64{}
	for _, id := range ids {
		cents, ok := s.prices[id]
		if !ok {
			return nil, cause
		}
		m[id] = cents
	}
	return m, nil
}
