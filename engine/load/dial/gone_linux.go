package dial

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Gone reports whether the target has closed the connection that was kept, by looking without waiting. Bytes that came
// before it closed, such as TLS's farewell, do not hide that.
func (l *Link) Gone() bool {
	sc, ok := l.raw.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = rc.Control(func(fd uintptr) {
		look := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(look[:], 0)
		gone = n > 0 && err == nil
	})
	return gone || err != nil
}
