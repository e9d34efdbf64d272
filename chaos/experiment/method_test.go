package experiment_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/experiment"
	"gameday/sources/signal"
)

// method is slow with another method.
func method(steps string) string {
	begin, rest, _ := strings.Cut(slow, "method:\n")
	_, end, _ := strings.Cut(rest, "blastRadius")
	return begin + "method:\n" + steps + "blastRadius" + end
}

const cut = `{for: 2s, fault: network.partition, target: {service: cart}, title: cart cut}`

func cutAs(title string) string { return strings.Replace(cut, "cart cut", title, 1) }

// runLog runs a method that harms nobody and returns what was done.
func runLog(t *testing.T, steps string, setup func(*world), change func(*experiment.RunConfig)) (w *world, res experiment.Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t)
		w.harmless = true
		if setup != nil {
			setup(w)
		}
		cfg := w.config(parse(t, method(steps)))
		if change != nil {
			change(&cfg)
		}
		res = experiment.Run(t.Context(), cfg)
	})
	return w, res
}

func TestSequenceAndParallel(t *testing.T) {
	w, res := runLog(t, `
  - sequence:
      - `+cutAs("one")+`
      - {wait: 3s}
      - parallel:
          - `+cutAs("two")+`
          - {at: 1s, for: 3s, fault: network.partition, target: {service: cart}, title: three}
      - `+cutAs("four")+`
  - {at: 1s, for: 1s, fault: network.partition, target: {service: cart}, title: beside}
`, nil, nil)
	require.Equal(t, []string{"0s load plan.yaml", "9.25s inject one", "10.25s inject beside", "11.25s undo one", "11.25s undo beside",
		"14.25s inject two", "15.25s inject three", "16.25s undo two", "18.25s undo three", "18.25s inject four", "20.25s undo four", "28.25s load stopped"}, inOrder(w.log))
	require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
	require.Equal(t, res.State.Total, res.State.Elapsed)
	require.Equal(t, signal.Step{Title: "four", Start: 18250 * time.Millisecond, End: 20250 * time.Millisecond, Fault: true}, res.State.Steps[4])
}

// inOrder puts what happened in the same instant into one order.
func inOrder(log []string) []string {
	out := slices.Clone(log)
	for i := 1; i < len(out); i++ {
		a, b := strings.Fields(out[i-1]), strings.Fields(out[i])
		if a[0] == b[0] && a[1] == "undo" && a[1] == b[1] && out[i-1] < out[i] {
			out[i-1], out[i] = out[i], out[i-1]
		}
	}
	return out
}

func TestRepeat(t *testing.T) {
	w, res := runLog(t, `
  - repeat: {times: 3, pause: 1s, steps: [`+cut+`]}
`, nil, nil)
	require.Equal(t, []string{"0s load plan.yaml", "9.25s inject cart cut", "11.25s undo cart cut", "12.25s inject cart cut", "14.25s undo cart cut",
		"15.25s inject cart cut", "17.25s undo cart cut", "25.25s load stopped"}, w.log)
	require.Len(t, res.Faults, 3)
	require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
}

func TestChoiceHangsOnTheSeed(t *testing.T) {
	steps := `
  - repeat: {times: 6, steps: [{choose: [` + cutAs("a") + `, ` + cutAs("b") + `, ` + cutAs("c") + `]}]}
`
	titles := func(seed int) string {
		e := parse(t, method(steps)+fmt.Sprintf("seed: %d\n", seed))
		var out string
		for _, f := range e.Faults() {
			out += f.Title
		}
		require.Len(t, e.Requests(), 6)
		return out
	}
	require.Equal(t, titles(1), titles(1))
	seen := map[string]bool{}
	for seed := range 20 {
		seen[titles(seed)] = true
	}
	require.Greater(t, len(seen), 10)
	e := parse(t, method(steps))
	require.Equal(t, "method[0].repeat.steps[0].choose["+string('0'+rune(e.Faults()[5].Title[0]-'a'))+"]", e.Faults()[5].Path)
}

