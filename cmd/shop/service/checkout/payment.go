package checkout

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"gameday/cmd/shop/service/node"
	"gameday/cmd/shop/service/order"
	"gameday/cmd/shop/service/payment"
	"gameday/cmd/shop/service/paymentpb"
	"gameday/cmd/shop/service/telemetry"
	"gameday/cmd/shop/service/web"
)

// paymentClient asks the payment service over gRPC.
type paymentClient struct {
	n      *node.Node
	client paymentpb.PaymentClient
}

func newPaymentClient(n *node.Node) (*paymentClient, error) {
	addr, err := n.Dep("payment")
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler(otelgrpc.WithTracerProvider(n.Tel.Traces),
			otelgrpc.WithPropagators(n.Tel.Propagator), otelgrpc.WithFilter(filters.Not(filters.HealthCheck())))),
		grpc.WithDisableRetry(), // retries are ours, and can be switched off
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: 2 * time.Second,
			Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 500 * time.Millisecond}}))
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to payment at %q: %w", addr, err)
	}
	n.OnClose(conn.Close)
	check := healthpb.NewHealthClient(conn)
	n.Check("payment", func(ctx context.Context) error {
		r, err := check.Check(ctx, &healthpb.HealthCheckRequest{})
		if err == nil && r.Status != healthpb.HealthCheckResponse_SERVING {
			err = fmt.Errorf("it says %s", r.Status)
		}
		return err
	})
	return &paymentClient{n: n, client: paymentpb.NewPaymentClient(conn)}, nil
}

// charge takes the order's amount once, under the order's key.
func (p *paymentClient) charge(ctx context.Context, o order.Order) error {
	ctx, span := p.n.Tel.Tracer.Start(ctx, "charge")
	defer span.End()
	span.SetAttributes(attribute.String("peer.service", "payment"), attribute.String("shop.order", o.ID), attribute.Int64("shop.cents", o.Cents))
	ctx = metadata.AppendToOutgoingContext(ctx, payment.MetadataRequestID, telemetry.Request(ctx))
	reply, err := p.client.Charge(ctx, &paymentpb.ChargeRequest{Key: o.Key, OrderId: o.ID, AmountCents: o.Cents})
	if err != nil {
		span.SetStatus(otelcodes.Error, err.Error())
		return answer(err)
	}
	span.SetAttributes(attribute.String("shop.charge", reply.ChargeId), attribute.Bool("shop.replayed", reply.Replayed))
	return nil
}

// answer tells payment's refusals from its failures.
func answer(err error) error {
	switch s := status.Convert(err); s.Code() {
	case codes.FailedPrecondition, codes.InvalidArgument, codes.AlreadyExists, codes.NotFound:
		return &web.Error{Status: http.StatusUnprocessableEntity, Text: "payment refused: " + s.Message(), Cause: err}
	case codes.DeadlineExceeded:
		return fmt.Errorf("ask payment: %w: %w", context.DeadlineExceeded, err)
	}
	return fmt.Errorf("ask payment: %w", err)
}

func requestID(ctx context.Context) string { return telemetry.Request(ctx) }
