package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const maxTCPAnswer = 4 << 10

// tcpMeasurer opens and closes one connection. That nobody answers is a fact about the target, not a lack of data.
func (p *Probe) tcpMeasurer(t TCP) func(context.Context) Reading {
	return func(ctx context.Context) Reading {
		start := time.Now()
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.Address)
		if err != nil {
			return p.failure(ctx, err)
		}
		defer conn.Close() // nothing is left to be lost
		if t.Send != "" || !t.Answer.IsZero() {
			if err := converse(ctx, conn, t); err != nil {
				return p.failure(ctx, err)
			}
		}
		return p.number(time.Since(start).Seconds(), noTrace)
	}
}

// converse sends what is to be sent and reads until the answer is as expected, or cannot be any more.
func converse(ctx context.Context, conn net.Conn, t TCP) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // it wakes Read; conn is closed by the caller
	defer stop()
	if _, err := io.WriteString(conn, t.Send); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if t.Answer.IsZero() {
		return nil
	}
	var got []byte
	buf := make([]byte, 1024)
	for len(got) < maxTCPAnswer {
		n, err := conn.Read(buf)
		got = append(got, buf[:n]...)
		if t.Answer.meets(text(trimEnd(string(got)))) {
			return nil
		}
		if err != nil {
			if len(got) == 0 && !errors.Is(err, io.EOF) {
				return err
			}
			return wrongAnswer{got: string(got), want: t.Answer}
		}
	}
	return wrongAnswer{got: string(got), want: t.Answer}
}

func trimEnd(s string) string {
	for len(s) > 0 && (s[len(s)-1] == '\n' || s[len(s)-1] == '\r') {
		s = s[:len(s)-1]
	}
	return s
}

// wrongAnswer says that something came back, and was not what was expected.
type wrongAnswer struct {
	got  string
	want Expect
}

func (w wrongAnswer) Error() string {
	if w.got == "" {
		return "expected " + w.want.String() + ", closed without an answer"
	}
	return fmt.Sprintf("expected %s, answered %q", w.want, clean(w.got))
}
