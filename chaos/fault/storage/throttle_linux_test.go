package storage

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"gameday/chaos"
	"gameday/chaos/cgroup"
	"gameday/chaos/proc"
)

// The test binary is also what reads and writes, and a session that can be killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "write":
			writeDirect(os.Args[2])
			os.Exit(0)
		case "session":
			session(os.Args[2])
			os.Exit(0)
		}
	}
	goleak.VerifyTestMain(m)
}

// writeDirect writes 64 KiB past the page cache for each line on standard input.
func writeDirect(path string) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_DIRECT, 0o600)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	buf, err := unix.Mmap(-1, 0, 64<<10, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE) // aligned, as O_DIRECT wants it
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	fmt.Println("ready")
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
		began := time.Now()
		_, err := unix.Pwrite(fd, buf, 0)
		fmt.Println(time.Since(began).Seconds(), err == nil)
	}
}

func TestAThrottledProcessWritesSlowly(t *testing.T) {
	f := NewThrottle()
	if err := f.Available(); err != nil {
		t.Skip(err)
	}
	dir := home(t)
	if _, err := blockDevice(dir); err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(os.Args[0], "write", filepath.Join(dir, "file"))
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
	if strings.HasPrefix(s.Text(), "error") {
		t.Skip(s.Text())
	}
	write := func() float64 {
		_, err := fmt.Fprintln(in)
		require.NoError(t, err)
		require.True(t, s.Scan())
		text, ok := strings.CutSuffix(s.Text(), " true")
		require.True(t, ok, s.Text())
		sec, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		return sec
	}
	write()
	id, err := proc.Of(cmd.Process.Pid)
	require.NoError(t, err)
	target := chaos.Target{Kind: chaos.TargetProcess, Name: "writer", PID: id.PID, StartTicks: id.StartTicks}
	c := must(t, f, chaos.Args{"path": dir, "write": "128KiB"}, target)
	sys, err := cgroup.Open()
	require.NoError(t, err)
	before, err := sys.Of(id.PID, cgroup.IO)
	require.NoError(t, err)
	require.NoError(t, c.Apply(t.Context()))
	sum := 0.0
	for range 5 { // 320 KiB at 128 KiB/s; the first may go on credit
		sum += write()
	}
	require.Greater(t, sum, 1.5)
	t.Logf("5 writes of 64 KiB at 128 KiB/s took %.2f s", sum)
	require.Error(t, c.Verify(t.Context()))
	require.NoError(t, f.Restore(t.Context(), c.Undo()))
	require.NoError(t, c.Verify(t.Context()))
	after, err := sys.Of(id.PID, cgroup.IO)
	require.NoError(t, err)
	require.Equal(t, before, after)
}
