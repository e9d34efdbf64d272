package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"gameday/engine/load"
	"gameday/engine/load/baseline"
	"gameday/engine/load/format/digest"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// optional is a flag that stands alone or has a value: --baseline, --baseline=NAME.
type optional struct {
	given bool
	value string
}

// Decode reads the flag for kong.
func (o *optional) Decode(ctx *kong.DecodeContext) error {
	o.given = true
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		o.value = ctx.Scan.Pop().String()
	}
	return nil
}

// IsBool tells kong that the next argument is not the flag's value.
func (*optional) IsBool() bool { return true }

// latest is the name of the newest baseline.
const latest = "latest"

// baselineDir is $XDG_DATA_HOME/gameday/baselines. It is made when the first one is kept.
func baselineDir() (string, error) {
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no place for baselines: %w; set XDG_DATA_HOME", err)
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "gameday", "baselines"), nil
}

// findBaseline is the file that a name means: a file's path, the name of one that was kept, the name it was given, or the
// latest; of one plan, or of any when plan is "".
func findBaseline(name, plan string) (string, error) {
	dir, err := baselineDir()
	if err != nil {
		return "", err
	}
	newest := name == "" || name == latest
	if newest && plan != "" {
		return baseline.Latest(dir, plan)
	}
	if info, err := os.Stat(name); err == nil && !newest && info.Mode().IsRegular() {
		return name, nil
	}
	all, err := baseline.List(dir)
	if err != nil {
		return "", err
	}
	for _, one := range all {
		switch {
		case one.Err != nil:
		case newest, one.Note == name && (plan == "" || one.Name == plan), baselineID(one.Path) == name:
			return one.Path, nil
		}
	}
	if newest {
		return "", errors.New("no baseline has been kept yet: gameday load run PLAN --save-baseline keeps one")
	}
	return "", fmt.Errorf("there is no baseline %q, and no such file: gameday load baseline list says which there are", sanitize.Line(name, 100))
}

func baselineID(path string) string { return strings.TrimSuffix(filepath.Base(path), ".json") }

func readBaseline(name, plan string) (*baseline.Baseline, error) {
	path, err := findBaseline(name, plan)
	if err != nil {
		return nil, err
	}
	return baseline.Load(path)
}

// comparing is what a run is to be compared with, and whether it is to be kept.
type comparing struct {
	base *baseline.Baseline // nil when it is not compared
	keep optional
	note string // for the summary
}

// comparison reads the baseline before anything is sent: a run that cannot be compared had better not begin. Only a run
// that is to become the first baseline may have none.
func (c loadRunCmd) comparison(plan *load.Plan) (out comparing, err error) {
	out.keep = c.SaveBaseline
	if !c.Baseline.given {
		return out, nil
	}
	out.base, err = readBaseline(c.Baseline.value, plan.Metadata.Name)
	if newest := c.Baseline.value == "" || c.Baseline.value == latest; err != nil && newest && out.keep.given && noneKept(plan.Metadata.Name) {
		out.note, err = "there was no baseline of this plan to compare with", nil
	}
	return out, err
}

func noneKept(plan string) bool {
	dir, err := baselineDir()
	if err != nil {
		return false
	}
	all, err := baseline.List(dir)
	if err != nil {
		return false
	}
	for _, one := range all {
		if one.Err != nil || one.Name == plan {
			return false
		}
	}
	return true
}

// conclude compares and keeps what the run measured. A run that was cut short, that failed its thresholds or is worse than
// its baseline is not kept, or the next one would be measured by it. The error says why it could not be kept.
func (c *comparing) conclude(rep *digest.Report, now *baseline.Baseline, aborted bool) error {
	now.Gameday, now.Machine, now.Note = buildVersion(), baseline.Here(), c.keep.value
	if c.base != nil {
		rep.Compared(baseline.Compare(c.base, now, baseline.Options{}))
	}
	if c.note != "" {
		rep.Notes = append(rep.Notes, c.note)
	}
	if !c.keep.given {
		return nil
	}
	why := ""
	switch {
	case aborted:
		why = "it was cut short"
	case rep.Total.Count == 0 || len(now.Blocks) == 0:
		why = "it measured nothing"
	case rep.Total.Failed == rep.Total.Count:
		why = "every request failed"
	case rep.Check() == signal.CheckFailed:
		why = "its verdict is that it failed"
	}
	if why != "" {
		rep.Notes = append(rep.Notes, "the run was not kept as a baseline: "+why)
		return nil
	}
	dir, err := baselineDir()
	if err != nil {
		return err
	}
	path, err := baseline.Save(dir, now)
	if err != nil {
		return err
	}
	rep.Notes = append(rep.Notes, "kept as baseline "+baselineID(path))
	return nil
}

