// Package cgroup puts limits on processes through Linux control groups, of version 1 and 2, and takes them off again.
//
// A limit is set in one of two ways. When a control group holds nothing but the targets (a container, a systemd unit),
// the limit is written to that group and what stood there is written back. Otherwise each target is moved into a group
// of ours, named gameday-TAG, and back. Both are described as data before anything is touched; undoing compares before
// it restores: a limit that is no longer what we wrote is left alone, and only groups with our name are removed.
package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Controller is a resource that control groups limit. Its text is the controller's name in version 2.
type Controller string

// The controllers that gameday uses.
const (
	CPU    Controller = "cpu"
	Memory Controller = "memory"
	PIDs   Controller = "pids"
	IO     Controller = "io" // called blkio in version 1
)

func (c Controller) v1() string {
	if c == IO {
		return "blkio"
	}
	return string(c)
}

// prefix begins the names of our groups.
const prefix = "gameday-"

// hierarchy is one mounted tree of control groups.
type hierarchy struct {
	dir  string // where it is mounted
	root string // which group of the tree is mounted there; "/" outside of containers
}

// System is the machine's control groups, as they are mounted.
type System struct {
	proc string // "/proc"
	v1   map[string]hierarchy
	v2   *hierarchy
}

// Open finds the machine's control groups. A machine without any is not an error until a controller is asked for.
func Open() (*System, error) { return open("/proc") }

