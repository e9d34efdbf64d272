package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"gameday/chaos"
	"gameday/chaos/fault/process"
)

// deadline is the parameter that bounds how long a hog lives whatever becomes of gameday.
var deadline = chaos.Param{Name: "deadline", Type: "duration", Default: 15 * time.Minute, Min: 1, Max: 24 * 3600,
	Help: "it ends by itself after this, whatever becomes of gameday; longer than the fault shall last"}

func within(args chaos.Args) time.Duration {
	if d, ok := args["deadline"].(time.Duration); ok && d > 0 {
		return d
	}
	return 15 * time.Minute
}

// Burn is the fault compute.burn: processes of our own keep processors busy, and everything else on the machine gets
// less.
type Burn struct{ program []string }

// NewBurn returns the fault. program is this binary and the words with which it calls Main for BurnCommand.
func NewBurn(program ...string) *Burn { return &Burn{program} }

// Kind is "compute.burn".
func (*Burn) Kind() string { return "compute.burn" }

// Hits the machine.
func (*Burn) Hits() chaos.TargetKind { return chaos.TargetHost }

// Help says what the machine feels.
func (*Burn) Help() string {
	return "a process of our own keeps processors busy; everything else on the machine shares what is left"
}

// Params are the number of processors and their load.
func (*Burn) Params() []chaos.Param {
	return []chaos.Param{
		{Name: "cores", Type: "int", Default: 0, Min: 0, Max: 4096, Help: "how many processors; 0 is all there are, and more than there are is as many"},
		{Name: "load", Type: "percent", Default: 100, Min: 1, Max: 100, Help: "for which share of the time each is kept busy"},
		deadline,
	}
}

// Reversible is true.
func (*Burn) Reversible() bool { return true }

// Available says why no burner can be started here, or nil.
func (b *Burn) Available() error { return program(b.Kind(), b.program) }

// Plan describes the process.
func (b *Burn) Plan(_ context.Context, _ []chaos.Target, args chaos.Args) (chaos.Change, error) {
	cores, _ := args["cores"].(int) // absent: all
	if cores <= 0 || cores > runtime.NumCPU() {
		cores = runtime.NumCPU()
	}
	load, ok := args["load"].(float64)
	if !ok {
		load = 100
	}
	h, err := newHog(b.Kind(), b.program, "-cores", strconv.Itoa(cores), "-load", strconv.FormatFloat(load, 'g', -1, 64), "-for", within(args).String())
	if err != nil {
		return nil, err
	}
	h.title = fmt.Sprintf("%d of %d cores %g%% busy", cores, runtime.NumCPU(), load)
	h.words, h.unit, h.touched = "burns processor time", "CPU seconds", cpuSeconds
	return h, nil
}

// Restore ends the process that the undo names.
func (b *Burn) Restore(ctx context.Context, undo json.RawMessage) error {
	return restoreHog(ctx, b.Kind(), undo)
}

// Remedy is the command that ends it.
func (b *Burn) Remedy(undo []byte) string { return hogRemedy(b.Kind(), undo) }

// program says why a hog cannot be started and found again here, or nil.
func program(kind string, argv []string) error {
	if len(argv) == 0 {
		return fmt.Errorf("%s: gameday does not know its own program here", kind)
	}
	if _, err := process.PIDs(); err != nil { // a keeper could not find it
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}
