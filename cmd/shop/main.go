// Command shop runs the demo shop by itself, without a cockpit.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"gameday/cmd/shop/fleet"
	"gameday/cmd/shop/service"
)

// serviceArg as first argument makes this process one service of the shop.
const serviceArg = "service"

func main() {
	if len(os.Args) > 1 && os.Args[1] == serviceArg {
		os.Exit(service.Main(context.Background(), os.Args[2:]))
	}
	os.Exit(run())
}

func run() int {
	otlp := flag.String("otlp", "", "host:port of an OTLP gRPC receiver for traces and logs")
	patterns := flag.Bool("patterns", true, "switch the resilience patterns on")
	seed := flag.Uint64("seed", 1, "seed of everything random")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	started := time.Now()
	f, err := fleet.Start(ctx, fleet.Config{Args: []string{serviceArg}, OTLP: *otlp, Patterns: *patterns, Seed: *seed})
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		return 1
	}
	fmt.Printf("the shop is open at %s (up in %d ms)\n\n", f.Gateway(), time.Since(started).Milliseconds())
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tZONE\tPID\tADDRESS")
	for _, s := range f.Services() {
		fmt.Fprintf(table, "%s\t%s\t%d\thttp://%s\n", s.Name, s.Zone, s.PID, s.HTTPAddr)
	}
	_ = table.Flush() // stdout is gone: nobody reads this anyway
	fmt.Println("\nctrl+c closes it")
	<-ctx.Done()
	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := f.Stop(grace); err != nil {
		fmt.Fprintln(os.Stderr, "shop: close the shop:", err)
		return 1
	}
	return 0
}
