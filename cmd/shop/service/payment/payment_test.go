package payment

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"gameday/cmd/shop/service/node"
	"gameday/cmd/shop/service/paymentpb"
	"gameday/cmd/shop/service/resilience"
	"gameday/cmd/shop/service/telemetry"
)

// run starts a payment service on a ledger in dir and gives a client and its switches.
func run(t *testing.T, dir string) (paymentpb.PaymentClient, *resilience.Switches, func()) {
	tel, err := telemetry.Start(telemetry.Config{Service: "payment", Stderr: &bytes.Buffer{}})
	require.NoError(t, err)
	sw, err := resilience.NewSwitches("all")
	require.NoError(t, err)
	n := node.New(node.Config{Name: "payment", Dir: dir, Seed: 1}, tel, sw, false)
	gln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	hln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, Setup(n, gln))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx, hln) }()
	conn, err := grpc.NewClient("passthrough:///"+gln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	return paymentpb.NewPaymentClient(conn), sw, sync.OnceFunc(func() {
		require.NoError(t, conn.Close())
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, tel.Close(context.Background()))
	})
}

func TestOneKeyIsOneCharge(t *testing.T) {
	dir := t.TempDir()
	c, sw, stop := run(t, dir)
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req := &paymentpb.ChargeRequest{Key: "k", OrderId: "o", AmountCents: 100}

	var mu sync.Mutex
	ids, fresh := map[string]bool{}, 0
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			r, err := c.Charge(ctx, req)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				ids[r.ChargeId] = true
				if !r.Replayed {
					fresh++
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, ids, 1, "ten calls at once with one key made several charges")
	require.Equal(t, 1, fresh)

	for _, bad := range []*paymentpb.ChargeRequest{{Key: "k", OrderId: "o", AmountCents: 101}, {Key: "k", OrderId: "p", AmountCents: 100}} {
		_, err := c.Charge(ctx, bad)
		require.Equal(t, codes.FailedPrecondition, status.Code(err))
	}
	for _, bad := range []*paymentpb.ChargeRequest{{}, {Key: "a b", OrderId: "o", AmountCents: 1}, {Key: "n", OrderId: "o", AmountCents: -1}} {
		_, err := c.Charge(ctx, bad)
		require.Equal(t, codes.InvalidArgument, status.Code(err))
	}

	require.NoError(t, sw.Set(resilience.Idempotency, false))
	r, err := c.Charge(ctx, req)
	require.NoError(t, err)
	require.False(t, r.Replayed)
	require.NotContains(t, ids, r.ChargeId)

	stop() // the ledger outlives the process
	c, _, stop2 := run(t, dir)
	defer stop2()
	r, err = c.Charge(ctx, req)
	require.NoError(t, err)
	require.True(t, r.Replayed)
	require.Contains(t, ids, r.ChargeId)
}