func TestConditions(t *testing.T) {
	when := func(cond string) string {
		return `
  - {for: 6s, fault: network.latency, target: {service: payment}, args: {latency: 1s}, title: slow}
  - {at: 2s, for: 2s, fault: network.partition, target: {service: cart}, title: cut, when: ` + cond + `}
`
	}
	for cond, want := range map[string]string{
		`{probe: p95}`:                                    "11.25s inject cut",
		`{probe: p95, is: failed}`:                        "",
		`{probe: p95, is: failed, within: 5s}`:            "",
		`{fault: slow}`:                                   "11.25s inject cut",
		`{fault: slow, touched: ">= 7"}`:                  "11.25s inject cut",
		`{fault: slow, touched: "> 7"}`:                   "",
		`{fault: cut}`:                                    "", // not yet in force
		`{fault: slow, touched: "> 7", within: 3s}`:       "13.45s inject cut",
		`{probe: p95, fault: slow, touched: "in 1..100"}`: "11.25s inject cut",
	} {
		w, res := runLog(t, when(cond), func(w *world) {
			if strings.Contains(cond, "> 7\", within") {
				go func() {
					time.Sleep(13400 * time.Millisecond)
					w.mu.Lock()
					defer w.mu.Unlock()
					w.faults[0].Touched = 8
				}()
			}
		}, nil)
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, "%s: %s", cond, res.State.Reason)
		if want != "" {
			require.Contains(t, w.log, want, cond)
			require.Empty(t, res.State.Skipped)
			continue
		}
		require.False(t, slices.ContainsFunc(w.log, func(s string) bool { return strings.Contains(s, "inject cut") }), cond)
		require.Len(t, res.State.Skipped, 1)
		require.Contains(t, res.State.Reason, "; skipped: cut (not so: ")
	}
}

func TestSkippedAlone(t *testing.T) {
	_, res := runLog(t, "\n  - {for: 5s, fault: network.partition, target: {service: cart}, title: cut, when: {probe: p95, is: error}}\n", nil, nil)
	verdict(t, res, signal.VerdictInconclusive, "no fault was in force, so nothing was tested; skipped: cut (not so: p95 is error)")
}

const asks = `
  - sequence:
      - ` + cut + `
      - suspend: {message: look at the dashboard, timeout: 1m}
      - {for: 2s, fault: network.partition, target: {service: cart}, title: again}
`

func TestGoAhead(t *testing.T) {
	t.Run("nobody is there", func(t *testing.T) {
		w, res := runLog(t, asks, nil, nil)
		verdict(t, res, signal.VerdictError, `run experiment slow: its method waits for an operator's go-ahead ("look at the dashboard"), and nobody is here to give it; run it in the cockpit, or give the go-ahead beforehand with --yes`)
		require.Empty(t, w.log)
	})
	t.Run("given beforehand", func(t *testing.T) {
		w, res := runLog(t, asks, nil, func(c *experiment.RunConfig) { c.GoAhead = experiment.GoAheadGiven })
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
		require.Contains(t, w.log, "11.25s inject again")
	})
	t.Run("no answer", func(t *testing.T) {
		w, res := runLog(t, asks, nil, func(c *experiment.RunConfig) { c.GoAhead = experiment.GoAheadAsk })
		verdict(t, res, signal.VerdictAborted, "nobody gave the go-ahead within 1m0s: look at the dashboard")
		require.Contains(t, w.log, "71.25s undo all: nobody gave the go-ahead within 1m0s: look at the dashboard")
	})
	ask := func(t *testing.T, answer func(t *testing.T, r *experiment.Runner)) (w *world, res experiment.Result) {
		synctest.Test(t, func(t *testing.T) {
			w = newWorld(t)
			w.harmless = true
			cfg := w.config(parse(t, method(asks)))
			cfg.GoAhead = experiment.GoAheadAsk
			r, err := experiment.New(cfg)
			require.NoError(t, err)
			require.EqualError(t, r.Proceed(), "the experiment does not wait for a go-ahead")
			go func() {
				time.Sleep(20 * time.Second)
				s := r.State().Suspended
				require.NotNil(t, s)
				require.Equal(t, "look at the dashboard", s.Message)
				require.Equal(t, w.start.Add(11250*time.Millisecond), s.Since)
				require.Equal(t, time.Minute, s.Until.Sub(s.Since))
				answer(t, r)
			}()
			res = r.Run(t.Context())
			require.Nil(t, r.State().Suspended)
		})
		return w, res
	}
	t.Run("yes", func(t *testing.T) {
		w, res := ask(t, func(t *testing.T, r *experiment.Runner) {
			require.NoError(t, r.Proceed())
			require.Error(t, r.Proceed(), "once")
		})
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
		require.Contains(t, w.log, "20s inject again")
		require.True(t, slices.ContainsFunc(w.events, func(e signal.Event) bool { return e.Title == "waiting for your go-ahead" }))
	})
	t.Run("no", func(t *testing.T) {
		w, res := ask(t, func(t *testing.T, r *experiment.Runner) { r.Abort("the operator said no") })
		verdict(t, res, signal.VerdictAborted, "the operator said no")
		require.NotContains(t, strings.Join(w.log, " "), "again")
	})
}

