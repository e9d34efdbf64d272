// Package zone lets a whole zone or region fail at once: everything labelled zone=X, or region=X, is partitioned, paused or
// killed together, as one fault with one undo.
package zone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gameday/chaos"
	"gameday/chaos/fault/network"
	"gameday/chaos/fault/process"
	"gameday/chaos/proxy"
)

// Fault is a fault on single targets that is only taken for a whole zone or region. What it does, its undo and its journal
// are those of the fault on single targets.
type Fault struct {
	inner     chaos.Fault
	inventory chaos.Inventory
	group     grouping
	kind      string // "zone.pause"
	word      string // "paused"
	help      string
}

// grouping is a label by which things fail together, and the labels that say on which sides of its border a link ends.
type grouping struct{ label, from, to string }

func groupings() []grouping {
	return []grouping{{chaos.LabelZone, chaos.LabelFromZone, chaos.LabelToZone}, {chaos.LabelRegion, chaos.LabelFromRegion, chaos.LabelToRegion}}
}

// All is every fault of the package. inventory says what belongs to a zone or region. In a keeper or a recovery links and
// inventory are nil.
func All(links *proxy.Set, inventory chaos.Inventory) []chaos.Fault {
	var all []chaos.Fault
	for _, g := range groupings() {
		add := func(inner chaos.Fault, name, word, help string) {
			all = append(all, &Fault{inner, inventory, g, g.label + "." + name, word, strings.ReplaceAll(help, "zone", g.label)})
		}
		add(network.NewPartition(links), "partition", "cut off",
			"nothing passes between the zone and the rest: every link that gameday carries into it or out of it is cut; inside the zone all goes on")
		add(process.NewPause(), "pause", "paused",
			"every process of the zone is stopped and answers nothing, while its connections stay open; all go on when the fault ends")
		add(process.NewKill(inventory), "kill", "killed",
			"every process of the zone is ended by a signal; nothing brings them back but their own supervisor, which is watched")
	}
	return all
}

// Kind is "zone.partition", "zone.pause", "zone.kill", or the same of a region.
func (f *Fault) Kind() string { return f.kind }

// Hits links (partition) or processes.
func (f *Fault) Hits() chaos.TargetKind { return f.inner.Hits() }

// Help says what the zone or region feels.
func (f *Fault) Help() string { return f.help }

// Params are those of the fault on single targets.
func (f *Fault) Params() []chaos.Param { return f.inner.Params() }

// Reversible is false for kills.
func (f *Fault) Reversible() bool { return f.inner.Reversible() }

// Plan refuses targets of several zones or regions, and a part of one.
func (f *Fault) Plan(ctx context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	if f.inventory == nil {
		return nil, fmt.Errorf("%s: it is not known what belongs to a %s", f.kind, f.group.label)
	}
	name, err := f.group.one(targets)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.kind, err)
	}
	all, err := f.inventory.Targets(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: list what is in %s %s: %w", f.kind, f.group.label, name, err)
	}
	if spared := f.group.missing(all, targets, f.Hits(), name); len(spared) > 0 {
		return nil, fmt.Errorf("%s: a %s fails as a whole, and %s would be spared; select it by its label alone: target: {labels: {%[2]s: %[4]s}}",
			f.kind, f.group.label, strings.Join(spared, ", "), name)
	}
	c, err := f.inner.Plan(ctx, targets, args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.kind, err)
	}
	return &change{c, fmt.Sprintf("%s %s %s", f.group.label, name, f.word)}, nil
}

// Restore undoes it all.
func (f *Fault) Restore(ctx context.Context, undo json.RawMessage) error {
	return f.inner.Restore(ctx, undo)
}

// Remedy is the command that remains; "" when recovery is it.
func (f *Fault) Remedy(undo []byte) string {
	if r, ok := f.inner.(chaos.Remedier); ok {
		return r.Remedy(undo)
	}
	return ""
}

// one is the zone that all targets are in. A link is at the border of two; the one that is meant is at all of them.
func (g grouping) one(targets []chaos.Target) (string, error) {
	var common []string
	for i, t := range targets {
		names := g.of(t)
		if len(names) == 0 {
			return "", fmt.Errorf("%s has no label %s; select a %[2]s: target: {labels: {%[2]s: a}}", t.Name, g.label)
		}
		if i == 0 {
			common = names
		}
		common = slices.DeleteFunc(common, func(z string) bool { return !slices.Contains(names, z) })
	}
	switch {
	case len(targets) == 0:
		return "", errors.New("nothing was selected")
	case len(common) == 0:
		return "", fmt.Errorf("the targets are in several %ss; take a step for each", g.label)
	}
	return common[0], nil
}

// of is the zone that a process is in, or the two that a link connects.
func (g grouping) of(t chaos.Target) []string {
	if t.Kind != chaos.TargetLink {
		if z := t.Labels[g.label]; z != "" {
			return []string{z}
		}
		return nil
	}
	from, to := t.Labels[g.from], t.Labels[g.to]
	if from == to {
		return nil
	}
	return slices.DeleteFunc([]string{from, to}, func(z string) bool { return z == "" })
}

// missing lists what else is in the zone.
func (g grouping) missing(all, targets []chaos.Target, kind chaos.TargetKind, name string) []string {
	var out []string
	for _, t := range all {
		if t.Kind == kind && slices.Contains(g.of(t), name) &&
			!slices.ContainsFunc(targets, func(o chaos.Target) bool { return o.Name == t.Name }) {
			out = append(out, t.Name)
		}
	}
	slices.Sort(out)
	return out
}

// change is the planned fault under the zone's name.
type change struct {
	chaos.Change
	title string
}

func (c *change) Describe() chaos.Description {
	d := c.Change.Describe()
	d.Title = c.title
	return d
}

// Label writes onto each link in which zones and regions its ends are, as the processes' labels say. A service whose
// processes are in several zones is in none.
func Label(targets []chaos.Target) []chaos.Target {
	for _, g := range groupings() {
		g.mark(targets)
	}
	return targets
}

func (g grouping) mark(targets []chaos.Target) {
	const several = "\x00"
	in := map[string]string{}
	note := func(name, zone string) {
		if old, known := in[name]; known && old != zone {
			zone = several
		}
		in[name] = zone
	}
	for _, t := range targets {
		if z := t.Labels[g.label]; t.Kind == chaos.TargetProcess && z != "" {
			note(t.Name, z)
			if s := t.Labels["service"]; s != "" && s != t.Name {
				note(s, z)
			}
		}
	}
	for _, t := range targets {
		if t.Kind != chaos.TargetLink {
			continue
		}
		for end, label := range map[string]string{"from": g.from, "to": g.to} {
			if z := in[t.Labels[end]]; z != "" && z != several {
				t.Labels[label] = z
			}
		}
	}
}
