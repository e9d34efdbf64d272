package dial

import "golang.org/x/sys/unix"

// peek looks at a socket without waiting: whether its peer has closed it, and whether there is anything to read. What
// came before it was closed, such as TLS's farewell, does not hide that.
func peek(fd uintptr) (closed, readable bool) {
	look := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}}
	if n, err := unix.Poll(look[:], 0); n == 0 || err != nil {
		return false, false
	}
	return look[0].Revents&^unix.POLLIN != 0, look[0].Revents&unix.POLLIN != 0
}
