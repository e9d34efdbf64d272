// Package checkout turns a cart into an order: price, reserve, charge, store. With its patterns on, an order survives a
// slow or failing payment service, inventory or database: it is accepted, marked degraded, and settled later with the
// same idempotency key.
package checkout

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"gameday/cmd/shop/service/cart"
	"gameday/cmd/shop/service/inventory"
	"gameday/cmd/shop/service/node"
	"gameday/cmd/shop/service/order"
	"gameday/cmd/shop/service/resilience"
	"gameday/cmd/shop/service/web"
)

// Request is the body of POST /checkout: a customer's cart, or items bought without one.
type Request struct {
	Customer string       `json:"customer"`
	Items    []order.Item `json:"items,omitempty"`
}

type checkout struct {
	n *node.Node

	cart, inventory, db              *web.Client
	payment                          *paymentClient
	cartG, inventoryG, dbG, paymentG *resilience.Guard

	orders   *prometheus.CounterVec
	pending  prometheus.Gauge
	lookBack atomic.Bool // there may be orders to settle

	mu       sync.Mutex
	unstored []order.Order // accepted while the database was away
}

// Setup makes n the checkout service.
func Setup(n *node.Node) (err error) {
	c := &checkout{n: n,
		orders:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shop_orders_total", Help: "Orders by outcome: placed, degraded, failed, refused."}, []string{"outcome"}),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{Name: "shop_orders_unsettled", Help: "Accepted orders whose payment or stock is still to be settled, as of the last look (at most 100)."})}
	n.Tel.Metrics.Registry.MustRegister(c.orders, c.pending)
	if c.cart, err = n.Client("cart"); err != nil {
		return err
	}
	if c.inventory, err = n.Client("inventory"); err != nil {
		return err
	}
	if c.db, err = n.Client("orders-db"); err != nil {
		return err
	}
	if c.payment, err = newPaymentClient(n); err != nil {
		return err
	}
	guard := func(dep string, timeout time.Duration, attempts int) *resilience.Guard {
		return n.Guard(resilience.Config{Dep: dep, Endpoints: []string{dep}, Timeout: timeout, Attempts: attempts,
			Backoff: 10 * time.Millisecond, MaxBackoff: 60 * time.Millisecond,
			BreakerFailures: 3, BreakerOf: 10, OpenFor: 2 * time.Second, Concurrency: 24})
	}
	c.cartG = guard("cart", 250*time.Millisecond, 3)
	c.inventoryG = guard("inventory", 120*time.Millisecond, 3)
	c.paymentG = guard("payment", 120*time.Millisecond, 3) // with the rest of a checkout well under the promised 200 ms
	c.dbG = guard("orders-db", 250*time.Millisecond, 3)
	c.lookBack.Store(true) // what the process before this one left behind
	n.Handle("POST /checkout", c.post)
	n.Background(c.settleForever)
	return nil
}

func (c *checkout) post(w http.ResponseWriter, r *http.Request) error {
	var in Request
	if err := web.Decode(r, &in); err != nil {
		return err
	}
	key := r.Header.Get(web.HeaderIdempotency)
	if !web.Key(in.Customer) || !web.Key(key) || len(in.Items) > 0 && !order.Valid(in.Items) {
		return web.Errorf(http.StatusBadRequest, "a checkout needs a customer, an %s of 1 to 128 printable characters, and items of 1 to 99 pieces if any", web.HeaderIdempotency)
	}
	if !c.n.Switches.On(resilience.Idempotency) {
		key = rand.Text() // every attempt is an order of its own: what happens without the pattern
	}
	o, existed, err := c.place(r.Context(), in, key)
	if err != nil {
		if resilience.Failed(err) {
			c.orders.WithLabelValues("failed").Inc()
		} else {
			c.orders.WithLabelValues("refused").Inc()
		}
		return err
	}
	outcome, status := "placed", http.StatusCreated
	if o.Degraded {
		outcome = "degraded"
		web.Degraded(w)
	}
	if existed {
		status = http.StatusOK
	}
	c.orders.WithLabelValues(outcome).Inc()
	c.n.Log.InfoContext(r.Context(), "order "+outcome, "order", o.ID, "cents", o.Cents, "payment", o.Payment, "stock", o.Stock, "existed", existed)
	return web.JSON(w, status, o)
}

// place does the whole order. Every step is safe to repeat with the same key.
func (c *checkout) place(ctx context.Context, in Request, key string) (o order.Order, existed bool, err error) {
	span := trace.SpanFromContext(ctx)
	items, degraded, err := c.price(ctx, in)
	if err != nil {
		return o, false, err
	}
	if len(items) == 0 { // perhaps because this is a retry of an order that went through
		o, err = c.known(ctx, key)
		return o, err == nil, err
	}
	o = order.Order{ID: order.IDFor(key), Key: key, Customer: in.Customer, Items: items, Cents: order.Amount(items),
		RequestID: requestID(ctx), Trace: c.traceparent(ctx), Created: time.Now().UTC()}
	span.SetAttributes(attribute.String("shop.order", o.ID), attribute.Int64("shop.cents", o.Cents))
	if o.Stock, err = c.reserve(ctx, o, true); err != nil {
		return o, false, web.Upstream("inventory", err)
	}
	if o.Payment, err = c.charge(ctx, o, true); err != nil {
		return o, false, web.Upstream("payment", err)
	}
	stored, existed, away, err := c.store(ctx, o)
	if err != nil {
		return o, false, web.Upstream("orders-db", err)
	}
	if len(in.Items) == 0 {
		c.clearCart(ctx, in.Customer)
	}
	if !stored.Settled() {
		c.lookBack.Store(true)
	}
	stored.Degraded = degraded || away || !stored.Settled()
	return stored, existed, nil
}

// price takes the customer's cart, or has the items priced.
func (c *checkout) price(ctx context.Context, in Request) ([]order.Item, bool, error) {
	a, _, err := resilience.Call(ctx, c.cartG, func(ctx context.Context, _ int) (a cart.Cart, err error) {
		if len(in.Items) > 0 {
			_, err = c.cart.Do(ctx, http.MethodPost, "/quote", cart.Quote{Items: in.Items}, &a)
		} else {
			_, err = c.cart.Do(ctx, http.MethodGet, "/carts/"+url.PathEscape(in.Customer), nil, &a)
		}
		return a, err
	}, nil)
	if err != nil {
		return nil, false, web.Upstream("cart", err)
	}
	return a.Items, a.Degraded, nil
}

func (c *checkout) known(ctx context.Context, key string) (order.Order, error) {
	o, _, err := resilience.Call(ctx, c.dbG, func(ctx context.Context, _ int) (o order.Order, err error) {
		_, err = c.db.Do(ctx, http.MethodGet, "/orders/by-key/"+url.PathEscape(key), nil, &o)
		return o, err
	}, nil)
	if err != nil && !resilience.Failed(err) {
		return o, web.Errorf(http.StatusConflict, "the cart is empty")
	}
	if err != nil {
		return o, web.Upstream("orders-db", err)
	}
	o.Degraded = !o.Settled()
	return o, nil
}

// reserve gives the state that the order's stock is in. later allows it to be done another time.
func (c *checkout) reserve(ctx context.Context, o order.Order, later bool) (string, error) {
	var fall func(error) (string, error)
	if later {
		fall = func(error) (string, error) { return order.Unconfirmed, nil }
	}
	state, _, err := resilience.Call(ctx, c.inventoryG, func(ctx context.Context, _ int) (string, error) {
		_, err := c.inventory.Do(ctx, http.MethodPost, "/reserve", inventory.ReserveRequest{Order: o.ID, Items: o.Items}, nil)
		return order.Reserved, err
	}, fall)
	return state, err
}

// charge gives the state that the order's payment is in. later allows it to be done another time.
func (c *checkout) charge(ctx context.Context, o order.Order, later bool) (string, error) {
	var fall func(error) (string, error)
	if later {
		fall = func(error) (string, error) { return order.Pending, nil }
	}
	state, _, err := resilience.Call(ctx, c.paymentG, func(ctx context.Context, _ int) (string, error) {
		return order.Paid, c.payment.charge(ctx, o)
	}, fall)
	return state, err
}

// store writes the order. Its fallback remembers the order here until the database is back; away says so.
func (c *checkout) store(ctx context.Context, o order.Order) (stored order.Order, existed, away bool, err error) {
	stored, away, err = resilience.Call(ctx, c.dbG, func(ctx context.Context, _ int) (out order.Order, err error) {
		reply, err := c.db.Do(ctx, http.MethodPost, "/orders", o, &out)
		existed = err == nil && reply.Status == http.StatusOK
		return out, err
	}, func(cause error) (order.Order, error) {
		if !c.keep(o) {
			return o, cause
		}
		return o, nil
	})
	return stored, existed, away, err
}

// clearCart is a courtesy: the order stands without it.
func (c *checkout) clearCart(ctx context.Context, customer string) {
	_, _, err := resilience.Call(ctx, c.cartG, func(ctx context.Context, _ int) (*web.Reply, error) {
		return c.cart.Do(ctx, http.MethodDelete, "/carts/"+url.PathEscape(customer), nil, nil)
	}, nil)
	if err != nil {
		c.n.Log.WarnContext(ctx, "cart not cleared", "customer", customer, "cause", err.Error())
	}
}

func (c *checkout) traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	c.n.Tel.Propagator.Inject(ctx, carrier)
	return carrier.Get("traceparent")
}
