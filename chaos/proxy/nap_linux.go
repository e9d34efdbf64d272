package proxy

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// napper sleeps to a point in time by a timer of the kernel, which is good to some tens of microseconds. It wakes
// through the poller, so that no thread waits: threads that come and go would slow down whatever else is carried.
type napper struct {
	fd int
	f  *os.File
}

// newNapper returns nil where the kernel has no timer to give.
func newNapper() *napper {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil
	}
	return &napper{fd: fd, f: os.NewFile(uintptr(fd), "timer")} // it sees by itself that the descriptor does not block
}

func (n *napper) until(due time.Time) {
	d := time.Until(due)
	if d <= 0 {
		return
	}
	var fired [8]byte // how often, which is once
	ts := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	if n == nil || unix.TimerfdSettime(n.fd, 0, &ts, nil) != nil {
		time.Sleep(d)
		return
	}
	if _, err := n.f.Read(fired[:]); err != nil {
		time.Sleep(time.Until(due))
	}
}

func (n *napper) close() {
	if n != nil {
		_ = n.f.Close() // nothing was written
	}
}
