package dns

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// errNoAddress is what listening on ::1 says where there is no IPv6.
var errNoAddress error = unix.EADDRNOTAVAIL

// marked sets a mark on packets of a socket, by which rules know them.
func marked(mark uint32) func(string, string, syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark)) }); cerr != nil {
			return cerr
		}
		if err != nil {
			return fmt.Errorf("mark the resolver's own queries: %w", err)
		}
		return nil
	}
}
