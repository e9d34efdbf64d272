// Package inventory knows how many pieces of each product are there, and reserves them for orders.
package inventory

import (
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"

	"gameday/cmd/shop/service/catalog"
	"gameday/cmd/shop/service/node"
	"gameday/cmd/shop/service/order"
	"gameday/cmd/shop/service/web"
)

const (
	fullShelf       = 10_000 // pieces of a product after a delivery
	lowShelf        = 2_000  // below this a delivery comes
	keptReservation = 50_000 // reservations remembered, to recognise a retry
)

// ReserveRequest is the body of POST /reserve.
type ReserveRequest struct {
	Order string       `json:"order"`
	Items []order.Item `json:"items"`
}

// Stock is the answer to GET /stock/{product}.
type Stock struct {
	Product string `json:"product"`
	Pieces  int    `json:"pieces"`
}

type inventory struct {
	n *node.Node

	mu       sync.Mutex
	stock    map[string]int
	reserved map[string]struct{}
	oldest   []string // reservations in their order, to forget the oldest
}

// Setup makes n the inventory service.
func Setup(n *node.Node) error {
	s := &inventory{n: n, stock: map[string]int{}, reserved: map[string]struct{}{}}
	for _, p := range catalog.Products() {
		s.stock[p.ID] = fullShelf
	}
	n.Tel.Metrics.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "shop_stock_pieces", Help: "Pieces on the shelves."}, s.pieces))
	n.Handle("POST /reserve", s.reserve)
	n.Handle("GET /stock/{product}", s.get)
	return nil
}

func (s *inventory) pieces() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := 0
	for _, n := range s.stock {
		sum += n
	}
	return float64(sum)
}

// reserve takes the pieces of an order off the shelf, once per order.
func (s *inventory) reserve(w http.ResponseWriter, r *http.Request) error {
	var in ReserveRequest
	if err := web.Decode(r, &in); err != nil {
		return err
	}
	if in.Order == "" || !order.Valid(in.Items) {
		return web.Errorf(http.StatusBadRequest, "a reservation needs an order and 1 to 50 items")
	}
	_, span := s.n.Tel.Tracer.Start(r.Context(), "reserve stock")
	defer span.End()
	span.SetAttributes(attribute.String("shop.order", in.Order), attribute.Int("shop.items", len(in.Items)))
	replayed, delivered, err := s.take(in)
	if err != nil {
		return err
	}
	for _, p := range delivered {
		s.n.Log.InfoContext(r.Context(), "delivery arrived", "product", p, "pieces", fullShelf)
	}
	s.n.Log.InfoContext(r.Context(), "stock reserved", "order", in.Order, "items", len(in.Items), "replayed", replayed)
	return web.JSON(w, http.StatusOK, map[string]bool{"replayed": replayed})
}

func (s *inventory) take(in ReserveRequest) (replayed bool, delivered []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.reserved[in.Order]; ok {
		return true, nil, nil
	}
	for _, i := range in.Items {
		if _, ok := s.stock[i.Product]; !ok {
			return false, nil, web.Errorf(http.StatusUnprocessableEntity, "there is no product %q", i.Product)
		}
	}
	for _, i := range in.Items {
		s.stock[i.Product] -= i.Quantity
		if s.stock[i.Product] < lowShelf {
			s.stock[i.Product] = fullShelf
			delivered = append(delivered, i.Product)
		}
	}
	s.reserved[in.Order] = struct{}{}
	s.oldest = append(s.oldest, in.Order)
	if len(s.oldest) > keptReservation {
		delete(s.reserved, s.oldest[0])
		s.oldest = s.oldest[1:]
	}
	return false, delivered, nil
}

func (s *inventory) get(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("product")
	s.mu.Lock()
	pieces, ok := s.stock[id]
	s.mu.Unlock()
	if !ok {
		return web.Errorf(http.StatusNotFound, "there is no product %q", id)
	}
	s.n.Log.InfoContext(r.Context(), "stock read", "product", id, "pieces", pieces)
	return web.JSON(w, http.StatusOK, Stock{Product: id, Pieces: pieces})
}
