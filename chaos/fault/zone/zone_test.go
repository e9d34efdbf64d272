package zone

import (
	"context"
	"io"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/chaos"
	"gameday/chaos/journal"
	"gameday/chaos/proc"
	"gameday/chaos/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// place is a system of processes in zones, and links between them.
type place struct {
	links *proxy.Set
	procs []chaos.Target
}

func (p *place) Targets(context.Context) ([]chaos.Target, error) {
	return Label(append(p.links.Targets(), p.procs...)), nil
}

func (p *place) start(t *testing.T, name, zone, region string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // a test may have
		_ = cmd.Wait()
	})
	id, err := proc.Of(cmd.Process.Pid)
	require.NoError(t, err)
	p.procs = append(p.procs, chaos.Target{Kind: chaos.TargetProcess, Name: name, PID: id.PID, StartTicks: id.StartTicks, Labels: map[string]string{"service": name, "zone": zone, "region": region}})
	return cmd
}

func (p *place) stopped(t *testing.T, name string) bool {
	for _, x := range p.procs {
		if x.Name == name {
			st, err := proc.ID{PID: x.PID, StartTicks: x.StartTicks}.Status()
			return err == nil && st.Stopped()
		}
	}
	require.Fail(t, "no such process", name)
	return false
}

// shop is two zones of two regions: web in a, cart and db in b. In the region north are web and cart, in south the db.
func shop(t *testing.T) (*place, *chaos.Controller) {
	t.Helper()
	p := &place{links: proxy.NewSet()}
	t.Cleanup(func() { require.NoError(t, p.links.Close()) })
	p.start(t, "web", "a", "north")
	p.start(t, "cart", "b", "north")
	p.start(t, "db", "b", "south")
	up := echo(t)
	for _, l := range [][2]string{{"web", "cart"}, {"cart", "db"}, {"db", "web"}} {
		_, err := p.links.Link(l[0], l[1], "tcp", up)
		require.NoError(t, err)
	}
	j, err := journal.Create(t.TempDir(), "zone")
	require.NoError(t, err)
	c, err := chaos.NewController(chaos.Config{Journal: j, Faults: All(p.links, p), Inventory: p, Environment: "demo"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return p, c
}

func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // until the test ends
			}()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func passes(t *testing.T, p *place, link string) bool {
	t.Helper()
	l, ok := p.links.Find(link)
	require.True(t, ok)
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		return false
	}
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	_, err = c.Write([]byte("x"))
	if err != nil {
		return false
	}
	_, err = io.ReadFull(c, make([]byte, 1))
	return err == nil
}

func request(kind, zone string) chaos.Request {
	return chaos.Request{Kind: kind, Select: chaos.Selector{Labels: map[string]string{"zone": zone}}, For: time.Minute}
}

func TestPartitionCutsTheBorderAndNothingElse(t *testing.T) {
	p, c := shop(t)
	r := request("zone.partition", "b")
	r.Args = chaos.Args{"mode": "reject"}
	plan, err := c.Plan(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, "zone b cut off", plan.Title)
	require.Len(t, plan.Targets, 2)
	id, err := c.Inject(t.Context(), plan)
	require.NoError(t, err)
	require.False(t, passes(t, p, "web→cart"))
	require.False(t, passes(t, p, "db→web"))
	require.True(t, passes(t, p, "cart→db"), "inside the zone all goes on")
	require.NoError(t, c.Undo(t.Context(), id))
	require.True(t, passes(t, p, "web→cart"))
	require.True(t, passes(t, p, "db→web"))
}

func TestPauseStopsTheZoneWithOneUndo(t *testing.T) {
	p, c := shop(t)
	plan, err := c.Plan(t.Context(), request("zone.pause", "b"))
	require.NoError(t, err)
	require.Equal(t, "zone b paused", plan.Title)
	id, err := c.Inject(t.Context(), plan)
	require.NoError(t, err)
	require.True(t, p.stopped(t, "cart") && p.stopped(t, "db"))
	require.False(t, p.stopped(t, "web"))
	require.NoError(t, c.Undo(t.Context(), id))
	require.False(t, p.stopped(t, "cart") || p.stopped(t, "db"))
}

