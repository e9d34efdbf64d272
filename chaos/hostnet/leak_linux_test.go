package hostnet_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/chaos"
	"gameday/chaos/fault/dns"
	"gameday/chaos/fault/netfilter"
	"gameday/chaos/fault/qdisc"
	"gameday/chaos/hostnet/nettest"
	"gameday/chaos/journal"
	"gameday/chaos/keeper"
	"gameday/chaos/nft"
)

// The test binary is three programs: the tests, a keeper, and a session that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "keeper":
			if err := keeper.Main(context.Background(), keeper.Pipe(), os.Args[2], catalog()); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case "session":
			fmt.Println("error:", session(os.Args[2], os.Args[3]))
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}

func catalog() []chaos.Fault {
	return append(netfilter.All(netfilter.Options{}), dns.NewFailure(dns.Options{}), qdisc.NewBandwidth(qdisc.Options{}), qdisc.NewNetem(qdisc.Options{}))
}

// session injects and undoes one fault of each sort, over and over, until it is killed.
func session(dir, netns string) error {
	j, err := journal.Create(dir, "victim")
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if _, err := keeper.Start(keeper.Config{Exe: exe, Args: []string{"keeper"}, Journal: j.Path()}); err != nil {
		return err
	}
	c, err := chaos.NewController(chaos.Config{Journal: j, Faults: catalog(),
		Inventory: chaos.InventoryFunc(func(context.Context) ([]chaos.Target, error) { return []chaos.Target{nettest.Target()}, nil })})
	if err != nil {
		return err
	}
	fmt.Println("started")
	ctx := context.Background()
	for {
		var ids []string
		for kind, args := range map[string]chaos.Args{
			"host.partition": {"cidr": "198.51.100.0/24"},
			"host.delay":     {"cidr": "198.51.100.0/24", "delay": "1s"},
			"dns.failure":    {"names": "*", "servers": "198.51.100.1"},
			"host.bandwidth": {"interface": "gd0", "rate": "10mbit"},
		} {
			args["netns"] = netns
			p, err := c.Plan(ctx, chaos.Request{Kind: kind, Select: chaos.Selector{Name: "*"}, Args: args})
			if err != nil {
				return err
			}
			id, err := c.Inject(ctx, p)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		for _, id := range ids {
			if err := c.Undo(ctx, id); err != nil {
				return err
			}
		}
	}
}

// A session is killed at any moment of injecting and undoing; the keeper leaves nothing behind.
func TestNothingIsLeftOfASessionThatIsKilled(t *testing.T) {
	a, _ := nettest.Pair(t)
	exe, err := os.Executable()
	require.NoError(t, err)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		dir := filepath.Join(t.TempDir(), "j")
		require.NoError(t, os.MkdirAll(dir, 0o700))
		cmd := exec.Command(exe, "session", dir, a.Name)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		said := bufio.NewReader(out)
		line, err := said.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "started\n", line)
		time.Sleep(time.Duration(rnd.IntN(120)) * time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		rest, _ := said.ReadString('\n') // what it said before, if it ended by itself
		require.Empty(t, rest)
		_ = cmd.Wait() // killed
		killed := time.Now()
		require.Eventually(t, func() bool { return clean(t, a) && len(journals(t, dir)) == 0 }, 30*time.Second, 2*time.Millisecond)
		t.Logf("clean %v after SIGKILL", time.Since(killed))
	}
}

func clean(t *testing.T, h nettest.Host) bool {
	t.Helper()
	tables, err := nft.List(h.Namespace)
	require.NoError(t, err)
	link, err := exec.Command("ip", "-n", h.Name, "link", "show", h.Interface).CombinedOutput()
	require.NoError(t, err, "%s", link)
	return len(tables) == 0 && !strings.Contains(string(link), "qdisc tbf")
}

func journals(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := journal.List(dir)
	require.NoError(t, err)
	return paths
}
