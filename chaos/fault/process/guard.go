package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gameday/chaos/journal"
	"gameday/chaos/proc"
)

// Refuse says why the process with the PID may never be hit, or nil: it is the machine's first process, gameday itself,
// one that gameday runs under (a shell, sshd, tmux), or a keeper, without which nothing would be undone.
func Refuse(pid int) error {
	switch {
	case pid <= 1:
		return fmt.Errorf("process %d is not running, or is the first process of the machine", pid)
	case slices.Contains(proc.Ancestors(), pid):
		return fmt.Errorf("process %d is gameday itself or one it runs under", pid)
	case isKeeper(pid):
		return fmt.Errorf("process %d is a keeper, which undoes faults when a session dies", pid)
	}
	return nil
}

// isKeeper recognises the keeper of any session by how it is started: the word keeper, and a journal as the last argument.
func isKeeper(pid int) bool {
	args := Command(pid)
	return len(args) > 2 && strings.HasSuffix(args[len(args)-1], journal.Suffix) && slices.Contains(args[1:len(args)-1], "keeper")
}

// Command is the command line of a process, or nil when it cannot be read or is a thread of the kernel.
func Command(pid int) []string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil || len(data) == 0 {
		return nil
	}
	var args []string
	for _, a := range bytes.Split(bytes.TrimSuffix(data, []byte{0}), []byte{0}) {
		args = append(args, string(a))
	}
	return args
}

// PIDs lists the processes of the machine that can be seen from here.
func PIDs() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var out []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			out = append(out, pid)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("list processes: /proc shows none; this needs Linux")
	}
	return out, nil
}

// called reports whether the process goes by the name: the kernel's name of it (cut to 15 bytes), its program file or the
// first word of its command line.
func called(pid int, name string) bool {
	dir := "/proc/" + strconv.Itoa(pid)
	if comm, err := os.ReadFile(dir + "/comm"); err == nil && strings.TrimSuffix(string(comm), "\n") == name {
		return true
	}
	if exe, err := os.Readlink(dir + "/exe"); err == nil && filepath.Base(strings.TrimSuffix(exe, " (deleted)")) == name {
		return true
	}
	args := Command(pid)
	return len(args) > 0 && filepath.Base(args[0]) == name
}
