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

// await waits for events for so long at most, exactly to what the thread's timer slack allows. With nothing to wait for
// it does not tell the scheduler either.
func await(epoll int, events []unix.EpollEvent, d time.Duration) (int, unix.Errno) {
	first, room := uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events))
	if d <= 0 {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), first, room, 0, 0, 0)
		return int(n), errno
	}
	ts := unix.NsecToTimespec(int64(d))
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epoll), first, room, uintptr(unsafe.Pointer(&ts)), 0, 0)
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

// dialTo begins to connect and returns the socket, which may be connected already.
func dialTo(to netip.AddrPort) (int32, error) {
	family, sa := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(to.Port()), Addr: zeroUnless4(to.Addr())})
	if to.Addr().Is6() {
		family, sa = unix.AF_INET6, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	// Neither can fail on a TCP socket, and a connection without them is none the worse.
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
