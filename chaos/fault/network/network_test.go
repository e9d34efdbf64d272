package network

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/journal"
	"gameday/chaos/proc"
	"gameday/chaos/proxy"
	"gameday/sources/signal"
)

func echo(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { _, _ = io.Copy(c, c); c.Close() })
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

func system(t *testing.T) (*proxy.Set, *chaos.Controller) {
	s := proxy.NewSet()
	up := echo(t)
	for _, from := range []string{"checkout", "gateway"} {
		_, err := s.Link(from, "payment", "tcp", up)
		require.NoError(t, err)
	}
	_, err := s.Link("checkout", "inventory", "tcp", up)
	require.NoError(t, err)
	d := filepath.Join(t.TempDir(), "j")
	require.NoError(t, os.Mkdir(d, 0o700))
	j, err := journal.Create(d, "s1")
	require.NoError(t, err)
	c, err := chaos.NewController(chaos.Config{Journal: j, Inventory: s.Inventory(), Faults: []chaos.Fault{NewLatency(s, 1), NewPartition(s)}})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, c.Close(t.Context()))
		require.NoError(t, s.Close())
	})
	return s, c
}

func roundTrip(t *testing.T, s *proxy.Set, name string) (time.Duration, error) {
	l, ok := s.Find(name)
	require.True(t, ok)
	c, err := net.Dial("tcp", l.Addr())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(2*time.Second)))
	start := time.Now()
	_, err = c.Write([]byte("x"))
	require.NoError(t, err)
	_, err = c.Read(make([]byte, 1))
	return time.Since(start), err
}

func TestLatencyHitsAllLinksToAServiceOrOne(t *testing.T) {
	s, c := system(t)
	p, err := c.Plan(t.Context(), chaos.Request{Kind: "network.latency", Select: chaos.Selector{Service: "payment"},
		Args: chaos.Args{"latency": "120ms"}})
	require.NoError(t, err)
	require.Equal(t, "payment +120ms", p.Title)
	require.Len(t, p.Targets, 2)
	one, err := c.Plan(t.Context(), chaos.Request{Kind: "network.latency", Select: chaos.Selector{From: "checkout", To: "payment"}, Args: chaos.Args{"latency": "100ms"}})
	require.NoError(t, err)
	require.Len(t, one.Targets, 1)
	id, err := c.Inject(t.Context(), p)
	require.NoError(t, err)
	for _, name := range []string{"checkout→payment", "gateway→payment"} {
		took, err := roundTrip(t, s, name)
		require.NoError(t, err)
		require.GreaterOrEqual(t, took, 120*time.Millisecond)
	}
	st := c.States()[0]
	require.EqualValues(t, 2, st.Touched)
	require.Equal(t, "round trips", st.Unit)
	_, err = c.Inject(t.Context(), one)
	require.NoError(t, err)
	took, err := roundTrip(t, s, "checkout→payment")
	require.NoError(t, err)
	require.GreaterOrEqual(t, took, 220*time.Millisecond, "two faults on one link add up")
	require.NoError(t, c.Undo(t.Context(), id))
	took, err = roundTrip(t, s, "checkout→payment")
	require.NoError(t, err)
	require.GreaterOrEqual(t, took, 100*time.Millisecond, "the other is still in force")
	require.Empty(t, c.UndoAll(t.Context(), "end"))
	for _, st := range c.States() {
		require.Equal(t, signal.FaultUndone, st.Phase)
	}
}

func TestPartitionCutsAndHeals(t *testing.T) {
	s, c := system(t)
	for _, mode := range []string{"drop", "reject"} {
		p, err := c.Plan(t.Context(), chaos.Request{Kind: "network.partition", Select: chaos.Selector{Service: "inventory"}, Args: chaos.Args{"mode": mode}})
		require.NoError(t, err)
		require.Equal(t, "inventory cut off", p.Title)
		id, err := c.Inject(t.Context(), p)
		require.NoError(t, err)
		if mode == "drop" {
			_, err = roundTrip(t, s, "checkout→inventory")
			require.ErrorContains(t, err, "timeout")
		}
		_, err = roundTrip(t, s, "checkout→payment")
		require.NoError(t, err, "the others are not cut")
		require.NoError(t, c.Undo(t.Context(), id))
		_, err = roundTrip(t, s, "checkout→inventory")
		require.NoError(t, err)
	}
	_, err := c.Plan(t.Context(), chaos.Request{Kind: "network.partition", Select: chaos.Selector{Service: "inventory"}, Args: chaos.Args{"mode": "melt"}})
	require.ErrorContains(t, err, "not one of drop, reject")
	_, err = c.Plan(t.Context(), chaos.Request{Kind: "network.latency", Select: chaos.Selector{Service: "inventory"}, Args: chaos.Args{"latency": "0s"}})
	require.ErrorContains(t, err, "changes nothing")
	_, err = c.Plan(t.Context(), chaos.Request{Kind: "network.latency", Select: chaos.Selector{Service: "invntory"}, Args: chaos.Args{"latency": "1s"}})
	require.ErrorContains(t, err, `did you mean "inventory"`)
}

func TestRestoreIsCleanWhenTheProxysProcessIsGone(t *testing.T) {
	cmd := exec.Command("sleep", "300")
	require.NoError(t, cmd.Start())
	id, err := proc.Of(cmd.Process.Pid)
	require.NoError(t, err)
	undo, err := json.Marshal(map[string]any{"links": []string{"a→b"}, "proxy": id})
	require.NoError(t, err)
	for _, f := range []chaos.Fault{NewLatency(nil, 0), NewPartition(nil)} {
		require.ErrorContains(t, f.Restore(t.Context(), undo), "is alive")
		require.Contains(t, f.(chaos.Remedier).Remedy(undo), "gameday abort --all")
		require.Error(t, f.Restore(t.Context(), json.RawMessage(`{"links":[]}`)))
		_, err = f.Plan(t.Context(), []chaos.Target{{Kind: chaos.TargetLink}}, chaos.Args{"latency": time.Second})
		require.ErrorContains(t, err, "no proxy in this process")
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	require.NoError(t, NewLatency(nil, 0).Restore(t.Context(), undo))
}