// A region is a grouping of its own: its border is not that of the zones.
func TestRegionsFailAsZonesDo(t *testing.T) {
	p, c := shop(t)
	north := func(kind string, args chaos.Args) chaos.Request {
		return chaos.Request{Kind: kind, Select: chaos.Selector{Labels: map[string]string{"region": "north"}}, Args: args, For: time.Minute}
	}
	plan, err := c.Plan(t.Context(), north("region.partition", chaos.Args{"mode": "reject"}))
	require.NoError(t, err)
	require.Equal(t, "region north cut off", plan.Title)
	id, err := c.Inject(t.Context(), plan)
	require.NoError(t, err)
	require.True(t, passes(t, p, "web→cart"), "inside the region all goes on")
	require.False(t, passes(t, p, "cart→db"))
	require.False(t, passes(t, p, "db→web"))
	require.NoError(t, c.Undo(t.Context(), id))
	require.True(t, passes(t, p, "cart→db") && passes(t, p, "db→web"))

	plan, err = c.Plan(t.Context(), north("region.pause", nil))
	require.NoError(t, err)
	id, err = c.Inject(t.Context(), plan)
	require.NoError(t, err)
	require.True(t, p.stopped(t, "web") && p.stopped(t, "cart"))
	require.False(t, p.stopped(t, "db"))
	require.NoError(t, c.Undo(t.Context(), id))
	require.False(t, p.stopped(t, "web") || p.stopped(t, "cart"))

	plan, err = c.Plan(t.Context(), north("region.kill", nil))
	require.NoError(t, err)
	_, err = c.Inject(t.Context(), plan)
	require.NoError(t, err)
	for _, x := range p.procs {
		id := proc.ID{PID: x.PID, StartTicks: x.StartTicks}
		require.Eventually(t, func() bool { return id.Alive() == (x.Labels["region"] == "south") }, patience, 10*time.Millisecond, x.Name)
	}

	_, err = c.Plan(t.Context(), chaos.Request{Kind: "region.pause", Select: chaos.Selector{Service: "cart"}, For: time.Minute})
	require.ErrorContains(t, err, "a region fails as a whole, and web would be spared; select it by its label alone: target: {labels: {region: north}}")
	_, err = c.Plan(t.Context(), chaos.Request{Kind: "region.pause", Select: chaos.Selector{Name: "*"}, For: time.Minute})
	require.ErrorContains(t, err, "several regions")
}

func TestKillEndsTheZone(t *testing.T) {
	p, c := shop(t)
	plan, err := c.Plan(t.Context(), request("zone.kill", "b"))
	require.NoError(t, err)
	require.False(t, plan.Reversible)
	_, err = c.Inject(t.Context(), plan)
	require.NoError(t, err)
	for _, x := range p.procs {
		id := proc.ID{PID: x.PID, StartTicks: x.StartTicks}
		require.Eventually(t, func() bool { return id.Alive() == (x.Labels["zone"] == "a") }, patience, 10*time.Millisecond, x.Name)
	}
}

// A keeper has the journal and a catalog that knows nothing of the system.
func TestAnotherProcessUndoesIt(t *testing.T) {
	p, _ := shop(t)
	for _, f := range All(p.links, p) {
		if f.Kind() != "zone.pause" {
			continue
		}
		all, err := p.Targets(t.Context())
		require.NoError(t, err)
		var b []chaos.Target
		for _, x := range all {
			if x.Kind == chaos.TargetProcess && x.Labels["zone"] == "b" {
				b = append(b, x)
			}
		}
		c, err := f.Plan(t.Context(), b, nil)
		require.NoError(t, err)
		require.NoError(t, c.Apply(t.Context()))
		require.Contains(t, f.(chaos.Remedier).Remedy(c.Undo()), "kill -CONT")
		require.NoError(t, All(nil, nil)[1].Restore(t.Context(), c.Undo()))
		require.False(t, p.stopped(t, "cart") || p.stopped(t, "db"))
	}
}

func TestWhatIsNoWholeZoneIsRefused(t *testing.T) {
	_, c := shop(t)
	for name, x := range map[string]struct {
		kind string
		s    chaos.Selector
		want string
	}{
		"a part":         {"zone.pause", chaos.Selector{Service: "cart"}, "db would be spared"},
		"picked":         {"zone.kill", chaos.Selector{Labels: map[string]string{"zone": "b"}, Pick: "one"}, "would be spared"},
		"several":        {"zone.pause", chaos.Selector{Name: "*"}, "several zones"},
		"a part of link": {"zone.partition", chaos.Selector{From: "db", To: "web"}, "would be spared"},
		"inside":         {"zone.partition", chaos.Selector{From: "cart", To: "db"}, "has no label zone"},
		"unknown":        {"zone.pause", chaos.Selector{Labels: map[string]string{"zone": "z"}}, "no process matches"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Plan(t.Context(), chaos.Request{Kind: x.kind, Select: x.s, For: time.Minute})
			require.ErrorContains(t, err, x.want)
		})
	}
	protected := request("zone.pause", "b")
	protected.Blast.Protected = []string{"db"}
	_, err := c.Plan(t.Context(), protected)
	require.ErrorContains(t, err, "db is protected", "who is protected is so in his zone, too")
}

func TestServicesInSeveralZonesAreAtNoBorder(t *testing.T) {
	in := func(name, service, zone string) chaos.Target {
		return chaos.Target{Kind: chaos.TargetProcess, Name: name, Labels: map[string]string{"service": service, "zone": zone}}
	}
	link := chaos.Target{Kind: chaos.TargetLink, Name: "web→db", Labels: map[string]string{"from": "web", "to": "db"}}
	Label([]chaos.Target{in("web", "web", "a"), in("db-1", "db", "a"), in("db-2", "db", "b"), in("db-3", "db", "a"), link})
	require.Equal(t, "a", link.Labels[chaos.LabelFromZone])
	require.Empty(t, link.Labels[chaos.LabelToZone])
}
