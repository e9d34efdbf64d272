//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"time"
)

var residentSet = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// soak runs us for a long time and looks whether memory stays where it was after a quarter of it. Peers do not take part:
// it takes as long as it takes.
func (b *bench) soak(span time.Duration) error {
	const rate = 2000
	self := b.clients[0]
	return b.withTarget("", func(target string) error {
		args := slices.Concat(b.forClient, []string{self.path}, self.args(task{target: target, connections: 64, rate: rate, span: span}, ""))
		cmd := exec.CommandContext(b.ctx, args[0], args[1:]...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, os.Stderr
		if err := cmd.Start(); err != nil {
			return err
		}
		var early, late []float64
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		began := time.Now()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case err := <-done:
				if err != nil {
					return fmt.Errorf("soak: %w: %.300s", err, out.String())
				}
				o, err := readOurs(out.Bytes(), "", task{})
				if err != nil {
					return err
				}
				if len(early) == 0 || len(late) == 0 {
					return fmt.Errorf("soak: %v is too short to say anything", span)
				}
				b.row(fmt.Sprintf("soak: %d/s for %v, %d requests: memory after a quarter and at the end", rate, span, o.Done),
					fmt.Sprintf("%.1f and %.1f MB", middle(early), middle(late)))
				return nil
			case <-tick.C:
				// taskset and chrt replace themselves by what they start: it is this process.
				status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
				m := residentSet.FindSubmatch(status)
				if err != nil || m == nil {
					continue // it is just ending
				}
				kb, err := strconv.ParseFloat(string(m[1]), 64)
				if err != nil {
					return err
				}
				switch at := time.Since(began); {
				case at > span/5 && at < span*3/10:
					early = append(early, kb/1024)
				case at > span*9/10:
					late = append(late, kb/1024)
				}
			}
		}
	})
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