func open(proc string) (*System, error) {
	data, err := os.ReadFile(filepath.Join(proc, "self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("find control groups: %w; they need Linux", err)
	}
	s := &System{proc: proc, v1: map[string]hierarchy{}}
	for line := range strings.Lines(string(data)) {
		// proc(5): ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE SOURCE SUPEROPTIONS
		left, right, ok := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 5 || len(r) < 3 {
			continue
		}
		h := hierarchy{dir: unescape(l[4]), root: unescape(l[3])}
		switch r[0] {
		case "cgroup2":
			if s.v2 == nil {
				s.v2 = &h
			}
		case "cgroup":
			for _, c := range strings.Split(r[2], ",") {
				if _, twice := s.v1[c]; !twice {
					s.v1[c] = h
				}
			}
		}
	}
	return s, nil
}

// unescape undoes the octal escapes of blanks in /proc/self/mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// Group is one control group, for one controller.
type Group struct {
	Dir  string // its directory
	V2   bool
	Root bool // the root of its hierarchy, as far as can be seen from here; it takes no limits
	top  string
}

// Of returns the group that a process is in for the controller, or says why the controller cannot be used.
func (s *System) Of(pid int, c Controller) (Group, error) {
	h, v2, err := s.hierarchy(c)
	if err != nil {
		return Group{}, err
	}
	data, err := os.ReadFile(filepath.Join(s.proc, strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return Group{}, fmt.Errorf("find the control group of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mine := v2 && parts[0] == "0" && parts[1] == "" || !v2 && slices.Contains(strings.Split(parts[1], ","), c.v1())
		if !mine {
			continue
		}
		rel, below := strings.CutPrefix(parts[2], strings.TrimSuffix(h.root, "/"))
		if !below || slices.Contains(strings.Split(parts[2], "/"), "..") {
			return Group{}, fmt.Errorf("the control group %s of process %d lies outside of what is mounted here; run gameday on the host itself", parts[2], pid)
		}
		dir := filepath.Join(h.dir, rel)
		return Group{Dir: dir, V2: v2, Root: dir == h.dir, top: h.dir}, nil
	}
	return Group{}, fmt.Errorf("process %d is in no control group of %s", pid, c)
}

// hierarchy returns the tree that has the controller.
func (s *System) hierarchy(c Controller) (hierarchy, bool, error) {
	if h, ok := s.v1[c.v1()]; ok {
		return h, false, nil
	}
	if s.v2 == nil {
		return hierarchy{}, false, fmt.Errorf("no control groups are mounted that have %s; in a container they must be passed in", c)
	}
	data, err := os.ReadFile(filepath.Join(s.v2.dir, "cgroup.controllers"))
	if err != nil {
		return hierarchy{}, false, fmt.Errorf("read which controllers there are: %w", err)
	}
	if !slices.Contains(strings.Fields(string(data)), string(c)) {
		return hierarchy{}, false, fmt.Errorf("the control groups in %s have no controller %s; there are: %s", s.v2.dir, c, strings.TrimSpace(string(data)))
	}
	return *s.v2, true, nil
}

// Available says why limits of the controller cannot be set here, or nil. It touches nothing.
func (s *System) Available(c Controller) error {
	h, v2, err := s.hierarchy(c)
	if err != nil {
		return err
	}
	if v2 {
		if err := delegated(h.dir, c); err != nil {
			return err
		}
	}
	if err := writable(filepath.Join(h.dir, "cgroup.procs")); err != nil {
		return fmt.Errorf("control groups of %s in %s: %w; run as root", c, h.dir, err)
	}
	return nil
}

// Version is "v1" or "v2", for the controller.
func (s *System) Version(c Controller) (string, error) {
	_, v2, err := s.hierarchy(c)
	if v2 {
		return "v2", err
	}
	return "v1", err
}

func writable(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return errors.Unwrap(err) // the path is in the caller's sentence
	}
	return f.Close()
}

// delegated says whether groups below dir can have limits of the controller (version 2 only).
func delegated(dir string, c Controller) error {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return fmt.Errorf("read which controllers %s hands down: %w", dir, err)
	}
	if !slices.Contains(strings.Fields(string(data)), string(c)) {
		return fmt.Errorf("%s does not hand down the controller %s; to allow it: echo +%s > %s/cgroup.subtree_control", dir, c, c, dir)
	}
	return nil
}

// Tasks counts the threads of the processes.
func (s *System) Tasks(pids ...int) (int, error) {
	n := 0
	for _, pid := range pids {
		entries, err := os.ReadDir(filepath.Join(s.proc, strconv.Itoa(pid), "task"))
		if err != nil {
			return 0, fmt.Errorf("count threads of process %d: %w", pid, err)
		}
		n += len(entries)
	}
	return n, nil
}

// Processes lists the processes in the group and all groups below it.
func (g Group) Processes() ([]int, error) {
	var out []int
	err := filepath.WalkDir(g.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			return err
		}
		if !d.IsDir() {
			return nil
		}
		pids, err := members(path)
		out = append(out, pids...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list processes of control group %s: %w", g.Dir, err)
	}
	return out, nil
}

// members are the processes of exactly this group.
func members(dir string) ([]int, error) {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []int
	for _, f := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			return nil, fmt.Errorf("read %s/cgroup.procs: unexpected %q", dir, f)
		}
		out = append(out, pid)
	}
	return out, nil
}

// Read returns what a file of the group says, without white space at the ends; "" when there is none.
func (g Group) Read(file string) string {
	data, err := os.ReadFile(filepath.Join(g.Dir, file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// Headroom is how much memory the control groups of a process let it use beyond what they use now, in bytes; false when
// none limits it.
func (s *System) Headroom(pid int) (uint64, bool) {
	g, err := s.Of(pid, Memory)
	if err != nil {
		return 0, false
	}
	limit, usage := "memory.limit_in_bytes", "memory.usage_in_bytes"
	if g.V2 {
		limit, usage = "memory.max", "memory.current"
	}
	room, limited := uint64(0), false
	for dir := g.Dir; strings.HasPrefix(dir, g.top); dir = filepath.Dir(dir) {
		at := Group{Dir: dir}
		most, err := strconv.ParseUint(at.Read(limit), 10, 64)
		used, uerr := strconv.ParseUint(at.Read(usage), 10, 64)
		if err != nil || uerr != nil || most > 1<<60 { // "max", or the root, which has no limit
			continue
		}
		if left := most - min(most, used); !limited || left < room {
			room, limited = left, true
		}
	}
	return room, limited
}
