package experiment_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/experiment"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

func TestGolden(t *testing.T) {
	panetest.Golden(t, func(ctx pane.Context) pane.Pane {
		p := experiment.New()
		p.View(ctx)
		panetest.Do(p, ctx, keymap.Down)
		return p
	})
}

func TestGoldenVerdict(t *testing.T) {
	panetest.Golden(t, func(ctx pane.Context) pane.Pane {
		e := ctx.Frame.Experiment
		e.Phase, e.Verdict, e.Reason, e.Elapsed = signal.PhaseDone, signal.VerdictBroken, "p95 was 412 ms while payment was slow, expected < 200ms", e.Total
		return experiment.New()
	})
}

func TestGoldenEmpty(t *testing.T) {
	panetest.Golden(t, func(ctx pane.Context) pane.Pane {
		ctx.Frame.Experiment, ctx.Frame.Faults = nil, nil
		return experiment.New()
	})
}

func TestTheRedProbeLeadsToItsTrace(t *testing.T) {
	f := sample.Frame()
	ctx := panetest.Context(t, f, 98, 21)
	p := experiment.New()
	require.Nil(t, panetest.Do(p, ctx, keymap.NextError))
	require.Equal(t, pane.OpenTraceMsg{ID: f.Experiment.Probes[1].TraceID}, panetest.Do(p, ctx, keymap.Open))
	require.Equal(t, pane.FocusMsg{ID: signal.CorrelationID(f.Experiment.Probes[1].TraceID.String())}, panetest.Do(p, ctx, keymap.FocusIt))
	panetest.Do(p, ctx, keymap.Up)
	require.Contains(t, panetest.Do(p, ctx, keymap.Open).(pane.StatusMsg).Text, "success rate has no exemplar")
	require.Equal(t, pane.CopyMsg{Text: "99.87 %"}, panetest.Do(p, ctx, keymap.Copy))
	require.Contains(t, p.Keys(ctx), keymap.Abort)
}

// TestEveryStateHasItsWord in the theme without colours.
func TestEveryStateHasItsWord(t *testing.T) {
	f := sample.Frame()
	ctx := panetest.Context(t, f, 120, 40)
	ctx.Theme = panetest.Theme(t, "mono")
	p := experiment.New()
	text := panetest.Text(p, ctx)
	for _, want := range []string{"✔ success rate", "passed", "✘ p95", "failed", "? orders written", "unknown: no samples in the last 10s", "12:03:40", "4f607182",
		"before ✔", "during ✘", "after ·", "29/30s", "▲ payment +800ms", "injected 12:03:31", "lease 1s", "412 requests", "undo ready", "■ kill orders-replica-1", "irreversible",
		"1.2k req/s of 1.2k", "p95  412 ms", "✘ 96 failed", "HTTP 503 81, timeout 15", "3 missed", "▲ orders-replica-1 starting 1 restart", "checkout/retry on", "checkout/breaker off"} {
		require.Contains(t, text, want)
	}
	f.Faults[0].Phase, f.Faults[0].Remedy, f.Faults[0].Err = signal.FaultNeedsHuman, "gameday recover --fault f1", "the proxy does not answer"
	next := *f
	ctx.Frame = &next
	text = panetest.Text(p, ctx)
	require.Contains(t, text, "! payment +800ms  NEEDS YOU")
	require.Contains(t, text, "run this yourself: gameday recover --fault f1")
	require.Contains(t, text, "error: the proxy does not answer")
}

