//go:build unix && !linux

package dial

import "syscall"

// Gone reports whether the target has closed the connection that was kept, by looking without waiting. A connection with
// bytes that nobody asked for is not gone.
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
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err != nil && err != syscall.EAGAIN && err != syscall.EINTR
	})
	return gone || err != nil
}
