package leaktest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// moment is one place at which a process that is followed can be killed: the beginning or the end of a system call.
type moment struct {
	n       int    // which call, counted from the first that the follower was told to count; 1 is the first
	call    string // its name
	leaving bool   // it is done, but the program does not know yet
	record  string // "intent", "armed", ...: the call writes that record to the journal, or is the sync after it
	keeper  bool   // it is the keeper's, not the session's
}

func (m moment) String() string {
	edge, who := "before", ""
	if m.leaving {
		edge = "after"
	}
	if m.record != "" {
		who = " of " + strings.ToUpper(m.record)
	}
	if m.keeper {
		who += " by the keeper"
	}
	return fmt.Sprintf("%s call %d, %s%s", edge, m.n, m.call, who)
}

// order is what shall be done with a process at a moment.
type order int

const (
	goOn    order = iota
	release       // it runs on without being stopped at system calls; it may have been sent a signal
	freeze        // it is sent SIGSTOP and stays stopped until somebody kills it
)

// follower runs a program under ptrace and shows every system call of all its threads, but not of its children.
type follower struct {
	from   func(record, path string) bool // whether to begin to count at this call; nil: at once
	at     func(m moment) order
	pid    int
	keeper int // process that was seized besides, 0 for none

	groups  map[int]int // process of each thread
	calls   map[int]moment
	free    map[int]bool // processes that are not stopped at calls any more
	frozen  bool
	begun   bool
	n, kn   int
	pending string // record that was written and not yet synced
	ended   map[int]syscall.WaitStatus
	limit   *time.Timer
	late    atomic.Bool
}

// run starts the program and follows it to its end. It must be the only thing its goroutine does: ptrace belongs to a
// thread of the operating system, which ends with it.
func (f *follower) run(argv, env []string, out *os.File) (syscall.WaitStatus, error) {
	runtime.LockOSThread()
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Env: env, Dir: "/", Files: []*os.File{nil, out, out},
		Sys: &syscall.SysProcAttr{Ptrace: true, Setpgid: true}}) // a group of its own, to wait for it and nobody else
	if err != nil {
		return 0, fmt.Errorf("start %v to follow it: %w", argv, err)
	}
	f.pid = p.Pid
	f.groups, f.calls, f.free, f.ended = map[int]int{}, map[int]moment{}, map[int]bool{}, map[int]syscall.WaitStatus{}
	f.begun = f.from == nil
	f.limit = time.AfterFunc(2*time.Minute, func() { f.late.Store(true); _ = syscall.Kill(p.Pid, syscall.SIGKILL) }) // it hangs
	defer f.limit.Stop()
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(f.pid, &ws, syscall.WALL, nil); err != nil || !ws.Stopped() {
		return ws, fmt.Errorf("follow %v: it did not stop at its start: %#x %w", argv, ws, err)
	}
	f.groups[f.pid] = f.pid
	if err := syscall.PtraceSetOptions(f.pid, unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL); err != nil {
		return ws, fmt.Errorf("follow %v: %w", argv, err)
	}
	f.resume(f.pid, 0)
	err = f.wait(f.pid)
	if err == nil && f.keeper != 0 { // it was held since it was seized
		err = f.wait(f.keeper)
	}
	if f.late.Load() {
		err = errors.Join(err, fmt.Errorf("%v did not come to an end within two minutes", argv))
	}
	return f.ended[f.pid], err
}

// wait handles what happens to the threads of a process, which leads a process group, until it has ended.
func (f *follower) wait(leader int) error {
	for {
		var ws syscall.WaitStatus
		tid, err := syscall.Wait4(-leader, &ws, syscall.WALL|syscall.WNOTHREAD, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.ECHILD): // it was gone before it could be seized
			return nil
		case err != nil:
			return fmt.Errorf("follow process %d: %w", leader, err)
		case ws.Stopped():
			f.stopped(tid, ws)
		default:
			f.ended[tid] = ws
			if tid == leader {
				return nil
			}
		}
	}
}

// seize follows a process that runs already as well, the keeper.
func (f *follower) seize(pid int) {
	f.keeper = pid
	for again := true; again; { // threads may be born meanwhile
		again = false
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return // gone
		}
		for _, e := range tasks {
			tid, _ := strconv.Atoi(e.Name())
			if _, known := f.groups[tid]; known {
				continue
			}
			if ptrace(unix.PTRACE_SEIZE, tid, 0, unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACESYSGOOD) == nil {
				f.groups[tid], again = pid, true
				_ = ptrace(unix.PTRACE_INTERRUPT, tid, 0, 0) // gone is as good
			}
		}
	}
}

