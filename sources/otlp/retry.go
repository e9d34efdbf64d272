package otlp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/grafana/loki-client-go/pkg/backoff"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"gameday/sources/client"
)

// The waits between two tries of one request, which double, with jitter, unless the endpoint says how long.
const (
	firstWait = 500 * time.Millisecond
	mostWait  = 30 * time.Second
)

// again sends one request until it is taken, refused for good, or ctx ends.
func (e *Exporter) again(ctx context.Context, kind signalKind, items int, data []byte) error {
	defer e.setTrouble(nil)
	wait := backoff.New(ctx, backoff.BackoffConfig{MinBackoff: firstWait, MaxBackoff: mostWait})
	for {
		err := e.sendCounted(ctx, kind, items, data)
		asked, retry := retryAfter(err)
		if !retry && e.tlsReason(err) == "" { // a certificate is renewed there, and what waits is sent then
			return err
		}
		e.setTrouble(err)
		if own := wait.NextDelay(); asked == 0 {
			asked = own
		}
		timer := time.NewTimer(min(asked, mostWait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// retryAfter reports whether the protocol has a failed request sent again, and after how long; 0 when it does not say.
func retryAfter(err error) (time.Duration, bool) {
	var refused *client.StatusError
	if errors.As(err, &refused) {
		switch refused.Code {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return refused.RetryAfter, true
		}
		return 0, false
	}
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return 0, err != nil && unreached(err)
	}
	var asked time.Duration
	info := false
	for _, d := range st.Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			info, asked = true, r.GetRetryDelay().AsDuration()
		}
	}
	switch st.Code() {
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.DataLoss:
		return asked, true
	case codes.ResourceExhausted: // only when it says that it will recover
		return asked, info
	}
	return 0, false
}

// unreached reports whether no whole answer came: nobody listened, the connection ended, or it took too long.
func unreached(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded)
}

// Trouble is why what is being sent was not taken the last time, nil when it was or when nothing is sent. lasting says that it
// does not pass by itself: somebody has to do what the error says.
func (e *Exporter) Trouble() (err error, lasting bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.trouble, e.trouble != nil && e.tlsReason(e.trouble) != ""
}

func (e *Exporter) setTrouble(err error) {
	e.mu.Lock()
	e.trouble = err
	e.mu.Unlock()
}

// tlsReason is what is wrong with TLS and what to do, "" when that is not why a request failed.
func (e *Exporter) tlsReason(err error) string {
	if reason := e.http.TLSReason(err); reason != "" || e.handshakes == nil || status.Code(err) != codes.Unavailable {
		return reason
	}
	if last := e.handshakes.last.Load(); last != nil {
		return e.http.TLSReason(*last)
	}
	return ""
}

// handshakes remember how the last one failed, nil when it did not: gRPC tells of it in words only.
type handshakes struct{ last atomic.Pointer[error] }

// watched are credentials whose handshakes are remembered.
type watched struct {
	credentials.TransportCredentials
	seen *handshakes
}

// ClientHandshake is that of the credentials.
func (w watched) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := w.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		w.seen.last.Store(&err)
	} else {
		w.seen.last.Store(nil)
	}
	return conn, info, err
}

// Clone is one that is watched as well.
func (w watched) Clone() credentials.TransportCredentials {
	return watched{w.TransportCredentials.Clone(), w.seen}
}
