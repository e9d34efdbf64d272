// Package payment charges customers over gRPC, once per idempotency key, and keeps the ledger of all charges in a file
// of its own.
package payment

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"gameday/cmd/shop/service/node"
	"gameday/cmd/shop/service/paymentpb"
	"gameday/cmd/shop/service/resilience"
	"gameday/cmd/shop/service/sqldb"
	"gameday/cmd/shop/service/telemetry"
	"gameday/cmd/shop/service/web"
)

// MetadataRequestID is the gRPC metadata key that carries the request ID.
const MetadataRequestID = "x-correlation-id"

// acquirer is how long the card network takes to say yes: between these two.
const (
	acquirerMin = 1 * time.Millisecond
	acquirerMax = 5 * time.Millisecond
)

const keepCharges = 200_000

const schema = `CREATE TABLE IF NOT EXISTS charges (
	n INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, charge_id TEXT NOT NULL, order_id TEXT NOT NULL,
	cents INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS charges_order ON charges (order_id);`

type server struct {
	paymentpb.UnimplementedPaymentServer
	n       *node.Node
	db      *sqldb.DB
	charges *prometheus.CounterVec

	mu  sync.Mutex
	rng *mathrand.Rand
}

// Setup makes n the payment service: gRPC on its own port, and the ledger at GET /charges over HTTP.
func Setup(n *node.Node, ln net.Listener) error {
	db, err := sqldb.Open(filepath.Join(n.Dir, n.Name+".db"), schema)
	if err != nil {
		return err
	}
	n.OnClose(db.Close)
	s := &server{n: n, db: db, rng: mathrand.New(mathrand.NewPCG(n.Seed, 0x7061796d656e74)),
		charges: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shop_charges_total",
			Help: "Charges by outcome: charged, replayed (the key was known, no money moved), refused, failed."}, []string{"outcome"})}
	n.Tel.Metrics.Registry.MustRegister(s.charges)
	n.Handle("GET /charges", s.list)

	g := grpc.NewServer(
		grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(n.Tel.Traces), otelgrpc.WithPropagators(n.Tel.Propagator),
			otelgrpc.WithFilter(filters.Not(filters.HealthCheck())))),
		grpc.UnaryInterceptor(s.observe))
	paymentpb.RegisterPaymentServer(g, s)
	healthpb.RegisterHealthServer(g, health.NewServer())
	n.Background(func(ctx context.Context) {
		stop := context.AfterFunc(ctx, g.Stop)
		defer stop()
		if err := g.Serve(ln); err != nil && ctx.Err() == nil {
			n.Log.Error("gRPC server ended", "cause", err.Error())
		}
	})
	return nil
}

// observe measures and logs each call, and puts the request ID into its context.
func (s *server) observe(ctx context.Context, req any, info *grpc.UnaryServerInfo, h grpc.UnaryHandler) (resp any, err error) {
	if info.FullMethod != paymentpb.Payment_Charge_FullMethodName {
		return h(ctx, req) // health checks are no business of the shop's
	}
	started := time.Now()
	if ids := metadata.ValueFromIncomingContext(ctx, MetadataRequestID); len(ids) > 0 && web.Key(ids[0]) {
		ctx = telemetry.WithRequest(ctx, ids[0])
	}
	defer func() {
		if p := recover(); p != nil {
			err = status.Errorf(codes.Internal, "handler panicked: %v", p)
		}
		code := status.Code(err)
		telemetry.Observe(ctx, s.n.Tel.Metrics.GRPCDuration.WithLabelValues("Charge", code.String()), time.Since(started).Seconds())
		switch code {
		case codes.OK:
		case codes.FailedPrecondition, codes.InvalidArgument:
			s.charges.WithLabelValues("refused").Inc()
			s.n.Log.WarnContext(ctx, "charge refused", "cause", err.Error())
		default:
			s.charges.WithLabelValues("failed").Inc()
			s.n.Log.ErrorContext(ctx, "charge failed", "cause", err.Error())
		}
	}()
	return h(ctx, req)
}