func ptrace(request, tid int, addr, data uintptr) error {
	if _, _, e := syscall.Syscall6(syscall.SYS_PTRACE, uintptr(request), uintptr(tid), addr, data, 0, 0); e != 0 {
		return e
	}
	return nil
}

// resume lets a thread run on; an error says that it was killed.
func (f *follower) resume(tid int, sig syscall.Signal) {
	if f.free[f.group(tid)] {
		_ = ptrace(unix.PTRACE_CONT, tid, 0, uintptr(sig))
		return
	}
	_ = ptrace(unix.PTRACE_SYSCALL, tid, 0, uintptr(sig))
}

func (f *follower) group(tid int) int {
	g, ok := f.groups[tid]
	if !ok {
		g = f.pid
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid)) // gone: then it does not matter
		if _, after, found := strings.Cut(string(data), "\nTgid:\t"); found {
			line, _, _ := strings.Cut(after, "\n")
			if n, err := strconv.Atoi(line); err == nil {
				g = n
			}
		}
		f.groups[tid] = g
	}
	return g
}

const eventStop = 128 // PTRACE_EVENT_STOP

func (f *follower) stopped(tid int, ws syscall.WaitStatus) {
	_, known := f.groups[tid]
	sig := ws.StopSignal()
	switch event := int(ws) >> 16; {
	case sig == syscall.SIGTRAP|0x80:
		f.call(tid)
		return
	case event == eventStop && sig == syscall.SIGSTOP && f.frozen && f.group(tid) == f.pid:
		return
	case event != 0:
		sig = 0 // a new thread, or it was seized
	case sig == syscall.SIGSTOP && !known:
		f.group(tid)
		sig = 0 // how a new thread begins
	case sig == syscall.SIGSTOP && f.frozen:
		var info [128]byte
		if ptrace(unix.PTRACE_GETSIGINFO, tid, 0, uintptr(unsafe.Pointer(&info))) != nil {
			return // it is stopped, and stays so
		}
	}
	f.resume(tid, sig)
}

// quiet are the calls by which a Go program looks after itself. Nothing outside can tell whether they were made.
var quiet = map[uint64]bool{unix.SYS_FUTEX: true, unix.SYS_NANOSLEEP: true, unix.SYS_CLOCK_NANOSLEEP: true, unix.SYS_EPOLL_PWAIT: true,
	unix.SYS_SCHED_YIELD: true, unix.SYS_MADVISE: true, unix.SYS_MMAP: true, unix.SYS_MUNMAP: true, unix.SYS_RT_SIGACTION: true,
	unix.SYS_RT_SIGPROCMASK: true, unix.SYS_SIGALTSTACK: true, unix.SYS_GETTID: true, unix.SYS_TGKILL: true, unix.SYS_RT_SIGRETURN: true,
	unix.SYS_GETPID: true, unix.SYS_CLONE: true, unix.SYS_CLONE3: true, unix.SYS_RESTART_SYSCALL: true, unix.SYS_MPROTECT: true,
	unix.SYS_SCHED_GETAFFINITY: true, unix.SYS_EPOLL_CTL: true, unix.SYS_FCNTL: true, unix.SYS_EXIT: true, unix.SYS_PRCTL: true}

