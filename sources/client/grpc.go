package client

import (
	"context"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// againWithin is the longest pause before a gRPC connection is tried again. gRPC's own is two minutes, for which a system that is
// back would still be called lost.
const againWithin = 20 * time.Second

// GRPC is how gRPC connects to a system that is reached by this configuration: by Dial, and again soon after it is back.
func (c Config) GRPC() []grpc.DialOption {
	pace := backoff.DefaultConfig
	pace.MaxDelay = againWithin
	out := []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{Backoff: pace, MinConnectTimeout: 10 * time.Second})}
	if c.Dial != nil { // else gRPC dials by itself, through a proxy where the environment names one
		dial := c.Dialer()
		out = append(out, grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return dial(ctx, "tcp", address) }))
	}
	return out
}
