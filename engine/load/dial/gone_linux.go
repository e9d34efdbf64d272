package dial

import "golang.org/x/sys/unix"

// closed reports whether the peer of a socket has closed it, by looking without waiting. Bytes that came before it
// closed, such as TLS's farewell, do not hide that.
func closed(fd uintptr) bool {
	look := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(look[:], 0)
	return n > 0 && err == nil
}
