//go:build unix && !linux

package dial

import "syscall"

// peek looks at a socket without waiting: whether its peer has closed it, and whether there is anything to read.
func peek(fd uintptr) (closed, readable bool) {
	var b [1]byte
	n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	if err != nil {
		return err != syscall.EAGAIN && err != syscall.EINTR, false
	}
	return n == 0, n > 0
}
