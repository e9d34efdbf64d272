package chaos

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

type hostLike struct{ Inventory }

func (hostLike) Find(_ context.Context, kind TargetKind, s Selector) ([]Target, error) {
	if kind != TargetProcess || s.Labels["unit"] == "" {
		return nil, nil
	}
	l := map[string]string{"unit": s.Labels["unit"]}
	return []Target{{Kind: kind, Name: "listed", PID: 7, Labels: l}, {Kind: kind, Name: "found", PID: 8, Labels: l}}, nil
}

func TestFindersAddOnlyWhatASelectorNames(t *testing.T) {
	plain := InventoryFunc(func(context.Context) ([]Target, error) {
		return []Target{{Kind: TargetProcess, Name: "listed", PID: 7}}, nil
	})
	c := &Controller{cfg: Config{Inventory: Inventories{plain, hostLike{InventoryFunc(func(context.Context) ([]Target, error) { return nil, nil })}}}}
	all, err := c.list(t.Context(), TargetProcess, Selector{Name: "*"})
	require.NoError(t, err)
	require.Len(t, all, 1, "everything is what was listed")
	all, err = c.list(t.Context(), TargetProcess, Selector{Labels: map[string]string{"unit": "x.service"}})
	require.NoError(t, err)
	require.Len(t, all, 2, "a process that is listed already is not there twice")
	require.Equal(t, "found", all[1].Name)
	c.cfg.Inventory = plain
	all, err = c.list(t.Context(), TargetProcess, Selector{Labels: map[string]string{"unit": "x.service"}})
	require.NoError(t, err)
	require.Len(t, all, 1)
}