// TestTheCursorGoesToTheProbeThatTurnsRed, so that enter is all it takes, and leaves the operator's choice alone.
func TestTheCursorGoesToTheProbeThatTurnsRed(t *testing.T) {
	calm, broken := sample.Frame(), sample.Frame()
	calm.Experiment.Probes[1].Now, calm.Experiment.Probes[1].During = signal.CheckPassed, signal.CheckPassed
	calm.Experiment.Probes[1].TraceID = signal.TraceID{}
	open := pane.OpenTraceMsg{ID: broken.Experiment.Probes[1].TraceID}
	for _, height := range []int{21, 4} {
		ctx := panetest.Context(t, calm, 98, height)
		p := experiment.New()
		require.Contains(t, panetest.Text(p, ctx), "▌✔ success rate", "height %d", height)
		ctx.Frame = broken
		require.Contains(t, panetest.Text(p, ctx), "▌✘ p95", "height %d", height)
		require.Equal(t, open, panetest.Do(p, ctx, keymap.Open))
		panetest.Do(p, ctx, keymap.Down)
		require.NotContains(t, panetest.Text(p, ctx), "▌✘ p95", "he has moved it")

		again := *broken
		e := *broken.Experiment
		e.Started = e.Started.Add(time.Minute)
		again.Experiment = &e
		ctx.Frame = &again
		require.Equal(t, open, panetest.Do(p, ctx, keymap.Open), "the next run starts anew")
	}
}

// TestTheVerdictSaysWhatToDoNext in keys that do it.
func TestTheVerdictSaysWhatToDoNext(t *testing.T) {
	for _, c := range []struct {
		v        signal.Verdict
		patterns bool
		want     string
	}{
		{signal.VerdictBroken, false, "next: p switches the patterns on, e runs it again"},
		{signal.VerdictBroken, true, "next: enter on the probe shows why, e runs it again"},
		{signal.VerdictHeld, true, "next: p switches the patterns off, e shows it without"},
		{signal.VerdictHeld, false, "next: e picks the next experiment"},
		{signal.VerdictAborted, false, "next: e runs it again, l starts the load again"},
		{signal.VerdictRollbackFailed, false, "next: do by hand what stands at the fault below"},
	} {
		f := sample.Frame()
		f.Experiment.Verdict, f.Experiment.Phase, f.Experiment.Reason = c.v, signal.PhaseDone, strings.Repeat("a long reason ", 12)
		f.Switches[0].On = c.patterns
		text := panetest.Text(experiment.New(), panetest.Context(t, f, 58, 20))
		require.Contains(t, text, c.want)
		require.Equal(t, 12, strings.Count(text, "reason"), "nothing of the reason is cut")
	}
}

func TestVerdicts(t *testing.T) {
	for v, want := range map[signal.Verdict]string{signal.VerdictHeld: "✔ HELD  because", signal.VerdictBroken: "✘ DID NOT HOLD  because", signal.VerdictAborted: "■ ABORTED  because",
		signal.VerdictRollbackFailed: "! ROLLBACK FAILED  because", signal.VerdictError: "! COULD NOT RUN  because", signal.VerdictInconclusive: "? INCONCLUSIVE  because"} {
		f := sample.Frame()
		f.Experiment.Verdict, f.Experiment.Reason, f.Experiment.Phase = v, "because", signal.PhaseDone
		ctx := panetest.Context(t, f, 80, 20)
		p := experiment.New()
		require.Contains(t, panetest.Text(p, ctx), want)
		require.Contains(t, p.Keys(ctx), keymap.Experiments)
	}
}

func TestFaultDetailsAndTheWayDown(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 80, 12)
	p := experiment.New()
	panetest.Do(p, ctx, keymap.Top)
	for range 4 {
		panetest.Do(p, ctx, keymap.Down)
	}
	panetest.Do(p, ctx, keymap.Open)
	text := panetest.Text(p, ctx)
	for range 60 {
		panetest.Do(p, ctx, keymap.Down)
		text += panetest.Text(p, ctx)
	}
	require.Contains(t, text, "targets checkout→payment")
	require.Contains(t, text, "undo: proxy lets traffic pass again")
	require.Contains(t, text, "checkout/timeout on", "what lies below the last thing can be reached")
	panetest.Do(p, ctx, keymap.Top)
	require.Contains(t, strings.Split(panetest.Text(p, ctx), "\n")[0], "Checkout survives")
}

// TestNoAnswerIsNotNoTime: a load that has no answers yet has no latency, rather than one of zero.
func TestNoAnswerIsNotNoTime(t *testing.T) {
	f := sample.Frame()
	f.Experiment, f.Faults = nil, nil
	f.Load.P50, f.Load.P90, f.Load.P95, f.Load.P99, f.Load.Max = 0, 0, 0, 0, 0
	text := panetest.Text(experiment.New(), panetest.Context(t, f, 98, 12))
	require.Contains(t, text, "p50       –  p90       –")
	require.NotContains(t, text, "0 ns")
}