func TestAStepOfAGroupFails(t *testing.T) {
	for name, steps := range map[string]string{
		"sequence": "\n  - sequence: [" + cutAs("one") + ", " + cutAs("two") + ", " + cutAs("three") + "]\n",
		"parallel": "\n  - sequence: [{parallel: [{for: 9s, fault: network.partition, target: {service: cart}, title: one}, " + strings.Replace(cutAs("two"), "{for", "{at: 2s, for", 1) + "]}, " + cutAs("three") + "]\n",
	} {
		t.Run(name, func(t *testing.T) {
			w, res := runLog(t, steps, func(w *world) {
				w.injectErr = func(title string) error {
					if title == "two" {
						return errors.New("no such link")
					}
					return nil
				}
			}, nil)
			verdict(t, res, signal.VerdictError, "step 2 could not be done: no such link")
			require.Contains(t, w.log, "11.25s undo one", "at once")
			require.NotContains(t, strings.Join(w.log, " "), "three")
		})
	}
	w, res := runLog(t, "\n  - sequence: ["+cutAs("one")+", "+cutAs("two")+"]\n", func(w *world) {
		w.undoErr = func(string, int) error { return errors.New("no answer") }
	}, nil)
	require.Equal(t, signal.VerdictRollbackFailed, res.State.Verdict)
	require.NotContains(t, strings.Join(w.log, " "), "inject two")
}

func TestHours(t *testing.T) {
	hours := func(h string) string { return with(slow, "{environments: [demo]}", "{hours: "+h+"}") }
	run(t, hours("{from: 00:00, to: 01:00, zone: UTC}"), func(w *world) { w.harmless = true }, func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason) // synctest begins at midnight
	})
	run(t, hours("{days: [mon], zone: UTC}"), nil, func(t *testing.T, w *world, res experiment.Result) {
		verdict(t, res, signal.VerdictError, "it would begin outside its hours: it is Sat 2000-01-01 00:00 UTC, and the hours are mon UTC")
		require.Empty(t, w.log)
	})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour - 20*time.Second)
		res := experiment.Run(t.Context(), newWorld(t).config(parse(t, hours("{to: 01:00, zone: UTC}"))))
		require.Equal(t, signal.VerdictError, res.State.Verdict)
		require.Contains(t, res.State.Reason, "it would end outside its hours")
	})
}

func TestTargetsAreLocked(t *testing.T) {
	var locked []string
	released := 0
	lock := func(targets []string) (func() error, error) {
		locked = append(locked, targets...)
		return func() error { released++; return nil }, nil
	}
	steps := "\n  - " + strings.Replace(cut, "2s", "5s", 1) + "\n"
	_, res := runLog(t, steps, func(w *world) { w.targets = []string{"cart", "checkout→cart"} }, func(c *experiment.RunConfig) { c.Lock = lock })
	require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
	require.Equal(t, []string{"cart", "checkout→cart"}, locked)
	require.Equal(t, 1, released)

	w, res := runLog(t, steps, nil, func(c *experiment.RunConfig) {
		c.Lock = func([]string) (func() error, error) { return nil, errors.New("cart is under another experiment") }
	})
	verdict(t, res, signal.VerdictError, "cart is under another experiment")
	require.Empty(t, w.log, "not even load was started")

	runLog(t, steps, func(w *world) { w.undoErr = func(string, int) error { return errors.New("stuck") } }, func(c *experiment.RunConfig) { c.Lock = lock })
	require.Equal(t, 1, released, "what could not be undone stays locked")
}

type planner map[string]error

