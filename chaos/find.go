package chaos

import (
	"context"
	"slices"
)

// Finder is an Inventory that is too large to list, or must not be listed as a whole: every process of a machine, every
// container, every directory. It knows only the targets that a selector names on purpose, so that name: "*" never means
// the whole machine.
type Finder interface {
	// Find returns the targets of that kind that the selector names, or none when it names nothing the finder knows. The
	// selector matches every target returned.
	Find(ctx context.Context, kind TargetKind, s Selector) ([]Target, error)
}

// Find asks every inventory that is a Finder.
func (is Inventories) Find(ctx context.Context, kind TargetKind, s Selector) ([]Target, error) {
	var all []Target
	for _, i := range is {
		f, ok := i.(Finder)
		if !ok {
			continue
		}
		ts, err := f.Find(ctx, kind, s)
		if err != nil {
			return nil, err
		}
		all = append(all, ts...)
	}
	return all, nil
}

// list is every target that a request may mean: those of the inventory, and those that its finders know by the selector
// and the inventory does not list.
func (c *Controller) list(ctx context.Context, kind TargetKind, s Selector) ([]Target, error) {
	all, err := c.cfg.Inventory.Targets(ctx)
	if err != nil {
		return nil, err
	}
	f, ok := c.cfg.Inventory.(Finder)
	if !ok {
		return all, nil
	}
	found, err := f.Find(ctx, kind, s)
	if err != nil {
		return nil, err
	}
	for _, t := range found {
		if !slices.ContainsFunc(all, func(o Target) bool {
			return o.Kind == t.Kind && (o.Name == t.Name || o.Kind == TargetProcess && o.PID == t.PID)
		}) {
			all = append(all, t)
		}
	}
	return all, nil
}
