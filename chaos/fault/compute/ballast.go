package compute

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"gameday/chaos"
	"gameday/chaos/cgroup"
	"gameday/chaos/size"
)

// minLeave is the least memory that a ballast leaves to everything else.
const minLeave = 128 << 20

// Ballast is the fault compute.ballast: a process of our own holds memory, and everything else on the machine has less.
type Ballast struct{ program []string }

// NewBallast returns the fault. program is this binary and the words with which it calls Main for BallastCommand.
func NewBallast(program ...string) *Ballast { return &Ballast{program} }

// Kind is "compute.ballast".
func (*Ballast) Kind() string { return "compute.ballast" }

// Hits the machine.
func (*Ballast) Hits() chaos.TargetKind { return chaos.TargetHost }

// Help says what the machine feels.
func (*Ballast) Help() string {
	return "a process of our own holds memory; everything else on the machine has what is left, never less than a margin"
}

// Params are how much, and how much stays.
func (*Ballast) Params() []chaos.Param {
	return []chaos.Param{
		{Name: "size", Type: "string", Help: "how much to hold, such as 2GiB; when not given, all but what leave says"},
		{Name: "leave", Type: "string", Default: "512MiB", Help: "what stays available to everything else, at least 128MiB; less than that and the ballast lets go"},
		deadline,
	}
}

// Reversible is true.
func (*Ballast) Reversible() bool { return true }

// Available says why memory cannot be held safely here, or nil.
func (b *Ballast) Available() error {
	if _, err := MemAvailable(); err != nil {
		return fmt.Errorf("%s: %w", b.Kind(), err)
	}
	return program(b.Kind(), b.program)
}

// Plan refuses what would make the machine swap or run out of memory.
func (b *Ballast) Plan(_ context.Context, _ []chaos.Target, args chaos.Args) (chaos.Change, error) {
	text, ok := args["leave"].(string)
	if !ok {
		text = "512MiB"
	}
	leave, err := size.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: leave: %w", b.Kind(), err)
	}
	if leave < minLeave {
		return nil, fmt.Errorf("%s: leave must be at least %s, or the machine may kill what it needs", b.Kind(), size.String(minLeave))
	}
	free, err := MemAvailable()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Kind(), err)
	}
	if free <= leave {
		return nil, fmt.Errorf("%s: refused: only %s are available, and %s shall stay", b.Kind(), size.String(free), size.String(leave))
	}
	hold := free - leave
	if text, _ := args["size"].(string); text != "" {
		if hold, err = size.Parse(text); err != nil {
			return nil, fmt.Errorf("%s: size: %w", b.Kind(), err)
		}
	}
	if hold == 0 || hold+leave > free {
		return nil, fmt.Errorf("%s: refused to hold %s: %s are available, and %s shall stay; the machine would swap or run out", b.Kind(), size.String(hold), size.String(free), size.String(leave))
	}
	h, err := newHog(b.Kind(), b.program, "-bytes", strconv.FormatUint(hold, 10), "-leave", strconv.FormatUint(leave, 10), "-for", within(args).String())
	if err != nil {
		return nil, err
	}
	h.title = size.String(hold) + " of memory held"
	h.words, h.unit = "holds memory; is the first that the kernel ends when memory runs out", "MiB"
	h.touched = func(_ int, said string) uint64 {
		n, err := strconv.ParseUint(said, 10, 64)
		if err != nil {
			return 0
		}
		return n >> 20
	}
	return h, nil
}

// Restore ends the process that the undo names.
func (b *Ballast) Restore(ctx context.Context, undo json.RawMessage) error {
	return restoreHog(ctx, b.Kind(), undo)
}

// Remedy is the command that ends it.
func (b *Ballast) Remedy(undo []byte) string { return hogRemedy(b.Kind(), undo) }

// MemAvailable is how much memory programs can still get without swapping, in bytes: the kernel's estimate, or what our
// control group leaves when that is less.
func MemAvailable() (uint64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("find out how much memory is available: %w", err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		rest, ok := strings.CutPrefix(s.Text(), "MemAvailable:")
		if !ok {
			continue
		}
		kb, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("find out how much memory is available: %w", err)
		}
		free := kb << 10
		if sys, err := cgroup.Open(); err == nil {
			if room, limited := sys.Headroom(os.Getpid()); limited {
				free = min(free, room)
			}
		}
		return free, nil
	}
	return 0, errors.New("find out how much memory is available: /proc/meminfo does not say MemAvailable")
}