// Charge implements the gRPC service.
func (s *server) Charge(ctx context.Context, req *paymentpb.ChargeRequest) (*paymentpb.ChargeReply, error) {
	if !web.Key(req.Key) || req.OrderId == "" || req.AmountCents <= 0 {
		return nil, status.Error(codes.InvalidArgument, "a charge needs a key, an order and an amount above 0")
	}
	ctx, span := s.n.Tel.Tracer.Start(ctx, "charge card")
	defer span.End()
	span.SetAttributes(attribute.String("shop.order", req.OrderId), attribute.Int64("shop.cents", req.AmountCents))
	key := req.Key
	if !s.n.Switches.On(resilience.Idempotency) {
		key += "#" + rand.Text() // every call is a charge of its own: what happens without the pattern
	}
	s.askAcquirer(ctx)
	reply, err := s.book(ctx, key, req)
	if err != nil {
		span.SetStatus(otelcodes.Error, err.Error())
		return nil, err
	}
	span.SetAttributes(attribute.Bool("shop.replayed", reply.Replayed))
	outcome := "charged"
	if reply.Replayed {
		outcome = "replayed"
	}
	s.charges.WithLabelValues(outcome).Inc()
	s.n.Log.InfoContext(ctx, "card "+outcome, "order", req.OrderId, "cents", req.AmountCents, "charge", reply.ChargeId)
	return reply, nil
}

// askAcquirer takes the time that the card network takes.
func (s *server) askAcquirer(ctx context.Context) {
	s.mu.Lock()
	d := acquirerMin + time.Duration(s.rng.Int64N(int64(acquirerMax-acquirerMin)))
	s.mu.Unlock()
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// book writes the charge, or finds the one that its key stands for. The caller may have left meanwhile: what was begun
// is booked all the same, and the next call with the key learns of it.
func (s *server) book(ctx context.Context, key string, req *paymentpb.ChargeRequest) (*paymentpb.ChargeReply, error) {
	reply := &paymentpb.ChargeReply{ChargeId: "ch-" + rand.Text()[:16]}
	ctx = context.WithoutCancel(ctx)
	err := sqldb.Traced(ctx, s.n.Tel.Tracer, "INSERT charges", func(ctx context.Context) error {
		return s.db.Tx(ctx, func(tx *sql.Tx) error {
			var order string
			var cents int64
			err := tx.QueryRowContext(ctx, `SELECT charge_id, order_id, cents FROM charges WHERE key = ?`, key).Scan(&reply.ChargeId, &order, &cents)
			switch {
			case err == nil && (order != req.OrderId || cents != req.AmountCents):
				return status.Errorf(codes.FailedPrecondition, "the key was used before, for %d cents of order %s", cents, order)
			case err == nil:
				reply.Replayed = true
				return nil
			case !errors.Is(err, sql.ErrNoRows):
				return fmt.Errorf("look the key up: %w", err)
			}
			res, err := tx.ExecContext(ctx, `INSERT INTO charges (key, charge_id, order_id, cents, at) VALUES (?, ?, ?, ?, ?)`,
				key, reply.ChargeId, req.OrderId, req.AmountCents, time.Now().UnixNano())
			if err != nil {
				return fmt.Errorf("write the ledger: %w", err)
			}
			if n, err := res.LastInsertId(); err == nil && n%1000 == 0 {
				_, err = tx.ExecContext(ctx, `DELETE FROM charges WHERE n <= ?`, n-keepCharges)
				return err
			}
			return nil
		})
	})
	if err != nil {
		if _, ok := status.FromError(err); !ok {
			err = status.Error(codes.Internal, err.Error())
		}
		return nil, err
	}
	return reply, nil
}

// Charge is one line of the ledger.
type Charge struct {
	ID    string `json:"id"`
	Order string `json:"order"`
	Cents int64  `json:"cents"`
}

// list answers GET /charges?order=ID.
func (s *server) list(w http.ResponseWriter, r *http.Request) error {
	rows, err := s.db.Read.QueryContext(r.Context(), `SELECT charge_id, order_id, cents FROM charges WHERE order_id = ? ORDER BY n LIMIT 100`, r.URL.Query().Get("order"))
	if err != nil {
		return err
	}
	defer rows.Close()
	list := []Charge{}
	for rows.Next() {
		var c Charge
		if err := rows.Scan(&c.ID, &c.Order, &c.Cents); err != nil {
			return err
		}
		list = append(list, c)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, map[string]any{"charges": list})
}
