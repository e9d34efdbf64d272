package container

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"gameday/chaos"
	"gameday/chaos/size"
)

// minMemory is the least memory limit that the engine accepts.
const minMemory = 6 << 20

const cpuPeriod = 100_000 // µs, the kernel's default

// noMemoryLimit is the widest limit that the kernel knows. The engine cannot forget a memory limit, only widen it.
const noMemoryLimit = 0x7ffffffffffff000

// limits are a container's limits as the engine has them. Zero means none.
type limits struct {
	NanoCPUs   int64 `json:"nano_cpus,omitempty"`
	CPUPeriod  int64 `json:"cpu_period,omitempty"`
	CPUQuota   int64 `json:"cpu_quota,omitempty"`
	Memory     int64 `json:"memory,omitempty"`
	MemorySwap int64 `json:"memory_swap,omitempty"`
}

func limitsOf(now *container.InspectResponse) limits {
	r := now.HostConfig.Resources
	return limits{r.NanoCPUs, r.CPUPeriod, r.CPUQuota, r.Memory, r.MemorySwap}
}

// NewLimit returns the fault container.limit: the container gets less processor time and memory.
func NewLimit(e *Engine) *Fault {
	return &Fault{engine: e, kind: "container.limit",
		help: "the container gets no more processor time and memory than the limits; when it needs more memory the kernel ends processes in it",
		params: []chaos.Param{
			{Name: "millicores", Type: "int", Min: 10, Max: 1_000_000, Help: "thousandths of one processor: 100 is a tenth of a processor"},
			{Name: "memory", Type: "string", Help: "bytes it may use, such as 64MiB, swap included; at least 6MiB"},
		},
		words: func(args chaos.Args) (string, error) {
			w, err := wantedOf(args)
			return w.words, err
		},
		find: func(v *victim, now *container.InspectResponse, args chaos.Args) error {
			w, err := wantedOf(args)
			if err != nil {
				return err
			}
			before := limitsOf(now)
			ours, err := w.over(before)
			if err != nil {
				return err
			}
			v.Before, v.Ours = &before, &ours
			return nil
		},
		command: func(v *victim, _ chaos.Args) string { return updateCommand(v.Name, *v.Ours) },
		undo:    func(v *victim) string { return updateCommand(v.Name, v.back(*v.Ours)) },
		act: func(ctx context.Context, c *client.Client, v *victim, _ chaos.Args) error {
			return update(ctx, c, v.ID, *v.Ours)
		},
		left: func(v *victim, now *container.InspectResponse) string {
			if left := v.still(limitsOf(now)); left != (limits{}) {
				return "still has the limits of the fault"
			}
			return ""
		},
		restore: func(ctx context.Context, c *client.Client, v *victim) error {
			r, err := c.ContainerInspect(ctx, v.ID, client.ContainerInspectOptions{})
			if err != nil {
				return err
			}
			back := v.back(v.still(limitsOf(&r.Container)))
			err = update(ctx, c, v.ID, back)
			if err != nil && back.MemorySwap == -1 { // engines up to 20.10 do not pass on that there is no limit
				back.MemorySwap = noMemoryLimit
				err = update(ctx, c, v.ID, back)
			}
			return err
		}}
}

type wanted struct {
	millicores int
	memory     int64
	words      string
}

func wantedOf(args chaos.Args) (wanted, error) {
	var w wanted
	var words []string
	if m, ok := args["millicores"].(int); ok {
		w.millicores = m
		words = append(words, fmt.Sprintf("%g cores", float64(m)/1000))
	}
	if s, _ := args["memory"].(string); s != "" {
		n, err := size.Parse(s)
		if err == nil && n < minMemory {
			err = errors.New("the engine takes no less than 6MiB")
		}
		if err != nil {
			return w, fmt.Errorf("memory: %w", err)
		}
		w.memory = int64(n)
		words = append(words, size.String(n))
	}
	if len(words) == 0 {
		return w, errors.New("give millicores or memory, or both")
	}
	w.words = "limited to " + strings.Join(words, " and ")
	return w, nil
}

