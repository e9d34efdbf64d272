package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Read asks the kernel about whatever process has the PID now. It fails with ErrGone when there is none.
func Read(pid int) (Status, error) {
	if pid <= 0 {
		return Status{}, fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return Status{}, fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	if err != nil {
		return Status{}, fmt.Errorf("read state of process %d: %w", pid, err)
	}
	return parseStat(pid, data)
}

// parseStat reads a line of /proc/PID/stat. The command name is in parentheses and may itself hold spaces and
// parentheses, so the fields are counted from the last one.
func parseStat(pid int, data []byte) (Status, error) {
	i := bytes.LastIndexByte(data, ')')
	var fields []string
	if i >= 0 {
		fields = strings.Fields(string(data[i+1:]))
	}
	if len(fields) < 20 || len(fields[0]) != 1 {
		return Status{}, fmt.Errorf("read state of process %d: unexpected form of /proc/%d/stat", pid, pid)
	}
	ppid, err := strconv.Atoi(fields[1])
	if err != nil {
		return Status{}, fmt.Errorf("read parent of process %d: %w", pid, err)
	}
	ticks, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return Status{}, fmt.Errorf("read start time of process %d: %w", pid, err)
	}
	return Status{State: fields[0][0], PPID: ppid, StartTicks: ticks}, nil
}

// BootID is the kernel's ID of this boot, or "" when it does not tell.
func BootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil { // a container without /proc/sys: PID and start time still guard
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (id ID) signal(sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(id.PID, 0)
	switch {
	case errors.Is(err, unix.ESRCH):
		return fmt.Errorf("process %d: %w", id.PID, ErrGone)
	case err != nil: // a kernel or sandbox without pidfds: check, then signal; the gap is a few microseconds
		if _, serr := id.Status(); serr != nil {
			return serr
		}
		return plainKill(id.PID, sig)
	}
	defer unix.Close(fd)
	// The order matters: the pidfd pins the process, so what is read now is about the process that will get the signal.
	if _, err := id.Status(); err != nil {
		return err
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil {
		if errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("process %d: %w", id.PID, ErrGone)
		}
		if errors.Is(err, unix.ENOSYS) {
			return plainKill(id.PID, sig)
		}
		return fmt.Errorf("send %v to process %d: %w", sig, id.PID, err)
	}
	return nil
}

func plainKill(pid int, sig syscall.Signal) error {
	if err := unix.Kill(pid, sig); err != nil {
		if errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("process %d: %w", pid, ErrGone)
		}
		return fmt.Errorf("send %v to process %d: %w", sig, pid, err)
	}
	return nil
}
