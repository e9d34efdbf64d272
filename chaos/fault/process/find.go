package process

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"gameday/chaos"
	"gameday/chaos/proc"
)

// LabelFound is on every target that a Finder found, and says how.
const LabelFound = "found"

// Labels by which a Finder finds processes.
const (
	LabelProcess = "process" // its name, such as nginx
	LabelPort    = "port"    // a TCP or UDP port on which it listens
	LabelCgroup  = "cgroup"  // a control group that it is in or below, such as /system.slice/nginx.service
	LabelUnit    = "unit"    // its systemd unit; .service may be left out
	LabelPID     = "pid"
)

// Finder finds processes of this machine by labels of a selector: process, port, cgroup, unit, pid. It never finds
// gameday, what gameday runs under, a keeper or a thread of the kernel.
type Finder struct{}

// NewFinder returns the finder.
func NewFinder() *Finder { return &Finder{} }

// Targets are none: a machine's processes are only found on purpose.
func (*Finder) Targets(context.Context) ([]chaos.Target, error) { return nil, nil }

// Find returns the processes for which every label of the selector holds, by PID. It is called NAME[PID].
func (*Finder) Find(ctx context.Context, kind chaos.TargetKind, s chaos.Selector) ([]chaos.Target, error) {
	if kind != chaos.TargetProcess || len(s.Labels) == 0 {
		return nil, nil
	}
	tests, err := conditions(s.Labels)
	if err != nil || tests == nil {
		return nil, err
	}
	pids, err := PIDs()
	if err != nil {
		return nil, err
	}
	var out []chaos.Target
	var refused error
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		st, err := proc.Read(pid)
		if err != nil || st.Dead() || Command(pid) == nil || slices.ContainsFunc(tests, func(holds func(int) bool) bool { return !holds(pid) }) {
			continue
		}
		if err := Refuse(pid); err != nil {
			refused = err
			continue
		}
		out = append(out, target(pid, st, s.Labels))
	}
	if len(out) == 0 && refused != nil {
		return nil, fmt.Errorf("what %v names is refused: %w", s, refused)
	}
	slices.SortFunc(out, func(a, b chaos.Target) int { return cmp.Compare(a.PID, b.PID) })
	return out, nil
}

func target(pid int, st proc.Status, asked map[string]string) chaos.Target {
	labels := map[string]string{LabelFound: chaos.Selector{Labels: asked}.String()}
	for k, v := range asked {
		labels[k] = v
	}
	name := "process"
	if comm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm"); err == nil {
		name = printable(strings.TrimSuffix(string(comm), "\n"))
	}
	return chaos.Target{Kind: chaos.TargetProcess, Name: fmt.Sprintf("%s[%d]", name, pid), PID: pid, StartTicks: st.StartTicks, Labels: labels}
}

// printable keeps a process from writing to the terminal through its name.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 {
			return '?'
		}
		return r
	}, s)
}

// conditions turns labels into tests of a PID; nil when a label is not one of a finder's, and so means other targets.
func conditions(labels map[string]string) ([]func(pid int) bool, error) {
	var out []func(int) bool
	for k, v := range labels {
		if v == "" {
			return nil, fmt.Errorf("find processes: the label %s is empty", k)
		}
		switch k {
		case LabelProcess:
			out = append(out, func(pid int) bool { return called(pid, v) })
		case LabelPID:
			out = append(out, func(pid int) bool { return strconv.Itoa(pid) == v })
		case LabelCgroup:
			out = append(out, func(pid int) bool { return within(pid, v) })
		case LabelUnit:
			if !strings.Contains(v, ".") {
				v += ".service"
			}
			out = append(out, func(pid int) bool { return inUnit(pid, v) })
		case LabelPort:
			port, err := strconv.ParseUint(v, 10, 16)
			if err != nil || port == 0 {
				return nil, fmt.Errorf("find processes: %q is not a port", v)
			}
			l := listeners{port: uint16(port), byNet: map[string]map[string]bool{}}
			out = append(out, l.has)
		default:
			return nil, nil
		}
	}
	return out, nil
}