var callNames = map[uint64]string{unix.SYS_READ: "read", unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "pwrite64", unix.SYS_OPENAT: "openat",
	unix.SYS_CLOSE: "close", unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_UNLINKAT: "unlinkat", unix.SYS_KILL: "kill",
	unix.SYS_SENDTO: "sendto", unix.SYS_SENDMSG: "sendmsg", unix.SYS_RECVFROM: "recvfrom", unix.SYS_RECVMSG: "recvmsg", unix.SYS_SOCKET: "socket",
	unix.SYS_BIND: "bind", unix.SYS_LISTEN: "listen", unix.SYS_CONNECT: "connect", unix.SYS_ACCEPT4: "accept4", unix.SYS_MOUNT: "mount",
	unix.SYS_UMOUNT2: "umount2", unix.SYS_MOUNT_SETATTR: "mount_setattr", unix.SYS_MKDIRAT: "mkdirat", unix.SYS_FTRUNCATE: "ftruncate",
	unix.SYS_FALLOCATE: "fallocate", unix.SYS_SETNS: "setns", unix.SYS_WAITID: "waitid", unix.SYS_WAIT4: "wait4", unix.SYS_GETDENTS64: "getdents64",
	unix.SYS_FSTAT: "fstat", unix.SYS_FLOCK: "flock", unix.SYS_FSETXATTR: "fsetxattr", unix.SYS_SETXATTR: "setxattr", unix.SYS_RENAMEAT: "renameat",
	unix.SYS_EXIT_GROUP: "exit_group", unix.SYS_PIPE2: "pipe2", unix.SYS_IOCTL: "ioctl", unix.SYS_SETSOCKOPT: "setsockopt", unix.SYS_STATFS: "statfs",
	unix.SYS_PIDFD_OPEN: "pidfd_open", unix.SYS_PIDFD_SEND_SIGNAL: "pidfd_send_signal", unix.SYS_FCHMODAT: "fchmodat", unix.SYS_STATX: "statx"}

// syscallInfo is struct ptrace_syscall_info.
type syscallInfo struct {
	Op     uint8 // 1 entry, 2 exit
	_      [3]uint8
	Arch   uint32
	IP, SP uint64
	Nr     uint64 // at exit the result
	Args   [6]uint64
	_      [2]uint64
}

// call handles the beginning or end of a system call.
func (f *follower) call(tid int) {
	var info syscallInfo
	if err := ptrace(unix.PTRACE_GET_SYSCALL_INFO, tid, unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info))); err != nil {
		f.resume(tid, 0)
		return
	}
	m := f.calls[tid]
	switch info.Op {
	case 1:
		m = f.entry(tid, &info)
		f.calls[tid] = m
	case 2:
		delete(f.calls, tid)
		m.leaving = true
		if m.record != "" && m.call == "write" {
			f.pending = m.record
		}
	}
	if m.n == 0 {
		f.resume(tid, 0)
		return
	}
	group := f.group(tid)
	switch f.at(m) {
	case release:
		f.free[group] = true
	case freeze:
		f.free[group], f.frozen = true, true
		_ = syscall.Kill(group, syscall.SIGSTOP) // it is held right here
	}
	f.resume(tid, 0)
}

// entry makes a moment of a call that begins; its n is 0 when it does not count.
func (f *follower) entry(tid int, info *syscallInfo) moment {
	if quiet[info.Nr] {
		return moment{}
	}
	m := moment{call: callNames[info.Nr], keeper: f.keeper != 0 && f.group(tid) == f.keeper}
	if m.call == "" {
		m.call = fmt.Sprint("number ", info.Nr)
	}
	path := ""
	switch info.Nr {
	case unix.SYS_WRITE:
		m.record = recordType(peek(tid, info.Args[1], min(info.Args[2], 100)))
	case unix.SYS_FSYNC:
		m.record, f.pending = f.pending, ""
	case unix.SYS_OPENAT:
		path, _, _ = strings.Cut(string(peek(tid, info.Args[1], 256)), "\x00")
	}
	if m.keeper {
		f.kn++
		m.n = f.kn
		return m
	}
	f.begun = f.begun || f.from(m.record, path)
	if f.begun {
		f.n++
		m.n = f.n
	}
	return m
}

// peek reads memory of another process, as much as there is.
func peek(tid int, at, n uint64) []byte {
	if n == 0 {
		return nil
	}
	buf := make([]byte, n)
	got, err := unix.ProcessVMReadv(tid, []unix.Iovec{{Base: &buf[0], Len: n}}, []unix.RemoteIovec{{Base: uintptr(at), Len: int(n)}}, 0)
	if err != nil {
		return nil
	}
	return buf[:got]
}

// recordType is the type of the journal record that begins in data, "" when none does.
func recordType(data []byte) string {
	i := bytes.Index(data, []byte(`{"seq":`))
	if i < 0 || i > 32 {
		return ""
	}
	_, after, found := bytes.Cut(data[i:], []byte(`,"type":"`))
	if !found {
		return ""
	}
	name, _, _ := bytes.Cut(after, []byte(`"`))
	return string(name)
}