func (p planner) Plan(_ context.Context, r chaos.Request) (*chaos.Planned, error) {
	if err := p[r.Kind]; err != nil {
		return nil, err
	}
	return &chaos.Planned{Kind: r.Kind, Title: r.Title, Targets: []chaos.Target{{Name: "checkout→" + r.Select.Service + "\x1b[31m"}}, Total: 4, Share: 0.25, For: r.For, Reversible: true,
		Description: chaos.Description{Actions: []string{"delay answers by 800ms"}, Undo: "answers are no longer held"}}, nil
}

func TestDryRun(t *testing.T) {
	e := parse(t, method(asks+`
  - {at: 1s, for: 3s, fault: network.latency, target: {service: payment}, args: {latency: 1s}, title: slow, when: {probe: p95}}
`)+"abort: [{probe: p95, for: 5s}, {name: all fail, load: {stat: errors}, when: \"> 95%\"}]\n")
	text, planned, err := experiment.DryRun(t.Context(), e, planner{})
	require.NoError(t, err)
	require.Len(t, planned, 3)
	require.Equal(t, `slow: slow
hypothesis: it stays fast
takes 21.25s: load 4.25s, before 5s, method 4s, after 8s

steady state:
  p95 (load): < 200ms
  success (load): > 99%

method:
  at 0s for 2s: cart cut (network.partition)
    hits     checkout→cart·[31m
    that is  1 of 4 (25 %)
    does     delay answers by 800ms
    undo     answers are no longer held
  at 2s for 2s: again (network.partition)
    hits     checkout→cart·[31m
    that is  1 of 4 (25 %)
    does     delay answers by 800ms
    undo     answers are no longer held
  at 1s for 3s, if its condition is met: slow (network.latency)
    hits     checkout→payment·[31m
    that is  1 of 4 (25 %)
    does     delay answers by 800ms
    undo     answers are no longer held
  waits for a go-ahead, at most 1m0s: look at the dashboard

everything is undone at once when:
  p95 fails for 5s
  all fail > 95%

nothing was touched.
`, text)
	_, _, err = experiment.DryRun(t.Context(), e, planner{"network.partition": errors.New("no such link")})
	require.EqualError(t, err, "plan experiment slow: method[0].sequence[0]: no such link\nmethod[0].sequence[2]: no such link")
}

func TestDigest(t *testing.T) {
	dir := t.TempDir()
	plan := filepath.Join(dir, "plan.yaml")
	require.NoError(t, os.WriteFile(plan, []byte("rate: 1"), 0o600))
	digest := func(text, target, system, environment string) [32]byte {
		e, err := experiment.Parse(filepath.Join(dir, "slow.yaml"), []byte(text), experiment.ParseConfig{Faults: catalog})
		require.NoError(t, err)
		sum, err := e.Digest([]*chaos.Planned{{Targets: []chaos.Target{{Name: target, PID: os.Getpid()}}, Total: 3}}, system, environment)
		require.NoError(t, err)
		return sum
	}
	want := digest(slow, "payment", "shop", "production")
	require.Equal(t, want, digest(slow, "payment", "shop", "production"))
	for what, other := range map[string][32]byte{
		"file":        digest(slow+"# a comment\n", "payment", "shop", "production"),
		"target":      digest(slow, "orders", "shop", "production"),
		"system":      digest(slow, "payment", "bank", "production"),
		"environment": digest(slow, "payment", "shop", "staging"),
	} {
		require.NotEqual(t, want, other, what)
	}
	picked := with(slow, "{service: payment}", "{service: payment, pick: one}")
	require.Equal(t, digest(picked, "payment", "shop", "production"), digest(picked, "orders", "shop", "production"), "chance may decide differently")
	require.NoError(t, os.WriteFile(plan, []byte("rate: 2"), 0o600))
	require.NotEqual(t, want, digest(slow, "payment", "shop", "production"), "the load is part of the plan")
	_, err := (&experiment.Experiment{}).Digest(nil, "", "")
	require.ErrorContains(t, err, "was not read from a document")
}

