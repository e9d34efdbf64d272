package checkout

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"gameday/cmd/shop/service/order"
	"gameday/cmd/shop/service/ordersdb"
	"gameday/cmd/shop/service/resilience"
	"gameday/cmd/shop/service/telemetry"
)

// How often orders that were accepted without payment, stock or storage are looked at, how long one look at the
// database may take, and how many orders may wait here for the database.
const (
	settleEvery = 2 * time.Second
	settleLook  = 2 * time.Second
	maxUnstored = 1024
)

// keep remembers an order that could not be stored; false when too many wait already.
func (c *checkout) keep(o order.Order) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.unstored) >= maxUnstored {
		return false
	}
	c.unstored = append(c.unstored, o)
	return true
}

// settleForever finishes what was promised. The truth is in the database, so a checkout that died and came back goes
// on where the last one stopped.
func (c *checkout) settleForever(ctx context.Context) {
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for {
		for c.storeKept(ctx) && c.lookBack.Load() && c.settleSome(ctx) {
			if ctx.Err() != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// storeKept stores the orders that the database has missed; false when it is still away.
func (c *checkout) storeKept(ctx context.Context) bool {
	for {
		c.mu.Lock()
		if len(c.unstored) == 0 {
			c.mu.Unlock()
			return true
		}
		o := c.unstored[0]
		c.mu.Unlock()
		ctx, span := c.span(ctx, "store order late", o)
		_, _, err := resilience.Call(ctx, c.dbG, func(ctx context.Context, _ int) (out order.Order, err error) {
			_, err = c.db.Do(ctx, http.MethodPost, "/orders", o, &out)
			return out, err
		}, nil)
		span.End()
		if resilience.Failed(err) {
			return false
		}
		if err != nil { // refused: it will never be taken, and must not block the others
			c.n.Log.ErrorContext(ctx, "order lost: the database refuses it", "order", o.ID, "cause", err.Error())
		}
		c.mu.Lock()
		c.unstored = c.unstored[1:]
		c.mu.Unlock()
		if !o.Settled() {
			c.lookBack.Store(true)
		}
	}
}

// settleSome settles the oldest unsettled orders; true when there may be more and it is worth going on at once.
func (c *checkout) settleSome(ctx context.Context) bool {
	look, cancel := context.WithTimeout(ctx, settleLook)
	defer cancel()
	c.lookBack.Store(false) // before looking: whoever is added meanwhile sets it again
	var open ordersdb.Orders
	if _, err := c.db.Do(look, http.MethodGet, "/unsettled", nil, &open); err != nil {
		c.lookBack.Store(true)
		return false
	}
	c.pending.Set(float64(len(open.Orders)))
	for _, o := range open.Orders {
		if err := c.settle(ctx, o); err != nil {
			c.lookBack.Store(true)
			return false
		}
	}
	if len(open.Orders) > 0 {
		c.lookBack.Store(true)
	}
	return len(open.Orders) > 0
}

// settle reserves and charges one order with its own key, and records what came of it.
func (c *checkout) settle(ctx context.Context, o order.Order) error {
	ctx, span := c.span(ctx, "settle order", o)
	defer span.End()
	var done ordersdb.SettleRequest
	if o.Stock == order.Unconfirmed {
		state, err := c.reserve(ctx, o, false)
		if resilience.Failed(err) {
			return err
		}
		if done.Stock = state; err != nil {
			done.Stock = order.Refused
		}
	}
	if o.Payment == order.Pending {
		state, err := c.charge(ctx, o, false)
		if resilience.Failed(err) {
			return err
		}
		if done.Payment = state; err != nil {
			done.Payment = order.Refused
		}
	}
	_, _, err := resilience.Call(ctx, c.dbG, func(ctx context.Context, _ int) (out order.Order, err error) {
		_, err = c.db.Do(ctx, http.MethodPost, "/orders/"+o.ID+"/settle", done, &out)
		return out, err
	}, nil)
	if err != nil {
		return err
	}
	c.n.Log.InfoContext(ctx, "order settled late", "order", o.ID, "payment", done.Payment, "stock", done.Stock, "after_ms", time.Since(o.Created).Milliseconds())
	return nil
}

// span begins a trace of its own for late work, linked to the trace that placed the order and under its request ID.
func (c *checkout) span(ctx context.Context, name string, o order.Order) (context.Context, trace.Span) {
	ctx = telemetry.WithRequest(ctx, o.RequestID)
	origin := c.n.Tel.Propagator.Extract(context.Background(), propagation.MapCarrier{"traceparent": o.Trace})
	return c.n.Tel.Tracer.Start(ctx, name, trace.WithNewRoot(), trace.WithLinks(trace.LinkFromContext(origin)),
		trace.WithAttributes(attribute.String("shop.order", o.ID), attribute.String("request_id", o.RequestID)))
}
