package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// measurer is the function that takes a reading of the probe's kind.
func (p *Probe) measurer(o Observer, vars map[string]string) (func(context.Context) Reading, error) {
	c := p.config
	switch {
	case c.HTTP != nil:
		return p.httpMeasurer(*c.HTTP)
	case c.TCP != nil:
		return p.tcpMeasurer(*c.TCP), nil
	case c.GRPC != nil:
		return p.grpcMeasurer(*c.GRPC)
	case c.Command != nil:
		return p.commandMeasurer(*c.Command, vars)
	}
	return p.observed(o), nil
}

// observed is the measurer of what gameday holds already.
func (p *Probe) observed(o Observer) func(context.Context) Reading {
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
		return faulty(err)
	case !ok:
		return noData(none)
	}
	return known()
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

// failure reads why there was no answer. When the caller gave up, that says nothing about the target.
func (p *Probe) failure(ctx context.Context, err error) Reading {
	if errors.Is(ctx.Err(), context.Canceled) {
		return noData("the measurement was stopped")
	}
	return down(p.unreachable(ctx, err))
}