// over is what to set on a container that has limits already. A fault never loosens.
func (w wanted) over(b limits) (limits, error) {
	var o limits
	if w.millicores > 0 {
		cores := float64(w.millicores) / 1000
		period := max(b.CPUPeriod, 0)
		if period == 0 {
			period = cpuPeriod
		}
		switch {
		case b.NanoCPUs > 0 && cores*1e9 >= float64(b.NanoCPUs), b.CPUQuota > 0 && cores >= float64(b.CPUQuota)/float64(period):
			return o, errors.New("it has no more processor time already")
		case b.NanoCPUs > 0: // the engine refuses a quota beside it
			o.NanoCPUs = int64(w.millicores) * 1e6
		default:
			o.CPUPeriod, o.CPUQuota = period, int64(w.millicores)*period/1000
		}
	}
	if w.memory > 0 {
		if b.Memory > 0 && w.memory >= b.Memory {
			return o, errors.New("it has no more memory already")
		}
		o.Memory, o.MemorySwap = w.memory, w.memory
	}
	return o, nil
}

// still is what of our limits is in force.
func (v *victim) still(now limits) limits {
	var s limits
	if v.Ours == nil || v.Before == nil {
		return s
	}
	if v.Ours.NanoCPUs != 0 && now.NanoCPUs == v.Ours.NanoCPUs {
		s.NanoCPUs = now.NanoCPUs
	}
	if v.Ours.CPUQuota != 0 && now.CPUQuota == v.Ours.CPUQuota && now.CPUPeriod == v.Ours.CPUPeriod {
		s.CPUPeriod, s.CPUQuota = now.CPUPeriod, now.CPUQuota
	}
	if v.Ours.Memory != 0 && now.Memory == v.Ours.Memory {
		s.Memory, s.MemorySwap = now.Memory, v.Ours.MemorySwap
	}
	return s
}

// back is what to set so that those limits are as they were. The engine takes zero for "leave it": no limit is -1, and for
// memory the widest there is.
func (v *victim) back(still limits) limits {
	var b limits
	none := func(n int64) int64 {
		if n == 0 {
			return -1
		}
		return n
	}
	if v.Before == nil {
		return b
	}
	if still.NanoCPUs != 0 {
		b.NanoCPUs = v.Before.NanoCPUs
	}
	if still.CPUQuota != 0 {
		b.CPUPeriod, b.CPUQuota = still.CPUPeriod, none(v.Before.CPUQuota)
	}
	if still.Memory != 0 {
		b.Memory, b.MemorySwap = v.Before.Memory, none(v.Before.MemorySwap)
		if b.Memory <= 0 {
			b.Memory = noMemoryLimit
		}
	}
	return b
}

func update(ctx context.Context, c *client.Client, id string, l limits) error {
	_, err := c.ContainerUpdate(ctx, id, client.ContainerUpdateOptions{Resources: &container.Resources{NanoCPUs: l.NanoCPUs, CPUPeriod: l.CPUPeriod,
		CPUQuota: l.CPUQuota, Memory: l.Memory, MemorySwap: l.MemorySwap}})
	return err
}

func updateCommand(name string, l limits) string {
	words := []string{"docker update"}
	add := func(flag string, n int64) {
		if n != 0 {
			words = append(words, fmt.Sprintf("--%s %d", flag, n))
		}
	}
	if l.NanoCPUs != 0 {
		words = append(words, fmt.Sprintf("--cpus %g", float64(l.NanoCPUs)/1e9))
	}
	add("cpu-period", l.CPUPeriod)
	add("cpu-quota", l.CPUQuota)
	add("memory", l.Memory)
	add("memory-swap", l.MemorySwap)
	return strings.Join(append(words, name), " ")
}
