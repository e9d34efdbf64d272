package qdisc

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"gameday/chaos/hostnet"
)

// Available tries the queueing disciplines on a loopback interface in a network namespace made for it, and leaves
// nothing behind.
func Available() []hostnet.Feature {
	return []hostnet.Feature{
		{Name: "sch_tbf", For: "host.bandwidth", Err: available("tbf")},
		{Name: "sch_netem", For: "host.netem", Err: available("netem")},
	}
}

func available(kind string) error {
	if err := hostnet.May(); err != nil {
		return fmt.Errorf("not available: %w", err)
	}
	var options []byte
	var err error
	if kind == "tbf" {
		options, err = tbf(1e6, 15e3, 1e5)
	} else {
		options, err = netem(impairment{})
	}
	if err != nil {
		return fmt.Errorf("not available: %w", err)
	}
	err = hostnet.Scratch(func(*os.File) error {
		c, err := connect()
		if err != nil {
			return err
		}
		defer c.Close()
		return add(c, 1, 0x10000, kind, options) // 1 is the loopback interface of every namespace
	})
	if errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("not available: kernel has no sch_%s", kind)
	}
	if errors.Is(err, hostnet.ErrNoScratch) {
		return fmt.Errorf("not known: %w", err)
	}
	if err != nil {
		return fmt.Errorf("not available: try sch_%s: %w", kind, err)
	}
	return nil
}