// loadBaselineCmd looks at baselines.
type loadBaselineCmd struct {
	List loadBaselineListCmd `cmd:"" help:"List them, the newest first."`
	Show loadBaselineShowCmd `cmd:"" help:"Print the figures of one."`
	Diff loadBaselineDiffCmd `cmd:"" help:"Compare two; exits with 1 when the second is worse."`
}

// loadBaselineListCmd lists baselines.
type loadBaselineListCmd struct {
	Plan string `help:"Only those of the plan of this name."`
}

// Run prints a line each. Damaged files are named after the list.
func (c loadBaselineListCmd) Run(stdout io.Writer) error {
	dir, err := baselineDir()
	if err != nil {
		return err
	}
	all, err := baseline.List(dir)
	if err != nil {
		return err
	}
	var damaged []error
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	shown := 0
	for _, one := range all {
		if one.Err != nil {
			damaged = append(damaged, one.Err)
			continue
		}
		if c.Plan != "" && one.Name != c.Plan {
			continue
		}
		if shown++; shown == 1 {
			fmt.Fprintln(w, "BASELINE\tNAME\tPLAN\tSTARTED\tMEASURED\tMACHINE\tGAMEDAY")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", baselineID(one.Path), dash(one.Note), one.Name, one.Started.Local().Format(time.DateTime),
			one.Elapsed.Round(100*time.Millisecond), dash(one.Machine.Name), dash(one.Gameday))
	}
	err = w.Flush()
	if shown == 0 && err == nil {
		_, err = fmt.Fprintln(stdout, "no baseline has been kept yet: gameday load run PLAN --save-baseline keeps one")
	}
	return errors.Join(append([]error{err}, damaged...)...)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// loadBaselineShowCmd prints one baseline.
type loadBaselineShowCmd struct {
	Baseline string `arg:"" optional:"" default:"latest" help:"Its name, its file, or latest."`
	JSON     bool   `name:"json" help:"Print it as JSON."`
}

// Run prints its figures.
func (c loadBaselineShowCmd) Run(stdout io.Writer) error {
	b, err := readBaseline(c.Baseline, "")
	if err != nil {
		return err
	}
	rep := digest.FromBaseline(b)
	if c.JSON {
		return writeJSON(stdout, rep)
	}
	if err := rep.WriteFigures(stdout); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "\nmeasured on %s (%s/%s, %d CPUs) in %d blocks; plan %s\n", dash(b.Machine.Name), b.Machine.OS, b.Machine.Arch, b.Machine.CPUs,
		len(b.Blocks), dash(b.Plan))
	return err
}

// loadBaselineDiffCmd compares two baselines.
type loadBaselineDiffCmd struct {
	A       string `arg:"" help:"What the other is compared with: a name, a file, or latest."`
	B       string `arg:"" help:"The one that is judged."`
	AnyPlan bool   `help:"Judge them also when their plans differ."`
}

// Run prints the comparison.
func (c loadBaselineDiffCmd) Run(stdout io.Writer) error {
	base, err := readBaseline(c.A, "")
	if err != nil {
		return err
	}
	now, err := readBaseline(c.B, "")
	if err != nil {
		return err
	}
	out := baseline.Compare(base, now, baseline.Options{AnyPlan: c.AnyPlan})
	for _, line := range out.Lines() {
		fmt.Fprintln(stdout, sanitize.Line(line, 400))
	}
	if out.Verdict == baseline.Worse {
		return exitError{code: exitBroken}
	}
	return nil
}
