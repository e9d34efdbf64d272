// Package compute starves processes, or the whole machine, of processor time, memory and processes.
//
// Limits are set through control groups (package chaos/cgroup) and hit only the targets. Burners and ballast are
// processes of our own that use up what the machine has; they hit everything that runs on it.
package compute

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"gameday/chaos"
	"gameday/chaos/cgroup"
	"gameday/chaos/size"
)

// period is the kernel's default period of processor quotas, in microseconds; a quota may not be less than quotaMin.
const (
	period   = 100_000
	quotaMin = 1_000
)

// NewCPU returns the fault compute.cpu: the target gets no more than a quota of processor time.
func NewCPU() *cgroup.Fault {
	return &cgroup.Fault{Name: "compute.cpu", Controller: cgroup.CPU,
		Feels: "the process gets no more processor time than the quota, and stands still for the rest of each tenth of a second",
		Arguments: []chaos.Param{{Name: "millicores", Type: "int", Default: 100, Min: 10, Max: 1_000_000,
			Help: "thousandths of one processor: 100 is a tenth of a processor"}},
		Limits: func(args chaos.Args) (func(cgroup.Group, []int, bool) ([]cgroup.Setting, error), string, error) {
			m, ok := args["millicores"].(int)
			if !ok || m < 10 {
				return nil, "", errors.New("millicores must be at least 10")
			}
			return func(g cgroup.Group, _ []int, own bool) ([]cgroup.Setting, error) { return quota(g, m, own) },
				fmt.Sprintf("at %g cores", float64(m)/1000), nil
		}}
}

func quota(g cgroup.Group, millicores int, own bool) ([]cgroup.Setting, error) {
	per := uint64(period)
	if g.V2 {
		q := strconv.FormatUint(uint64(millicores)*per/1000, 10)
		return []cgroup.Setting{{File: "cpu.max", Value: q + " " + strconv.FormatUint(per, 10), Tighter: func(now string) bool {
			return tighterShare(float64(millicores)/1000, now)
		}}}, nil
	}
	if !own { // its period stays as it is
		if p, err := strconv.ParseUint(g.Read("cpu.cfs_period_us"), 10, 64); err == nil && p > 0 {
			per = p
		}
	}
	q := uint64(millicores) * per / 1000
	if q < quotaMin {
		return nil, fmt.Errorf("%d millicores are less than the kernel can grant with a period of %d µs", millicores, per)
	}
	return []cgroup.Setting{{File: "cpu.cfs_quota_us", Value: strconv.FormatUint(q, 10), Tighter: func(now string) bool {
		n, err := strconv.ParseInt(now, 10, 64)
		return err != nil || n < 0 || q < uint64(n)
	}}}, nil
}

// tighterShare compares a number of processors with what cpu.max says.
func tighterShare(cores float64, now string) bool {
	f := strings.Fields(now)
	if len(f) != 2 {
		return true
	}
	q, err := strconv.ParseFloat(f[0], 64)
	p, perr := strconv.ParseFloat(f[1], 64)
	return err != nil || perr != nil || p <= 0 || cores < q/p // err: "max"
}

// tighter compares a limit with what a file says that holds a number or "max".
func tighter(value uint64, now string) bool {
	n, err := strconv.ParseUint(now, 10, 64)
	return err != nil || value < n
}

// NewMemory returns the fault compute.memory: what the target may use of memory is limited.
func NewMemory() *cgroup.Fault {
	return &cgroup.Fault{Name: "compute.memory", Controller: cgroup.Memory,
		Feels: "the process may use no more memory than the limit, file cache included; what needs more swaps, slows down or is ended by the kernel",
		Arguments: []chaos.Param{
			{Name: "limit", Type: "string", Required: true, Help: "such as 64MiB; for a target that is moved it counts what is allocated from then on"},
			{Name: "over", Type: "string", Default: "kill", OneOf: []string{"kill", "slow"},
				Help: "what happens to a target that needs more: kill: the kernel ends it, which no undo repairs; slow: it is held back (version 2 only)"}},
		Limits: func(args chaos.Args) (func(cgroup.Group, []int, bool) ([]cgroup.Setting, error), string, error) {
			text, _ := args["limit"].(string)
			n, err := size.Parse(text)
			page := uint64(os.Getpagesize())
			if n -= n % page; err == nil && n < 1<<20 {
				err = fmt.Errorf("limit: %s is less than the 1MiB that any process needs", text)
			}
			if err != nil {
				return nil, "", err
			}
			slow := args["over"] == "slow"
			return func(g cgroup.Group, _ []int, _ bool) ([]cgroup.Setting, error) {
				s := cgroup.Setting{File: "memory.limit_in_bytes", Value: strconv.FormatUint(n, 10), Tighter: func(now string) bool { return tighter(n, now) }}
				switch {
				case slow && !g.V2:
					return nil, errors.New("over: slow needs control groups of version 2, and this machine has version 1")
				case slow:
					s.File = "memory.high"
				case g.V2:
					s.File = "memory.max"
				}
				return []cgroup.Setting{s}, nil
			}, "in " + size.String(n), nil
		}}
}

// NewPIDs returns the fault compute.pids: the target can start no more threads and processes.
func NewPIDs() *cgroup.Fault {
	return &cgroup.Fault{Name: "compute.pids", Controller: cgroup.PIDs,
		Feels:     "the process can start only a few more threads and processes, or none: starting one fails with EAGAIN",
		Arguments: []chaos.Param{{Name: "spare", Type: "int", Default: 0, Min: 0, Max: 1_000_000, Help: "how many more it may have than now"}},
		Limits: func(args chaos.Args) (func(cgroup.Group, []int, bool) ([]cgroup.Setting, error), string, error) {
			spare, _ := args["spare"].(int) // absent: 0
			if spare < 0 {
				return nil, "", errors.New("spare must not be negative")
			}
			words := "can start no threads"
			if spare > 0 {
				words = fmt.Sprintf("can start %d more threads", spare)
			}
			return func(_ cgroup.Group, pids []int, _ bool) ([]cgroup.Setting, error) {
				s, err := cgroup.Open()
				if err != nil {
					return nil, err
				}
				n, err := s.Tasks(pids...)
				if err != nil {
					return nil, err
				}
				most := uint64(n + spare)
				return []cgroup.Setting{{File: "pids.max", Value: strconv.FormatUint(most, 10), Tighter: func(now string) bool { return tighter(most, now) }}}, nil
			}, words, nil
		}}
}
