package load

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
	"gameday/sources/spec"
)

// fake is a target that answers in the time and with the status that serve says, on the bubble's clock.
type fake struct {
	serve func(at time.Duration, call *protocol.Call) (took time.Duration, status int, kind protocol.Kind)
	reqs  []protocol.Request
}

func (f *fake) Prepare(r protocol.Request) (int, error) {
	f.reqs = append(f.reqs, r)
	return len(f.reqs) - 1, nil
}

func (f *fake) NewClient(ctx context.Context, epoch time.Time) protocol.Client {
	return &fakeClient{f, ctx, epoch}
}

type fakeClient struct {
	fake  *fake
	ctx   context.Context
	epoch time.Time
}

func (c *fakeClient) Do(call *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Start: time.Since(c.epoch)}
	took, status, kind := c.fake.serve(out.Start, call)
	out.Status, out.Kind = status, kind
	timer := time.NewTimer(took)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ctx.Done():
		out.Status, out.Kind = 0, protocol.Interrupted
	}
	out.Done = time.Since(c.epoch)
}

func (c *fakeClient) Close() {}

// constant answers 200 after a fixed time.
func constant(took time.Duration) *fake {
	return &fake{serve: func(time.Duration, *protocol.Call) (time.Duration, int, protocol.Kind) { return took, 200, protocol.OK }}
}

// plan parses the part of a plan below its target.
func plan(t testing.TB, text string) *Plan {
	t.Helper()
	doc, err := spec.Parse("plan.yaml", []byte("apiVersion: gameday/v1\nkind: Load\ntarget: http://127.0.0.1:1\n"+text))
	require.NoError(t, err)
	p, err := ParsePlan(doc)
	require.NoError(t, err)
	return p
}

func start(t *testing.T, p *Plan, f *fake) *Run {
	t.Helper()
	r, err := Start(t.Context(), p, Options{protocol: f})
	require.NoError(t, err)
	return r
}
