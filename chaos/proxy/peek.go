package proxy

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// pending waits until there is something to read on the connection, without reading it. some is false when what is there
// is the end. It heeds the read deadline.
func pending(c *net.TCPConn) (some bool, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return false, err
	}
	var perr error
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		for {
			n, _, e := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
			if errors.Is(e, unix.EINTR) {
				continue
			}
			if errors.Is(e, unix.EAGAIN) {
				return false
			}
			some, perr = n > 0 && e == nil, e
			return true
		}
	})
	if err != nil {
		return false, err
	}
	if perr != nil {
		return false, fmt.Errorf("look at connection: %w", perr)
	}
	return some, nil
}
