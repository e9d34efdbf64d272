package leaktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"gameday/chaos"
	"gameday/chaos/fault/compute"
	"gameday/chaos/fault/process"
	"gameday/chaos/fault/storage"
	"gameday/chaos/fault/zone"
	"gameday/chaos/journal"
	"gameday/chaos/keeper"
	"gameday/chaos/proc"
	"gameday/chaos/proxy"
)

// TestMain makes the test binary the programs that gameday is, too, for faults that gameday cannot be given without a
// system of its own, such as those of a link: a session, its keeper, and the commands of a second terminal.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "keeper":
		exit(keeper.Main(context.Background(), keeper.Pipe(), os.Args[2], catalog(nil, nil)))
	case "session":
		exit(session(os.Args[2]))
	case "faults":
		exit(listFaults())
	case "recover":
		exit(recoverAll(len(os.Args) > 2))
	case compute.BurnCommand, compute.BallastCommand:
		os.Exit(compute.Main(os.Args[1], os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

var errSignalled = errors.New("ended by a signal; everything is undone")

func exit(err error) {
	if err == nil {
		os.Exit(0)
	}
	fmt.Println(err)
	if errors.Is(err, errSignalled) {
		os.Exit(3)
	}
	os.Exit(4)
}

func journals(home string) string { return filepath.Join(home, "gameday", "journal") }

// session does what `gameday run` does: it injects the faults of the file, each at its time, undoes each after its time,
// and ends in order when a signal asks for it.
func session(file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	defer stop()
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var doc struct {
		Method      []step
		SteadyState struct{ Probes []struct{ TCP string } }
		Metadata    struct{ Description string } // the PID of the service b
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	dir := journals(os.Getenv("XDG_STATE_HOME"))
	links := proxy.NewSet()
	if _, err := links.Link("a", "b", "http", doc.SteadyState.Probes[0].TCP); err != nil {
		return err
	}
	j, err := journal.Create(dir, fmt.Sprint("s", os.Getpid()))
	if err != nil {
		return err
	}
	inventory := chaos.Inventories{zoned(links, doc.Metadata.Description), compute.Host(), process.NewFinder(), storage.NewFinder()}
	c, err := chaos.NewController(chaos.Config{Journal: j, Faults: catalog(links, inventory), Inventory: inventory})
	if err != nil {
		return err
	}
	k, err := keeper.Start(keeper.Config{Exe: os.Args[0], Args: []string{"keeper"}, Journal: j.Path()})
	if err != nil {
		return errors.Join(err, j.Close(true))
	}
	if err := c.ServeControl(nil); err != nil {
		return err
	}
	err = injectAll(ctx, c, doc.Method)
	if ctx.Err() != nil {
		err = errSignalled // what could not be injected any more says the same
	}
	if cerr := errors.Join(c.Close(context.Background()), links.Close(), k.Close(context.Background())); cerr != nil {
		return cerr
	}
	return err
}

// zoned is the link, and the service that it leads to, in zone x.
func zoned(links *proxy.Set, pid string) chaos.Inventory {
	return chaos.InventoryFunc(func(ctx context.Context) ([]chaos.Target, error) {
		n, err := strconv.Atoi(pid)
		if err != nil {
			return nil, err
		}
		id, err := proc.Of(n)
		if err != nil {
			return nil, err
		}
		return zone.Label(append(links.Targets(), chaos.Target{Kind: chaos.TargetProcess, Name: "b", PID: id.PID, StartTicks: id.StartTicks,
			Labels: map[string]string{"service": "b", "zone": "x", "region": "y"}})), nil
	})
}

func injectAll(ctx context.Context, c *chaos.Controller, steps []step) error {
	var wg sync.WaitGroup
	errs := make([]error, len(steps))
	for i, s := range steps {
		wg.Go(func() {
			at, _ := time.ParseDuration(s.At) // "" is at once
			if sleep(ctx, at); ctx.Err() != nil {
				return
			}
			lasts, err := time.ParseDuration(s.For)
			if err != nil {
				errs[i] = err
				return
			}
			p, err := c.Plan(ctx, chaos.Request{Kind: s.Fault, Select: chaos.Selector{Name: s.Target.Name, Labels: s.Target.Labels}, Args: arguments(c, s)})
			if err != nil {
				errs[i] = err
				return
			}
			id, err := c.Inject(ctx, p)
			if err != nil {
				errs[i] = err
				return
			}
			sleep(ctx, lasts)
			errs[i] = c.Undo(context.Background(), id)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// arguments are a step's: JSON makes whole numbers fractions.
func arguments(c *chaos.Controller, s step) chaos.Args {
	out := chaos.Args{}
	for _, f := range c.Faults() {
		for _, p := range f.Params() {
			if v, ok := s.Args[p.Name].(float64); ok && f.Kind() == s.Fault && p.Type == "int" {
				out[p.Name] = int(v)
			} else if v, ok := s.Args[p.Name]; ok && f.Kind() == s.Fault {
				out[p.Name] = v
			}
		}
	}
	return out
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// listFaults is `gameday faults`.
func listFaults() error {
	all, err := chaos.ListFaults(context.Background(), journals(os.Getenv("XDG_STATE_HOME")))
	for _, l := range all {
		fmt.Println(l.Fault.Title, l.Fault.Phase, l.Live)
	}
	if len(all) == 0 {
		fmt.Println("no fault is in force")
	}
	return err
}

// recoverAll is `gameday recover`.
func recoverAll(force bool) error {
	do := chaos.Recover
	if force {
		do = chaos.RecoverForced
	}
	all, err := do(context.Background(), journals(os.Getenv("XDG_STATE_HOME")), catalog(nil, nil))
	for _, r := range all {
		fmt.Println(r.Title, r.Outcome, r.Err)
		if r.Outcome == chaos.NeedsHuman {
			err = errors.Join(err, r.Err)
		}
	}
	return err
}
