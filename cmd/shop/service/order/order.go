// Package order holds the words that the shop's services exchange.
package order

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Item is so many pieces of one product.
type Item struct {
	Product  string `json:"product"`
	Quantity int    `json:"quantity"`
	Cents    int64  `json:"cents,omitempty"` // price of one piece
}

// Amount is the price of all items in cents.
func Amount(items []Item) (cents int64) {
	for _, i := range items {
		cents += int64(i.Quantity) * i.Cents
	}
	return cents
}

// Valid reports whether items can be ordered: 1 to 50 lines of 1 to 99 pieces of a named product.
func Valid(items []Item) bool {
	if len(items) == 0 || len(items) > 50 {
		return false
	}
	for _, i := range items {
		if i.Product == "" || len(i.Product) > 64 || i.Quantity < 1 || i.Quantity > 99 {
			return false
		}
	}
	return true
}

// States of an order's payment and of its stock.
const (
	Paid        = "paid"
	Pending     = "pending" // will be charged later, with the same key
	Refused     = "refused" // the payment service said no to a pending charge
	Reserved    = "reserved"
	Unconfirmed = "unconfirmed" // will be reserved later
)

// Order is one order as it is stored.
type Order struct {
	ID        string    `json:"id"`
	Key       string    `json:"key"` // idempotency key
	Customer  string    `json:"customer"`
	Items     []Item    `json:"items"`
	Cents     int64     `json:"cents"`
	Payment   string    `json:"payment"`
	Stock     string    `json:"stock"`
	RequestID string    `json:"request_id,omitempty"` // of the request that placed it
	Trace     string    `json:"trace,omitempty"`      // its traceparent
	Created   time.Time `json:"created"`
	Degraded  bool      `json:"degraded,omitempty"` // in an answer only: a fallback took part
}

// Settled reports whether nothing is left to be done later.
func (o *Order) Settled() bool { return o.Payment != Pending && o.Stock != Unconfirmed }

// IDFor derives the order's ID from its idempotency key, so that every retry means the same order.
func IDFor(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "ord-" + hex.EncodeToString(sum[:8])
}
