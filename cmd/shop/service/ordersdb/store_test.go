package ordersdb

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/cmd/shop/service/order"
)

func open(t *testing.T, dir, name string) *store {
	s, err := openStore(dir, name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.db.Close()) })
	return s
}

func anOrder(key string) order.Order {
	items := []order.Item{{Product: "p1", Quantity: 2, Cents: 100}}
	return order.Order{ID: order.IDFor(key), Key: key, Customer: "ann", Items: items, Cents: order.Amount(items),
		Payment: order.Pending, Stock: order.Reserved, Created: time.Unix(1_800_000_000, 0).UTC()}
}

func TestAnOrderIsPlacedOncePerKey(t *testing.T) {
	s := open(t, t.TempDir(), "primary")
	var wg sync.WaitGroup
	var mu sync.Mutex
	fresh := 0
	for range 8 {
		wg.Go(func() {
			got, existed, err := s.place(context.Background(), anOrder("k"))
			mu.Lock()
			defer mu.Unlock()
			if err == nil && !existed && got.ID == order.IDFor("k") {
				fresh++
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, fresh)
	require.Equal(t, int64(1), s.head.Load())
	sold, err := s.sold(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"p1": 2}, sold)
}

func TestReplicaFollowsRepeatsNothingAndSurvivesARestart(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	p, r := open(t, dir, "primary"), open(t, dir, "replica")
	for i := range 5 {
		_, _, err := p.place(ctx, anOrder(fmt.Sprint("k", i)))
		require.NoError(t, err)
	}
	first, err := p.changes(ctx, 0, 3, time.Second)
	require.NoError(t, err)
	require.Len(t, first, 3)
	require.NoError(t, r.apply(ctx, first))
	require.NoError(t, r.apply(ctx, first), "an answer that came twice must do no harm")
	require.Equal(t, int64(3), r.head.Load())

	_, err = p.settle(ctx, order.IDFor("k0"), order.Paid, "")
	require.NoError(t, err)
	require.NoError(t, r.db.Close())
	r = open(t, dir, "replica")
	require.Equal(t, int64(3), r.head.Load(), "a restarted replica forgot where it was")
	rest, err := p.changes(ctx, r.head.Load(), 100, time.Second)
	require.NoError(t, err)
	require.NoError(t, r.apply(ctx, rest))

	theirs, err := many(ctx, p.byCustomer, "ann", 100)
	require.NoError(t, err)
	ours, err := many(ctx, r.byCustomer, "ann", 100)
	require.NoError(t, err)
	require.Equal(t, theirs, ours)
	require.Len(t, ours, 5)
	sold, err := r.sold(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(10), sold["p1"])
	open0, err := many(ctx, r.open, 100)
	require.NoError(t, err)
	require.Len(t, open0, 4, "the settled one is still open")
	_, err = one(ctx, r.byID, "nothing")
	require.ErrorIs(t, err, errNotFound)
	_, err = p.settle(ctx, "nothing", order.Paid, "")
	require.ErrorIs(t, err, errNotFound)
}

func TestWhoWaitsForChangesIsWoken(t *testing.T) {
	s := open(t, t.TempDir(), "primary")
	got := make(chan []change)
	go func() {
		c, _ := s.changes(context.Background(), 0, 10, time.Minute) // an error shows as no change
		got <- c
	}()
	_, _, err := s.place(t.Context(), anOrder("k"))
	require.NoError(t, err)
	select {
	case c := <-got:
		require.Len(t, c, 1)
		require.Equal(t, "k", c[0].Order.Key)
	case <-time.After(30 * time.Second):
		t.Fatal("nobody was woken")
	}
	c, err := s.changes(t.Context(), 1, 10, time.Millisecond)
	require.NoError(t, err)
	require.Empty(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.changes(ctx, 1, 10, time.Hour)
	require.ErrorIs(t, err, context.Canceled)
}
