// Package proc names operating-system processes so that a name can never come to mean another process.
//
// A PID alone is reused; a PID with the start time the kernel gave it, on one boot of the machine, is not. Everything in
// chaos that signals a process, or asks whether one is gone, goes through an ID of this package.
package proc

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrGone says that the process the ID named is no longer there (it may have ended, or its PID now is another process).
var ErrGone = errors.New("process is gone")

// ID names one process on this machine for as long as the machine is up. It is written to the journal as it stands.
type ID struct {
	PID        int    `json:"pid"`
	StartTicks uint64 `json:"start_ticks"`
	Boot       string `json:"boot,omitempty"` // the kernel's boot ID; an ID from before a reboot names nothing
}

// Status is what the kernel says about a process right now.
type Status struct {
	State      byte // 'R', 'S', 'D', 'T' stopped, 't' traced, 'Z' dead but not yet reaped, 'X' dead
	PPID       int
	StartTicks uint64
}

// Stopped reports whether the process is stopped by a signal.
func (s Status) Stopped() bool { return s.State == 'T' }

// Dead reports whether the process has ended, reaped or not: it holds no memory, files or sockets any more.
func (s Status) Dead() bool { return s.State == 'Z' || s.State == 'X' || s.State == 'x' }

// Self is the ID of the calling process.
func Self() ID {
	id, err := Of(os.Getpid())
	if err != nil { // without /proc the PID alone has to do
		return ID{PID: os.Getpid(), Boot: BootID()}
	}
	return id
}

// Of returns the ID of a running process. It fails with ErrGone when there is none.
func Of(pid int) (ID, error) {
	st, err := Read(pid)
	if err != nil {
		return ID{}, err
	}
	return ID{PID: pid, StartTicks: st.StartTicks, Boot: BootID()}, nil
}

// Status reads the state of exactly this process. It fails with ErrGone when the PID is free or was given to another.
func (id ID) Status() (Status, error) {
	if id.Boot != "" && id.Boot != BootID() {
		return Status{}, fmt.Errorf("process %d of an earlier boot: %w", id.PID, ErrGone)
	}
	st, err := Read(id.PID)
	if err != nil {
		return Status{}, err
	}
	if id.StartTicks != 0 && st.StartTicks != id.StartTicks {
		return Status{}, fmt.Errorf("process %d is another one now: %w", id.PID, ErrGone)
	}
	return st, nil
}

// Alive reports whether exactly this process still runs (a stopped one does, a dead one that nobody reaped does not).
// When the kernel does not answer it says true: nobody may be taken for gone on a guess.
func (id ID) Alive() bool {
	st, err := id.Status()
	if errors.Is(err, ErrGone) {
		return false
	}
	return err != nil || !st.Dead()
}

// Signal sends sig to exactly this process, or fails with ErrGone. Where the kernel has pidfds there is no moment in
// which the PID could come to mean another process.
func (id ID) Signal(sig syscall.Signal) error {
	if id.PID <= 1 {
		return fmt.Errorf("signal process %d: refused, it is not a target", id.PID)
	}
	return id.signal(sig)
}

// Ancestors lists the calling process and its parents, up to and with process 1.
func Ancestors() []int {
	pids := []int{os.Getpid()}
	for pid := os.Getpid(); pid > 1 && len(pids) < 64; {
		st, err := Read(pid)
		if err != nil {
			return append(pids, os.Getppid(), 1)
		}
		pid = st.PPID
		pids = append(pids, pid)
	}
	return pids
}
