//go:build !linux

package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Read asks ps about whatever process has the PID now. It fails with ErrGone when there is none. The start time has
// the resolution of a second.
func Read(pid int) (Status, error) {
	if pid <= 0 {
		return Status{}, fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	cmd := exec.Command("ps", "-o", "state=,ppid=,lstart=", "-p", strconv.Itoa(pid))
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	fields := strings.Fields(string(out))
	if len(fields) < 7 {
		if err != nil && len(fields) > 0 {
			return Status{}, fmt.Errorf("read state of process %d: %w", pid, err)
		}
		return Status{}, fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	ppid, err := strconv.Atoi(fields[1])
	if err != nil {
		return Status{}, fmt.Errorf("read parent of process %d: %w", pid, err)
	}
	start, err := time.ParseInLocation("Mon Jan 2 15:04:05 2006", strings.Join(fields[2:7], " "), time.Local)
	if err != nil {
		return Status{}, fmt.Errorf("read start time of process %d: %w", pid, err)
	}
	return Status{State: fields[0][0], PPID: ppid, StartTicks: uint64(start.Unix())}, nil
}

// BootID is "" here: PID and start time have to do.
func BootID() string { return "" }

func (id ID) signal(sig syscall.Signal) error {
	if _, err := id.Status(); err != nil {
		return err
	}
	if err := syscall.Kill(id.PID, sig); err != nil {
		if errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("process %d: %w", id.PID, ErrGone)
		}
		return fmt.Errorf("send %v to process %d: %w", sig, id.PID, err)
	}
	return nil
}
