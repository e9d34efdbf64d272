package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// grpcMeasurer asks a health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md) over a connection
// of its own for each reading. A server that answers without having the service is an error of the experiment, one that
// cannot be reached is down.
func (p *Probe) grpcMeasurer(g GRPC) (func(context.Context) Reading, error) {
	creds := insecure.NewCredentials()
	if g.TLS {
		config, err := trust(g.CA)
		if err != nil {
			return nil, err
		}
		creds = credentials.NewTLS(config)
	}
	return func(ctx context.Context) Reading {
		start := time.Now()
		conn, err := grpc.NewClient("passthrough:///"+g.Address, grpc.WithTransportCredentials(creds), grpc.WithNoProxy(),
			grpc.WithUserAgent("gameday-probe"), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxBody)))
		if err != nil {
			return faulty(err)
		}
		defer conn.Close() // an answer was read, or none came
		resp, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: g.Service})
		took := time.Since(start)
		if err != nil {
			return p.notHealthy(ctx, err)
		}
		if g.measured() == "latency" {
			return p.number(took.Seconds(), noTrace)
		}
		return text(resp.GetStatus().String())
	}, nil
}

func (p *Probe) notHealthy(ctx context.Context, err error) Reading {
	s := status.Convert(err)
	switch s.Code() {
	case codes.NotFound:
		return text("SERVICE_UNKNOWN")
	case codes.Unimplemented:
		return faulty(errors.New("the server has no health service (grpc.health.v1)"))
	}
	why := s.Message()
	if _, cause, ok := strings.Cut(why, "transport: "); ok { // what goes before it is the same for all
		why = strings.TrimPrefix(strings.TrimSuffix(cause, `"`), "authentication handshake failed: ")
	}
	return p.failure(ctx, errors.New(why))
}

// trust is the TLS configuration that trusts the certificates of a file, or those of the system.
func trust(ca string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca == "" {
		return config, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("read the certificates to trust: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", ca)
	}
	return config, nil
}
