//go:build linux && (amd64 || arm64)

package http1

import (
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// send and receive never wait, so they need not tell Go's scheduler: that is half a microsecond less for each request.
func send(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

func receive(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// stamped receives with the instant at which the kernel got the bytes: CLOCK_REALTIME in nanoseconds, 0 when it does not
// say. What it needs is kept from call to call.
type stamped struct {
	msg     unix.Msghdr
	iov     unix.Iovec
	control [64]byte
}

func (s *stamped) receive(fd int32, b []byte) (n int, at int64, errno unix.Errno) {
	s.iov.Base, s.iov.Len = unsafe.SliceData(b), uint64(len(b))
	s.msg = unix.Msghdr{Iov: &s.iov, Iovlen: 1, Control: &s.control[0], Controllen: uint64(len(s.control))}
	r, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&s.msg)), unix.MSG_DONTWAIT)
	s.iov.Base = nil
	if errno != 0 || r == 0 || s.msg.Controllen < uint64(unix.CmsgSpace(16)) {
		return int(r), 0, errno
	}
	head := (*unix.Cmsghdr)(unsafe.Pointer(&s.control[0]))
	if head.Level == unix.SOL_SOCKET && head.Type == unix.SO_TIMESTAMPNS {
		ts := (*unix.Timespec)(unsafe.Pointer(&s.control[unix.CmsgLen(0)]))
		at = ts.Nano()
	}
	return int(r), at, 0
}

// doze waits without looking for events, for no longer than rawWait.
func doze(d time.Duration) {
	if d > 0 {
		ts := unix.NsecToTimespec(int64(min(d, rawWait)))
		_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0) // an interrupted one was long enough
	}
}

// rawWait is how long a wait may last without Go's scheduler knowing of it. Telling it costs little, but it then looks
// for something else to do fifty thousand times a second, which costs more than the requests. What else there is to do
// is given its turn by preemption, which interrupts a wait.
const rawWait = 250 * time.Microsecond

// await waits for events for so long at most, exactly to what the thread's timer slack allows.
func await(epoll int, events []unix.EpollEvent, d time.Duration) (int, unix.Errno) {
	first, room := uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events))
	short := min(max(d, 0), rawWait)
	ts := unix.NsecToTimespec(int64(short))
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epoll), first, room, uintptr(unsafe.Pointer(&ts)), 0, 0)
	if n == 0 && errno == 0 && d > short {
		ts = unix.NsecToTimespec(int64(d - short))
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epoll), first, room, uintptr(unsafe.Pointer(&ts)), 0, 0)
	}
	return int(n), errno
}

// probeKernel says why this kernel cannot serve the loop, or nil. epoll_pwait2 came with Linux 5.11.
func probeKernel() error {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	defer unix.Close(ep)
	if _, errno := await(ep, make([]unix.EpollEvent, 1), time.Nanosecond); errno != 0 && errno != unix.EINTR {
		return os.NewSyscallError("epoll_pwait2", errno)
	}
	return nil
}

// dialTo begins to connect and returns the socket, which may be connected already. stamps has it tell when it received.
func dialTo(to netip.AddrPort, stamps bool) (int32, error) {
	family, sa := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(to.Port()), Addr: zeroUnless4(to.Addr())})
	if to.Addr().Is6() {
		family, sa = unix.AF_INET6, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	// None can fail on a TCP socket, and a connection without them is none the worse.
	if stamps {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	if err = unix.Connect(fd, sa); err != nil && err != unix.EINPROGRESS && err != unix.EINTR {
		_ = unix.Close(fd)
		return -1, os.NewSyscallError("connect", err)
	}
	return int32(fd), nil
}

func zeroUnless4(a netip.Addr) [4]byte {
	if a.Is4() {
		return a.As4()
	}
	return [4]byte{}
}

// PreciseTimers makes the calling thread's waits end when they should and not up to 50 µs later. The goroutine must be
// locked to its thread, and must end without unlocking it: the thread is then not used for anything else.
func PreciseTimers() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }
