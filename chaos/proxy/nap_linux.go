package proxy

import (
	"time"

	"golang.org/x/sys/unix"
)

// nap sleeps in the kernel, whose timers are good to some tens of microseconds.
func nap(due time.Time) {
	for {
		d := time.Until(due)
		if d <= 0 {
			return
		}
		ts := unix.NsecToTimespec(int64(d))
		if err := unix.Nanosleep(&ts, nil); err != nil && err != unix.EINTR {
			time.Sleep(d)
			return
		}
	}
}
