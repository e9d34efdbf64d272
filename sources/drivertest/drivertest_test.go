package drivertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/driver"
	"gameday/sources/signal"
)

// lines is a small correct driver: each connection to its socket is one record. It shows that the suite can be passed.
type lines struct{ addr string }

func (l *lines) Run(ctx context.Context, emit func(signal.Batch)) error {
	ln, err := net.Listen("tcp", l.addr)
	if err != nil {
		return fmt.Errorf("lines: listen on %s: %w", l.addr, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	for {
		c, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				return c.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("lines: accept on %s: %w", l.addr, err)
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		buf := make([]byte, 1024)
		n, _ := c.Read(buf) // what came is what counts
		if n > 0 {
			emit(signal.Batch{Logs: []signal.Record{{Body: string(buf[:n])}}})
		}
		if err := c.Close(); err != nil {
			return fmt.Errorf("lines: close: %w", err)
		}
	}
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func TestSuitePassesACorrectDriver(t *testing.T) {
	Run(t, Harness{
		New: func(t *testing.T) driver.Driver { return &lines{addr: free(t)} },
		Feed: func(ctx context.Context, d driver.Driver) error {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.(*lines).addr)
			if err != nil {
				return err
			}
			_, err = c.Write([]byte(Hostile))
			return errors.Join(err, c.Close())
		},
		Broken: func(t *testing.T) (driver.Driver, string, error) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			t.Cleanup(func() { _ = l.Close() })
			return &lines{addr: l.Addr().String()}, l.Addr().String(), nil
		},
		MaxEmits: 1,
	})
}
