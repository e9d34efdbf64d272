package compute

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/chaos"
	"gameday/chaos/cgroup"
	"gameday/chaos/proc"
)

const patience = 30 * time.Second

// The test binary is its own target: one that burns, one that allocates, one that starts threads.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "spin":
			fmt.Println("ready")
			for end := time.Now().Add(time.Minute); time.Now().Before(end); {
			}
			os.Exit(0)
		case "allocate": // one MiB for each line on stdin
			fmt.Println("ready")
			var held [][]byte
			for s := bufio.NewScanner(os.Stdin); s.Scan(); {
				b := make([]byte, 1<<20)
				for i := 0; i < len(b); i += 4096 {
					b[i] = 1
				}
				held = append(held, b)
				fmt.Println(len(held))
			}
			os.Exit(0)
		case "fork": // tries to start a process for each line on stdin
			fmt.Println("ready")
			for s := bufio.NewScanner(os.Stdin); s.Scan(); {
				runtime.LockOSThread()
				fmt.Println(exec.Command("true").Run() == nil)
			}
			os.Exit(0)
		case BurnCommand, BallastCommand:
			os.Exit(Main(os.Args[1], os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
		}
	}
	goleak.VerifyTestMain(m)
}

// target starts this binary in a mode, and returns it with a way to talk to it.
func target(t *testing.T, mode string) (chaos.Target, func(line string) string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], mode)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // may have ended
		_ = cmd.Wait()
	})
	s := bufio.NewScanner(out)
	require.True(t, s.Scan())
	id, err := proc.Of(cmd.Process.Pid)
	require.NoError(t, err)
	return chaos.Target{Kind: chaos.TargetProcess, Name: mode, PID: id.PID, StartTicks: id.StartTicks}, func(line string) string {
		if _, err := fmt.Fprintln(in, line); err != nil {
			return ""
		}
		if !s.Scan() {
			return ""
		}
		return s.Text()
	}
}

func need(t *testing.T, f interface{ Available() error }) {
	t.Helper()
	if err := f.Available(); err != nil {
		t.Skip(err)
	}
}

func home(t *testing.T, target chaos.Target, c cgroup.Controller) cgroup.Group {
	t.Helper()
	s, err := cgroup.Open()
	require.NoError(t, err)
	g, err := s.Of(target.PID, c)
	require.NoError(t, err)
	return g
}

// cpuTicks is the processor time that a process has used (proc(5), fields 14 and 15 of stat).
func cpuTicks(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	require.NoError(t, err)
	f := strings.Fields(string(data)[strings.LastIndexByte(string(data), ')')+1:])
	u, err := strconv.Atoi(f[11])
	require.NoError(t, err)
	s, err := strconv.Atoi(f[12])
	require.NoError(t, err)
	return u + s
}
