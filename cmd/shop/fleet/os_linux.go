package fleet

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// tie lets the kernel kill the child when our spawning thread dies (Go's runtime covers the moment between fork and
// that), and keeps a terminal's ctrl+c from reaching it: the fleet ends it, in order.
func tie(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// stat gives the fields of /proc/PID/stat that follow the command's name, which may itself hold spaces and brackets:
// the first is the state, field 3 of the whole.
func stat(pid int) [][]byte {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
}

// startTicks is field 22: when the process started, in clock ticks since boot; 0 when it is gone.
func startTicks(pid int) uint64 {
	f := stat(pid)
	if len(f) < 20 {
		return 0
	}
	n, err := strconv.ParseUint(string(f[19]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// halted reports whether the process was stopped by a signal.
func halted(pid int) bool {
	f := stat(pid)
	return len(f) > 0 && (f[0][0] == 'T' || f[0][0] == 't')
}
