package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gameday/sources/signal"
)

// measurer is the function that takes a reading of the probe's kind.
func (p *Probe) measurer(o Observer) func(context.Context) Reading {
	c := p.config
	switch {
	case c.PromQL != nil:
		return func(ctx context.Context) Reading {
			v, ok, example, err := o.PromQL(ctx, c.PromQL.Query, time.Now())
			return answer(ok, err, "the expression gives no value", func() Reading { return p.number(v, example) })
		}
	case c.Load != nil:
		return func(context.Context) Reading {
			v, ok, example := o.LoadStat(c.Load.Stat, c.Load.Step, orDefault(c.Load.Over))
			return answer(ok, nil, "no load is running, or none of its requests has ended yet", func() Reading { return p.number(v, example) })
		}
	case c.Logs != nil:
		return func(ctx context.Context) Reading {
			n, example, err := o.CountLogs(ctx, c.Logs.Filter, orDefault(c.Logs.Over))
			return answer(true, err, "", func() Reading { return p.number(float64(n), example) })
		}
	case c.Traces != nil:
		return func(ctx context.Context) Reading {
			v, ok, example, err := o.TraceStat(ctx, c.Traces.Filter, c.Traces.Stat, orDefault(c.Traces.Over))
			return answer(ok, err, "no trace matches", func() Reading { return p.number(v, example) })
		}
	case c.Process != nil:
		return func(context.Context) Reading {
			state, ok := o.ProcessState(c.Process.Name)
			return answer(ok, nil, "no process has that name", func() Reading { return text(state) })
		}
	case c.HTTP != nil:
		return p.httpMeasurer(*c.HTTP)
	case c.TCP != nil:
		return func(ctx context.Context) Reading { return p.connect(ctx, c.TCP.Address) }
	}
	// Kinds are checked before; there is no other.
	return func(context.Context) Reading { return noData("the probe measures nothing") }
}

func orDefault(over time.Duration) time.Duration {
	if over > 0 {
		return over
	}
	return DefaultOver
}

// answer makes a reading of what an observer said.
func answer(ok bool, err error, none string, known func() Reading) Reading {
	switch {
	case err != nil:
		return noData(clean(err.Error()))
	case !ok:
		return noData(none)
	}
	return known()
}

// connect opens and closes one connection. That nobody answers is a fact about the target, not a lack of data.
func (p *Probe) connect(ctx context.Context, address string) Reading {
	start := time.Now()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return p.failure(ctx, err)
	}
	took := time.Since(start)
	conn.Close() // nothing was sent: nothing can be lost by closing
	return p.number(took.Seconds(), signal.TraceID{})
}

// unreachable says in few words why a target did not answer.
func (p *Probe) unreachable(ctx context.Context, err error) error {
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s", p.config.TimeoutOrDefault())
	case errors.As(err, &dns):
		return fmt.Errorf("the name %s is not known", dns.Name)
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

const (
	maxBody      = 64 << 10
	maxRedirects = 5
)

func (p *Probe) httpMeasurer(h HTTP) func(context.Context) Reading {
	method := h.Method
	if method == "" {
		method = http.MethodGet
	}
	client := &http.Client{
		// A connection of its own for each reading: whether one can be made is part of the question. No proxy either.
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext},
		CheckRedirect: sameHost,
	}
	return func(ctx context.Context) Reading {
		req, err := http.NewRequestWithContext(ctx, method, h.URL, nil)
		if err != nil {
			return noData(clean(err.Error()))
		}
		req.Header.Set("User-Agent", "gameday-probe")
		for k, v := range h.Headers {
			req.Header.Set(k, v)
		}
		start := time.Now()
		resp, err := client.Do(req)
		if err != nil {
			return p.failure(ctx, err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		if err != nil {
			return p.failure(ctx, err)
		}
		switch h.measured() {
		case "latency":
			return p.number(time.Since(start).Seconds(), signal.TraceID{})
		case "body":
			return text(strings.TrimRight(string(body), "\r\n"))
		}
		r := p.number(float64(resp.StatusCode), signal.TraceID{})
		r.Text = strconv.Itoa(resp.StatusCode)
		return r
	}
}

// failure reads why there was no answer. When the caller gave up, that says nothing about the target.
func (p *Probe) failure(ctx context.Context, err error) Reading {
	if errors.Is(ctx.Err(), context.Canceled) {
		return noData("the measurement was stopped")
	}
	return down(p.unreachable(ctx, err))
}

// sameHost follows redirects within the host only; elsewhere the redirect itself is the answer.
func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}
