package main

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetStart gives back the pages of the program's own file that are mapped now. Starting goes once through the beginnings
// of hundreds of packages that lie all over the file, which leaves most of it counted as this process's memory, though
// little of it is ever needed again; that little comes back from the kernel's cache, at a few microseconds a piece. Only
// parts that are as they are in the file are given back. Where it does not work nothing is lost.
func forgetStart() {
	own, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer f.Close()
	for _, s := range unchanged(f, own) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, s.from, s.size, unix.MADV_DONTNEED) // it is an advice
	}
}

// stretch is a part of the address space.
type stretch struct{ from, size uintptr }

// unchanged reads /proc/PID/smaps: the stretches of the file own that nobody can write to, and nobody has. What cannot be
// written to now may have been: in a program that can lie anywhere in memory (-buildmode=pie), or that is linked to others,
// the loader puts addresses into such parts at the start, and a debugger its breakpoints. Given back, these would be lost.
func unchanged(smaps io.Reader, own string) (out []stretch) {
	var at stretch
	mine, clean := false, 0
	for s := bufio.NewScanner(smaps); s.Scan(); {
		fields := strings.Fields(s.Text())
		switch {
		case len(fields) < 2:
		case !strings.HasSuffix(fields[0], ":"): // a stretch begins
			at.from, at.size, mine = ownPages(s.Text(), own)
			clean = 0
		case (fields[0] == "Anonymous:" || fields[0] == "Swap:") && fields[1] == "0":
			if clean++; mine && clean == 2 {
				out = append(out, at)
			}
		}
	}
	return out
}

// ownPages reads one line of /proc/PID/maps (proc_pid_maps(5)), or the first of a stretch in smaps: one of the file own that nobody can write to.
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
