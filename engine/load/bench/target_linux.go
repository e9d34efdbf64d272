//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stallEvery = time.Second
	stallFor   = 200 * time.Millisecond
)

var page = []byte("HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")

// serveTarget is the fastest honest target that fits on a page: one thread, epoll, a fixed answer to everything that ends
// in an empty line. With stall it stands still for the first 200 ms of each second. It ends with its standard input.
func serveTarget(stall bool) error {
	runtime.LockOSThread()
	listener, addr, err := listen()
	if err != nil {
		return err
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, listener, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(listener)}); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	began := time.Now()
	fmt.Println(addr)
	events := make([]unix.EpollEvent, 512)
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.EpollWait(ep, events, -1)
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("epoll_wait", err)
		}
		for i := range max(n, 0) {
			if stall {
				standStill(began)
			}
			if fd := int(events[i].Fd); fd == listener {
				accept(ep, listener)
			} else {
				answer(fd, buf)
			}
		}
	}
}

func standStill(began time.Time) {
	if into := time.Since(began) % stallEvery; into < stallFor {
		time.Sleep(stallFor - into)
	}
}

func listen() (fd int, addr netip.AddrPort, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, addr, os.NewSyscallError("socket", err)
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, addr, os.NewSyscallError("bind", err)
	}
	if err = unix.Listen(fd, 4096); err != nil {
		return 0, addr, os.NewSyscallError("listen", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, addr, os.NewSyscallError("getsockname", err)
	}
	in, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return 0, addr, fmt.Errorf("listening on %T", name)
	}
	return fd, netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port)), nil
}

func accept(ep, listener int) {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(fd)}) != nil {
			_ = unix.Close(fd)
		}
	}
}

// answer answers what came in one piece: a request without a body does, on one machine.
func answer(fd int, buf []byte) {
	n, err := unix.Read(fd, buf)
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if n <= 0 {
		_ = unix.Close(fd)
		return
	}
	for range bytes.Count(buf[:n], []byte("\r\n\r\n")) {
		if _, err := unix.Write(fd, page); err != nil {
			_ = unix.Close(fd)
			return
		}
	}
}
