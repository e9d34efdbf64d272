// Package zone lets a whole zone fail at once: everything labelled zone=X is partitioned, paused or killed together, as
// one fault with one undo.
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

// Fault is a fault on single targets that is only taken for a whole zone. What it does, its undo and its journal are
// those of the fault on single targets.
type Fault struct {
	inner     chaos.Fault
	inventory chaos.Inventory
	kind      string // "zone.pause"
	word      string // "paused"
	help      string
}

// All is every fault of the package. inventory says what belongs to a zone. In a keeper or a recovery links and inventory
// are nil.
func All(links *proxy.Set, inventory chaos.Inventory) []chaos.Fault {
	return []chaos.Fault{
		&Fault{network.NewPartition(links), inventory, "zone.partition", "cut off",
			"nothing passes between the zone and the rest: every link that gameday carries into it or out of it is cut; inside the zone all goes on"},
		&Fault{process.NewPause(), inventory, "zone.pause", "paused",
			"every process of the zone is stopped and answers nothing, while its connections stay open; all go on when the fault ends"},
		&Fault{process.NewKill(inventory), inventory, "zone.kill", "killed",
			"every process of the zone is ended by a signal; nothing brings them back but their own supervisor, which is watched"},
	}
}

// Kind is "zone.partition", "zone.pause" or "zone.kill".
func (f *Fault) Kind() string { return f.kind }

// Hits links (partition) or processes.
func (f *Fault) Hits() chaos.TargetKind { return f.inner.Hits() }

// Help says what the zone feels.
func (f *Fault) Help() string { return f.help }

// Params are those of the fault on single targets.
func (f *Fault) Params() []chaos.Param { return f.inner.Params() }

// Reversible is false for zone.kill.
func (f *Fault) Reversible() bool { return f.inner.Reversible() }

// Plan refuses targets of several zones, and a part of one.
func (f *Fault) Plan(ctx context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	if f.inventory == nil {
		return nil, fmt.Errorf("%s: it is not known what belongs to a zone", f.kind)
	}
	name, err := one(targets)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.kind, err)
	}
	all, err := f.inventory.Targets(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: list what is in zone %s: %w", f.kind, name, err)
	}
	if spared := missing(all, targets, f.Hits(), name); len(spared) > 0 {
		return nil, fmt.Errorf("%s: a zone fails as a whole, and %s would be spared; select it by its label alone: target: {labels: {zone: %s}}",
			f.kind, strings.Join(spared, ", "), name)
	}
	c, err := f.inner.Plan(ctx, targets, args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.kind, err)
	}
	return &change{c, fmt.Sprintf("zone %s %s", name, f.word)}, nil
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
func one(targets []chaos.Target) (string, error) {
	var common []string
	for i, t := range targets {
		zones := zonesOf(t)
		if len(zones) == 0 {
			return "", fmt.Errorf("%s has no label zone; select a zone: target: {labels: {zone: a}}", t.Name)
		}
		if i == 0 {
			common = zones
		}
		common = slices.DeleteFunc(common, func(z string) bool { return !slices.Contains(zones, z) })
	}
	switch {
	case len(targets) == 0:
		return "", errors.New("nothing was selected")
	case len(common) == 0:
		return "", errors.New("the targets are in several zones; take a step for each")
	}
	return common[0], nil
}

// zonesOf is the zone that a process is in, or the two that a link connects.
func zonesOf(t chaos.Target) []string {
	if t.Kind != chaos.TargetLink {
		if z := t.Labels[chaos.LabelZone]; z != "" {
			return []string{z}
		}
		return nil
	}
	from, to := t.Labels[chaos.LabelFromZone], t.Labels[chaos.LabelToZone]
	if from == to {
		return nil
	}
	return slices.DeleteFunc([]string{from, to}, func(z string) bool { return z == "" })
}

// missing lists what else is in the zone.
func missing(all, targets []chaos.Target, kind chaos.TargetKind, zone string) []string {
	var out []string
	for _, t := range all {
		if t.Kind == kind && slices.Contains(zonesOf(t), zone) &&
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

// Label writes onto each link in which zones its ends are, as the processes' labels say. A service whose processes are in
// several zones is in none.
func Label(targets []chaos.Target) []chaos.Target {
	const several = "\x00"
	in := map[string]string{}
	note := func(name, zone string) {
		if old, known := in[name]; known && old != zone {
			zone = several
		}
		in[name] = zone
	}
	for _, t := range targets {
		if z := t.Labels[chaos.LabelZone]; t.Kind == chaos.TargetProcess && z != "" {
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
		for end, label := range map[string]string{"from": chaos.LabelFromZone, "to": chaos.LabelToZone} {
			if z := in[t.Labels[end]]; z != "" && z != several {
				t.Labels[label] = z
			}
		}
	}
	return targets
}