// groups are the paths of the control groups a process is in, one for each hierarchy.
func groups(pid int) []string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3); len(parts) == 3 {
			out = append(out, parts[2])
		}
	}
	return out
}

func within(pid int, group string) bool {
	group = "/" + strings.Trim(group, "/")
	return group != "/" && slices.ContainsFunc(groups(pid), func(g string) bool { return g == group || strings.HasPrefix(g, group+"/") })
}

func inUnit(pid int, unit string) bool {
	return slices.ContainsFunc(groups(pid), func(g string) bool { return slices.Contains(strings.Split(g, "/"), unit) })
}

// listeners finds who listens on a port, in every network namespace.
type listeners struct {
	port  uint16
	byNet map[string]map[string]bool // network namespace → links such as socket:[123]
}

func (l *listeners) has(pid int) bool {
	dir := "/proc/" + strconv.Itoa(pid)
	ns, err := os.Readlink(dir + "/ns/net")
	if err != nil {
		return false
	}
	links, ok := l.byNet[ns]
	if !ok {
		links = map[string]bool{}
		for file, state := range map[string]string{"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"} {
			sockets(dir+"/net/"+file, state, l.port, links)
		}
		l.byNet[ns] = links
	}
	if len(links) == 0 {
		return false
	}
	fds, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return false
	}
	return slices.ContainsFunc(fds, func(e os.DirEntry) bool {
		to, err := os.Readlink(dir + "/fd/" + e.Name())
		return err == nil && links[to]
	})
}

// sockets adds the sockets of a table of /proc/net that are in the state and bound to the port. The second field is
// ADDRESS:PORT in hexadecimal, the fourth the state, the tenth the inode (proc(5)).
func sockets(path, state string, port uint16, into map[string]bool) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	want := fmt.Sprintf(":%04X", port)
	for s := bufio.NewScanner(f); s.Scan(); {
		if f := strings.Fields(s.Text()); len(f) > 9 && strings.HasSuffix(f[1], want) && f[3] == state {
			into["socket:["+f[9]+"]"] = true
		}
	}
}

// missing says how many of the victims that were found by labels have no new process yet that the same labels find.
func (c *killing) missing(ctx context.Context) ([]string, error) {
	finder, ok := c.inventory.(chaos.Finder)
	if !ok {
		return nil, nil
	}
	var out []string
	for _, q := range c.queries {
		now, err := finder.Find(ctx, chaos.TargetProcess, chaos.Selector{Labels: q.labels})
		if err != nil {
			return nil, err
		}
		fresh := 0
		for _, t := range now {
			if ticks, was := q.before[t.PID]; !was || ticks != t.StartTicks {
				fresh++
			}
		}
		if lack := len(q.names) - fresh; lack > 0 {
			out = append(out, q.names[:lack]...)
		}
	}
	return out, nil
}

// query is what victims were found by, and the processes it found before any was killed.
type query struct {
	labels map[string]string
	names  []string
	before map[int]uint64
}

func (k *Kill) queries(ctx context.Context, targets []chaos.Target) ([]*query, error) {
	finder, ok := k.inventory.(chaos.Finder)
	byText := map[string]*query{}
	var out []*query
	for _, t := range targets {
		text := t.Labels[LabelFound]
		if text == "" || !ok {
			continue
		}
		q := byText[text]
		if q == nil {
			q = &query{labels: map[string]string{}, before: map[int]uint64{}}
			for k, v := range t.Labels {
				if k != LabelFound && k != LabelPID {
					q.labels[k] = v
				}
			}
			if len(q.labels) == 0 {
				name, _, _ := strings.Cut(t.Name, "[") // found by PID alone: one of the same name is what can come back
				q.labels[LabelProcess] = name
			}
			now, err := finder.Find(ctx, chaos.TargetProcess, chaos.Selector{Labels: q.labels})
			if err != nil {
				return nil, errors.Join(errors.New("remember who is there before a kill"), err)
			}
			for _, n := range now {
				q.before[n.PID] = n.StartTicks
			}
			byText[text] = q
			out = append(out, q)
		}
		q.names = append(q.names, t.Name)
	}
	return out, nil
}
