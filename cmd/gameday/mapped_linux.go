package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetStart gives back the pages of the program's own file that are mapped now. Starting goes once through the beginnings
// of hundreds of packages that lie all over the file, which leaves most of it counted as this process's memory, though
// little of it is ever needed again; that little comes back from the kernel's cache, at a few microseconds a piece. Only
// parts that cannot be written to are given back. Where it does not work nothing is lost.
func forgetStart() {
	own, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if from, size, ok := ownPages(s.Text(), own); ok {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, size, unix.MADV_DONTNEED) // it is an advice
		}
	}
}

// ownPages reads one line of /proc/PID/maps (proc_pid_maps(5)): a stretch of the file own that nobody can write to.
func ownPages(line, own string) (from, size uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || !strings.HasSuffix(line, " "+own) || strings.Contains(fields[1], "w") || !strings.HasPrefix(fields[1], "r") || !strings.HasSuffix(fields[1], "p") {
		return 0, 0, false
	}
	first, last, ok := strings.Cut(fields[0], "-")
	a, err := strconv.ParseUint(first, 16, 64)
	b, also := strconv.ParseUint(last, 16, 64)
	if !ok || err != nil || also != nil || b <= a {
		return 0, 0, false
	}
	return uintptr(a), uintptr(b - a), true
}