func TestBrokenMethods(t *testing.T) {
	for steps, want := range map[string]string{
		"  - {wait: 3s}\n":     `x.yaml:12:12: method[0].wait: steps begin together here, so a wait holds nothing up; give the others an at, or put them in a sequence`,
		"  - {at: 3s}\n":       `x.yaml:12:6: method[0].fault: is required: the kind of fault; or one of wait, suspend, sequence, parallel, repeat, choose`,
		"  - {sequence: []}\n": `x.yaml:12:6: method[0].sequence: is empty`,
		"  - {sequence: [" + strings.Replace(cut, "{for", "{at: 1s, for", 1) + "]}\n":                          `x.yaml:12:22: method[0].sequence[0].at: steps of a sequence come one after another; put a wait before it`,
		"  - {sequence: [{wait: 0s}, {wait: -1s}, " + cut + "]}\n":                                             "x.yaml:12:24: method[0].sequence[0].wait: 0s is no wait\nx.yaml:12:36: method[0].sequence[1].wait: -1s is outside 0s to 24h",
		"  - {parallel: [" + cut + "], target: {service: x}}\n":                                                `target: is for faults, and this step is a parallel`,
		"  - {wait: 1s, suspend: go on}\n":                                                                     `x.yaml:12:6: method[0]: has wait and suspend; a step is one of them`,
		"  - {repeat: {times: 0, steps: [" + cut + "]}}\n":                                                     `x.yaml:12:22: method[0].repeat.times: 0 is outside 1 to 100`,
		"  - repeat: {times: 100, steps: [{repeat: {times: 100, steps: [" + cut + "]}}]}\n":                    `x.yaml:11:1: method: unfolds to more than 500 steps; repeat less`,
		"  - {suspend: look}\n":                                                                                `x.yaml:11:1: method: holds no fault: nothing would be tested`,
		"  - {fault: network.partition, for: 1s}\n":                                                            `x.yaml:12:6: method[0].target: is required: what the fault hits`,
		"  - {suspend: {message: ' ', timeout: -3s}}\n  - " + cut + "\n":                                       "method[0].suspend.timeout: -3s is outside 0s to 24h",
		"  - " + strings.Replace(cut, "title:", "when: {probe: p59}, title:", 1) + "\n":                        `no probe is called "p59" (did you mean "p95"?)`,
		"  - " + strings.Replace(cut, "title:", "when: {is: failed}, title:", 1) + "\n":                        `method[0].when: needs the name of a probe, or the title of a fault`,
		"  - " + strings.Replace(cut, "title:", "when: {fault: cart cutt}, title:", 1) + "\n":                  `no fault of the method is called "cart cutt" (did you mean "cart cut"?)`,
		"  - " + strings.Replace(cut, "title:", `when: {fault: cart cut, touched: "> 3ms"}, title:`, 1) + "\n": `method[0].when.touched: "> 3ms" is no number; write it as "> 100"`,
		"  - " + strings.Replace(cut, "title:", `when: {probe: p95, touched: "> 3"}, title:`, 1) + "\n":        `method[0].when.touched: is for a fault: give its title`,
	} {
		_, err := experiment.Parse("x.yaml", []byte(method(steps)), experiment.ParseConfig{Faults: catalog})
		require.ErrorContains(t, err, want, steps)
	}
	deep := cut
	for range 10 {
		deep = "{sequence: [" + deep + "]}"
	}
	_, err := experiment.Parse("x.yaml", []byte(method("  - "+deep+"\n")), experiment.ParseConfig{Faults: catalog})
	require.ErrorContains(t, err, "groups are nested deeper than 8")
	for text, want := range map[string]string{
		p95(`expect: "< 200ms", mode: after`): "",
		with(p95(`expect: "< 200ms", mode: after`), `expect: "> 99%"}`, `expect: "> 99%", mode: on-fault}`): `steadyState.probes: no probe is judged before anything is touched`,
		p95(`expect: "< 200ms", minSamples: 4`):                                                               `too short to judge the probe "p95": it looks back 3s every 1s, so 7s are needed`,
		with(slow, "durations:", "abort: [{probe: p95, when: \"> baseline + 3%\"}]\ndurations:"):              `abort[0].when: an abort condition has no baseline; name a probe of the steady state that has one`,
		with(slow, "{environments: [demo]}", "{hours: {from: 9:7, holidays: [never]}}"):                       "blastRadius.hours.holidays[0]: \"never\" is no day such as 2026-12-24",
		with(p95(`expect: "< 200ms", mode: edge`), "title: payment +800ms}", "title: x, when: {probe: p95}}"): `method[0].when.probe: "p95" is not measured during the method: its mode is edge`,
	} {
		_, err := experiment.Parse("x.yaml", []byte(text), experiment.ParseConfig{Faults: catalog})
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}
