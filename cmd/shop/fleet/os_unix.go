//go:build unix

package fleet

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminate asks a process to end, and wakes it in case it is stopped.
func terminate(p *os.Process) {
	_ = p.Signal(syscall.SIGTERM) // fails only when it is gone already
	_ = p.Signal(syscall.SIGCONT)
}

// alive reports whether there is a process with that number.
func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// reservation holds a port for a service, so that it has the same one after every restart and nobody else can take it
// meanwhile. The socket is bound and never listens: while the service is dead, connections are refused.
type reservation struct {
	fd   int
	addr string // host:port
}

func reserve() (*reservation, error) {
	syscall.ForkLock.RLock() // no child may be forked before the socket is marked
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	r := &reservation{fd: fd}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		r.close()
		return nil, fmt.Errorf("share a port: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		r.close()
		return nil, fmt.Errorf("bind to 127.0.0.1: %w", err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		r.close()
		return nil, fmt.Errorf("read the port that was given: %w", err)
	}
	r.addr = fmt.Sprintf("127.0.0.1:%d", sa.(*unix.SockaddrInet4).Port)
	return r, nil
}

func (r *reservation) close() {
	if r != nil {
		_ = unix.Close(r.fd) // nothing was written
	}
}
