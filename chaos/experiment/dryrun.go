package experiment

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"

	"gameday/chaos"
)

// Planner is what a dry run needs of chaos.Controller.
type Planner interface {
	Plan(ctx context.Context, r chaos.Request) (*chaos.Planned, error)
}

// DryRun resolves the targets of every fault and describes what a run would do: what is hit, every command and how it is
// undone. It touches nothing. The planned faults belong to the steps of Faults; what cannot be planned is all in the error.
func DryRun(ctx context.Context, e *Experiment, c Planner) (text string, planned []*chaos.Planned, err error) {
	var errs []error
	steps := e.Faults()
	for i, q := range e.Requests() {
		p, err := c.Plan(ctx, q)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", steps[i].Path, err))
			continue
		}
		planned = append(planned, p)
	}
	if err := errors.Join(errs...); err != nil {
		return "", nil, fmt.Errorf("plan experiment %s: %w", e.Metadata.Name, err)
	}
	return e.Describe(planned), planned, nil
}

// Describe says in words what a run with these planned faults would do. planned has one for each of Faults.
func (e *Experiment) Describe(planned []*chaos.Planned) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(strings.Map(printable, fmt.Sprintf(format, args...)) + "\n")
	}
	line("%s: %s", e.Metadata.Name, e.Title())
	line("hypothesis: %s", e.Hypothesis)
	line("takes %s: load %s, before %s, method %s, after %s", e.Total(), e.Durations.Warmup, e.Durations.Before, e.During(), e.Durations.After)
	line("")
	line("steady state:")
	for _, p := range e.SteadyState.Probes {
		line("  %s (%s): %s", p.Name, strings.Join(p.Set(), ""), p.Expect)
	}
	line("")
	line("method:")
	for i, s := range e.Faults() {
		if i < len(planned) && planned[i] != nil {
			describeFault(line, s, planned[i])
		}
	}
	for _, s := range e.Suspends() {
		line("  waits for a go-ahead, at most %s: %s", s.timeout(), s.Message)
	}
	if n := len(e.Abort); n > 0 {
		line("")
		line("everything is undone at once when:")
		for i := range e.Abort {
			a := &e.Abort[i]
			what := orElse(a.Name, orElse(a.Probe, strings.Join(a.Set(), "")))
			line("  %s", strings.TrimSpace(what+" "+orElse(a.When.String(), "fails")+forAtLeast(a.For)))
		}
	}
	line("")
	line("nothing was touched.")
	return b.String()
}

// printable keeps names from files and inventories from disturbing a terminal.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '·'
}

func forAtLeast(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return " for " + d.String()
}

func describeFault(line func(format string, args ...any), s FaultStep, p *chaos.Planned) {
	when := fmt.Sprintf("at %s for %s", s.Start, s.For)
	if s.UntilEnd {
		when = fmt.Sprintf("at %s until the end", s.Start)
	}
	if s.Conditional {
		when += ", if its condition is met"
	}
	line("  %s: %s (%s)", when, p.Title, p.Kind)
	for _, t := range p.Targets {
		line("    hits     %s", t.Name)
	}
	if p.Total > 0 {
		line("    that is  %d of %d (%.0f %%)", len(p.Targets), p.Total, 100*p.Share)
	}
	for _, a := range p.Description.Actions {
		line("    does     %s", a)
	}
	if p.Reversible {
		line("    undo     %s", p.Description.Undo)
	} else {
		line("    undo     none: %s", p.Description.Undo)
	}
}

// digestVersion changes when what the digest covers does: approvals of the older kind then hold no more.
const digestVersion = "gameday plan v1"

// Digest is the SHA-256 that an approval is bound to. It covers the experiment's file and its load plan's byte by byte,
// the system and the environment, and for each fault its kind, length, arguments and targets. Where the selector picks
// at random, it covers the selector and how many there are to pick from: what may be hit is approved, chance decides
// within that. Processes may be restarted meanwhile, so their numbers are not part of it.
func (e *Experiment) Digest(planned []*chaos.Planned, system, environment string) (sum [sha256.Size]byte, err error) {
	type fault struct {
		Kind, Title, Select, For string
		Args                     chaos.Args
		Total                    int
		Targets                  []string
	}
	doc := struct {
		Version, System, Environment string
		Experiment, Load             []byte
		Faults                       []fault
	}{Version: digestVersion, System: system, Environment: environment, Experiment: e.source}
	if len(e.source) == 0 {
		return sum, errors.New("make the digest of a plan: the experiment was not read from a document")
	}
	if e.Load != nil && e.Load.File != "" {
		if doc.Load, err = os.ReadFile(e.Load.File); err != nil {
			return sum, fmt.Errorf("make the digest of a plan: read its load plan: %w", err)
		}
	}
	steps := e.Faults()
	if len(planned) != len(steps) {
		return sum, fmt.Errorf("make the digest of a plan: %d faults were planned for %d steps", len(planned), len(steps))
	}
	for i, q := range e.Requests() {
		f := fault{Kind: q.Kind, Title: q.Title, Select: q.Select.String(), For: q.For.String(), Args: q.Args, Total: planned[i].Total}
		if p := q.Select.Pick; p == "" || p == "all" {
			for _, t := range planned[i].Targets {
				f.Targets = append(f.Targets, t.Name)
			}
		}
		doc.Faults = append(doc.Faults, f)
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return sum, fmt.Errorf("make the digest of a plan: %w", err)
	}
	return sha256.Sum256(data), nil
}
