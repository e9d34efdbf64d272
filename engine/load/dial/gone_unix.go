//go:build unix && !linux

package dial

import "syscall"

// closed reports whether the peer of a socket has closed it, by looking without waiting.
func closed(fd uintptr) bool {
	var b [1]byte
	n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return n == 0 && err == nil || err != nil && err != syscall.EAGAIN && err != syscall.EINTR
}