func TestEmptySaysWhatToDo(t *testing.T) {
	ctx := panetest.Context(t, &signal.Frame{Now: sample.Now}, 80, 12)
	p := experiment.New()
	text := panetest.Text(p, ctx)
	require.Contains(t, text, "no experiment yet: press e")
	require.Contains(t, text, "press l to start a plan")
	require.Equal(t, keymap.Experiments, p.Keys(ctx)[0])
}

func TestGoldenGoAhead(t *testing.T) {
	panetest.Golden(t, func(ctx pane.Context) pane.Pane {
		e := ctx.Frame.Experiment
		e.Suspended = &signal.Suspension{Message: "look at the queue: is it empty again? If it is not, do not go on", Since: ctx.Frame.Now.Add(-time.Minute), Until: ctx.Frame.Now.Add(9 * time.Minute)}
		e.Skipped = []string{"cart cut (not so: p95 passed)"}
		return experiment.New()
	})
}

// An error is not a lack of data, and what was bad says how long it took to be good again.
func TestErrorsAndRecoveriesAreTold(t *testing.T) {
	f := sample.Frame()
	f.Experiment.Probes[2].Now, f.Experiment.Probes[2].Err = signal.CheckError, "the query is wrong"
	f.Experiment.Probes[1].Now, f.Experiment.Probes[1].Recovered, f.Experiment.Probes[1].Recovery = signal.CheckPassed, true, 4200*time.Millisecond
	f.Experiment.Skipped = []string{"cart cut (not so: p95 passed)", "again"}
	text := panetest.Text(experiment.New(), panetest.Context(t, f, 120, 40))
	require.Contains(t, text, "! gateway up")
	require.Contains(t, text, "error: the query is wrong")
	require.NotContains(t, text, "unknown: the query")
	require.Contains(t, text, "good again 4.20 s after the undo")
	require.Contains(t, text, "skipped cart cut (not so: p95 passed)")
	f.Experiment.Suspended = &signal.Suspension{Message: "go on?", Until: f.Now.Add(-time.Second)}
	late := *f
	require.Contains(t, panetest.Text(experiment.New(), panetest.Context(t, &late, 58, 14)), "00:00 left")
}

// TestLongTextsAreReadWhole: what an error, a probe, a fault or a failure says goes on below in a narrow pane.
func TestLongTextsAreReadWhole(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("refused ", 30)) + " end"
	f := sample.Frame()
	e := f.Experiment
	e.Probes = []signal.ProbeState{{Name: "orders are written within a second of the click", Expect: "> 99.5% of all", Now: signal.CheckError, Err: "ask prometheus: " + long, Before: signal.CheckPassed}}
	f.Faults = []signal.FaultState{{ID: "f", Kind: "network.latency", Title: "payment +800ms", Phase: signal.FaultNeedsHuman, Targets: []string{"checkout→payment"}, Err: "undo: " + long, Remedy: "tc qdisc del " + long}}
	f.Load.Failed = 12
	f.Load.Errors = []signal.ErrorCount{{Kind: "status 503 " + long, Count: 12}}
	for _, width := range []int{50, 78} {
		ctx := panetest.Context(t, f, width, 60)
		p := experiment.New()
		text := strings.Join(strings.Fields(panetest.Text(p, ctx)), " ")
		require.Equal(t, 4, strings.Count(text, " end"), text)
		require.Equal(t, 120, strings.Count(text, "refused"), text)

		require.NotContains(t, text, "second of the click")
		panetest.Do(p, ctx, keymap.Top)
		p.View(ctx)
		require.Contains(t, p.Keys(ctx), keymap.Detail)
		panetest.Do(p, ctx, keymap.Detail)
		text = strings.Join(strings.Fields(panetest.Text(p, ctx)), " ")
		require.Contains(t, text, "expected > 99.5% of all")
		require.Contains(t, text, "before passed")
		panetest.Do(p, ctx, keymap.Detail)
		require.NotContains(t, panetest.Text(p, ctx), "before passed")
	}
}
