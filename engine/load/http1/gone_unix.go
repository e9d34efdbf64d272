//go:build unix

package http1

import "syscall"

// gone reports whether the target has closed a connection that was idle, by looking without waiting. What a plain
// connection received while nothing was asked of it also makes it unusable.
func gone(w *wire) bool {
	sc, ok := w.raw.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	err = rc.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EAGAIN || err == syscall.EINTR:
		case err != nil || n == 0:
			closed = true
		default:
			closed = !w.eager
		}
	})
	return closed || err != nil
}
