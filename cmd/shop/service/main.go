// Package service runs one process of the demo shop, whichever role it is given.
package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"gameday/cmd/shop/service/cart"
	"gameday/cmd/shop/service/catalog"
	"gameday/cmd/shop/service/checkout"
	"gameday/cmd/shop/service/gateway"
	"gameday/cmd/shop/service/inventory"
	"gameday/cmd/shop/service/node"
	"gameday/cmd/shop/service/ordersdb"
	"gameday/cmd/shop/service/payment"
	"gameday/cmd/shop/service/resilience"
	"gameday/cmd/shop/service/telemetry"
)

// The roles a process can be given.
const (
	RoleGateway   = "gateway"
	RoleCatalog   = "catalog"
	RoleCart      = "cart"
	RoleCheckout  = "checkout"
	RolePayment   = "payment"
	RoleInventory = "inventory"
	RolePrimary   = "orders-db"
	RoleReplica   = "orders-db-replica"
)

// Roles lists every role.
func Roles() []string {
	return []string{RoleGateway, RoleCatalog, RoleCart, RoleCheckout, RolePayment, RoleInventory, RolePrimary, RoleReplica}
}

// Patterns lists the resilience patterns that make a difference to a role.
func Patterns(role string) []resilience.Pattern {
	calls := []resilience.Pattern{resilience.Timeout, resilience.Retry, resilience.Breaker, resilience.Bulkhead, resilience.Fallback}
	switch role {
	case RoleGateway, RoleCatalog, RoleCart:
		return calls
	case RoleCheckout:
		return append(calls, resilience.Idempotency)
	case RolePayment:
		return []resilience.Pattern{resilience.Idempotency}
	}
	return nil
}

// Nine processes share the machine with what is measured: each keeps its heap small.
const (
	gcPercent   = 60
	memoryLimit = 64 << 20
)

type options struct {
	node.Config
	listen   string
	otlp     string
	patterns string
	lifeline int
}

// Main runs the process that args describe (ROLE, then flags; -h lists them) until ctx ends, SIGTERM or SIGINT comes,
// or the lifeline breaks. It gives the exit code: 0 ended as asked, 1 failed, 2 not understood.
func Main(ctx context.Context, args []string) int {
	o, err := parse(args)
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "shop:", err)
		}
		return 2
	}
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	if o.lifeline > 0 {
		go holdOn(os.NewFile(uintptr(o.lifeline), "lifeline"))
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "shop: %s: %v\n", o.Name, err)
		return 1
	}
	return 0
}

// holdOn ends the process when whoever started it is gone: nobody ever writes to the pipe, so a read returns only when
// its other end is closed. It outlives Main by design.
func holdOn(pipe *os.File) {
	_, _ = io.Copy(io.Discard, pipe) // an error means the same as the end
	os.Exit(3)
}

func parse(args []string) (options, error) {
	o := options{Config: node.Config{Deps: map[string]string{}}}
	if len(args) == 0 || !slices.Contains(Roles(), args[0]) {
		return o, fmt.Errorf("run a service: the first argument must be a role, one of %s", strings.Join(Roles(), ", "))
	}
	o.Role = args[0]
	fs := flag.NewFlagSet("shop "+o.Role, flag.ContinueOnError)
	fs.StringVar(&o.Name, "name", o.Role, "name of this process")
	fs.StringVar(&o.Zone, "zone", "a", "zone that it is said to be in")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:0", "address of the HTTP server")
	fs.StringVar(&o.GRPC, "grpc", "127.0.0.1:0", "address of the gRPC server (payment)")
	fs.StringVar(&o.otlp, "otlp", "", "host:port of an OTLP gRPC receiver; none when empty")
	fs.StringVar(&o.patterns, "patterns", "all", "resilience patterns that are on: all, none, or a list with commas")
	fs.StringVar(&o.Dir, "dir", ".", "directory for database files")
	fs.Uint64Var(&o.Seed, "seed", 1, "seed of everything random")
	fs.IntVar(&o.lifeline, "lifeline", 0, "file descriptor of a pipe; the process ends when its other end closes")
	fs.Func("dep", "NAME=HOST:PORT of a service it depends on; repeat for each", func(s string) error {
		name, addr, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("want NAME=HOST:PORT")
		}
		o.Deps[name] = addr
		return nil
	})
	if err := fs.Parse(args[1:]); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("run %s: unexpected argument %q", o.Role, fs.Arg(0))
	}
	return o, nil
}

func run(ctx context.Context, o options) (err error) {
	switches, err := resilience.NewSwitches(o.patterns)
	if err != nil {
		return err
	}
	tel, err := telemetry.Start(telemetry.Config{Service: o.Name, Role: o.Role, Zone: o.Zone, OTLP: o.otlp, Stderr: os.Stderr})
	if err != nil {
		return err
	}
	defer func() {
		flush, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if cerr := tel.Close(flush); cerr != nil && o.otlp == "" { // with a receiver that is gone there is nothing to be done
			err = errors.Join(err, cerr)
		}
	}()
	ln, err := listen(ctx, o.listen)
	if err != nil {
		return err
	}
	n := node.New(o.Config, tel, switches, o.Role == RoleGateway)
	if err := setup(ctx, n); err != nil {
		_ = ln.Close() // the error that brought us here says more
		return err
	}
	tel.Log.Info("service started", "role", o.Role, "zone", o.Zone, "address", ln.Addr().String())
	return n.Run(ctx, ln)
}

func setup(ctx context.Context, n *node.Node) error {
	switch n.Role {
	case RoleGateway:
		return gateway.Setup(n)
	case RoleCatalog:
		return catalog.Setup(n)
	case RoleCart:
		return cart.Setup(n)
	case RoleCheckout:
		return checkout.Setup(n)
	case RoleInventory:
		return inventory.Setup(n)
	case RolePrimary:
		return ordersdb.Primary(n)
	case RoleReplica:
		return ordersdb.Replica(n)
	case RolePayment:
		var ln net.Listener
		ln, err := listen(ctx, n.GRPC)
		if err != nil {
			return err
		}
		return payment.Setup(n, ln)
	}
	return fmt.Errorf("start %s: unknown role %q", n.Name, n.Role)
}
