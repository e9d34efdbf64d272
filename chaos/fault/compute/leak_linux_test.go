package compute_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"gameday/chaos"
	"gameday/chaos/fault/compute"
	"gameday/chaos/fault/process"
	"gameday/chaos/fault/storage"
	"gameday/chaos/journal"
)

// hostFaults is every fault that hits this machine itself.
func hostFaults() []chaos.Fault {
	return []chaos.Fault{compute.NewCPU(), compute.NewMemory(), compute.NewPIDs(), compute.NewBurn(os.Args[0], compute.BurnCommand),
		compute.NewBallast(os.Args[0], compute.BallastCommand), storage.NewFill(), storage.NewReadOnly(), storage.NewFUSE(1), storage.NewThrottle(), process.NewPause()}
}

// requests ask for one fault of each kind, as a session does that hits the process and the disk.
func requests(pid int, disk, dir string) []chaos.Request {
	it := chaos.Selector{Labels: map[string]string{"pid": strconv.Itoa(pid)}}
	host := chaos.Selector{Name: "localhost"}
	return []chaos.Request{
		{Kind: "compute.cpu", Select: it, Args: chaos.Args{"millicores": 50}},
		{Kind: "compute.burn", Select: host, Args: chaos.Args{"cores": 1, "load": "1%"}},
		{Kind: "storage.full", Select: chaos.Selector{Name: disk}, Args: chaos.Args{"leave": "1MiB"}},
		{Kind: "compute.memory", Select: it, Args: chaos.Args{"limit": "64MiB", "scope": "process"}},
		{Kind: "storage.fuse", Select: chaos.Selector{Name: dir}, Args: chaos.Args{"delay": "1h"}},
		{Kind: "compute.ballast", Select: host, Args: chaos.Args{"size": "16MiB"}},
		{Kind: "compute.pids", Select: it},
		{Kind: "storage.readonly", Select: chaos.Selector{Name: disk}},
		{Kind: "process.pause", Select: it},
	}
}

// TestHelperVictim is the session that the leak test kills: it injects fault after fault and says so.
func TestHelperVictim(t *testing.T) {
	in := strings.Split(os.Getenv("GAMEDAY_TEST_VICTIM"), "|")
	if len(in) != 4 {
		t.Skip("it is the session that another test kills")
	}
	pid, err := strconv.Atoi(in[1])
	require.NoError(t, err)
	j, err := journal.Create(in[0], "victim")
	require.NoError(t, err)
	c, err := chaos.NewController(chaos.Config{Journal: j, Faults: hostFaults(),
		Inventory: chaos.Inventories{compute.Host(), process.NewFinder(), storage.NewFinder()}})
	require.NoError(t, err)
	for i, r := range requests(pid, in[2], in[3]) {
		p, err := c.Plan(t.Context(), r)
		require.NoError(t, err)
		_, err = c.Inject(t.Context(), p)
		require.NoError(t, err)
		fmt.Println("\narmed", i)
	}
	time.Sleep(time.Minute)
}

// left is everything that the faults of a journal can leave on this machine. Other tests' groups are not in it.
func left(t *testing.T, disk, dir, journals string) []string {
	t.Helper()
	var out []string
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), "gameday-") && strings.Contains(journals, d.Name()) {
			out = append(out, path)
		}
		return nil // groups of others come and go
	})
	data, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) > 5 && (f[4] == dir || f[4] == disk && strings.HasPrefix(f[5], "ro")) {
			out = append(out, "mount "+f[4])
		}
	}
	fills, err := filepath.Glob(filepath.Join(disk, ".gameday-fill-*"))
	require.NoError(t, err)
	pids, err := process.PIDs()
	require.NoError(t, err)
	for _, pid := range pids {
		if args := process.Command(pid); len(args) > 2 && strings.HasPrefix(args[2], "gameday-hog-") && args[0] == os.Args[0] {
			out = append(out, fmt.Sprint("process ", pid))
		}
	}
	return append(out, fills...)
}

// Whenever a session is killed, a recovery in another process finds everything from the journal alone. GAMEDAY_KILLS
// is how many kills at random moments are tried besides the fixed ones; 3 when not set.
func TestNothingIsLeftOfAKilledSession(t *testing.T) {
	for _, f := range hostFaults() {
		if a, ok := f.(interface{ Available() error }); ok {
			if err := a.Available(); err != nil {
				t.Skip(err)
			}
		}
	}
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	disk, dir := filepath.Join(root, "disk"), filepath.Join(root, "data")
	require.NoError(t, os.Mkdir(disk, 0o755))
	require.NoError(t, os.Mkdir(dir, 0o755))
	if err := unix.Mount("gd-leak", disk, "tmpfs", 0, "size=16m"); err != nil {
		t.Skip("mount a tmpfs: ", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(disk, unix.MNT_DETACH)) })
	all := len(requests(0, disk, dir))
	for _, kill := range []int{-1, 1, 3, 6, all - 1} { // a sample
		t.Run(fmt.Sprintf("after %d", kill+1), func(t *testing.T) { killAfter(t, kill, 0, false, root, disk, dir) })
	}
	t.Run("stopped first", func(t *testing.T) { killAfter(t, all-1, 0, true, root, disk, dir) })
	rnd := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	kills := 3
	if n, err := strconv.Atoi(os.Getenv("GAMEDAY_KILLS")); err == nil {
		kills = n
	}
	for range kills { // anywhere, so at any system call
		wait := time.Duration(rnd.Int64N(int64(250 * time.Millisecond)))
		t.Run(fmt.Sprint("within ", wait), func(t *testing.T) { killAfter(t, 0, wait, false, root, disk, dir) })
	}
}

func killAfter(t *testing.T, after int, wait time.Duration, stopped bool, root, disk, dir string) {
	hit := exec.Command("sleep", "300")
	require.NoError(t, hit.Start())
	t.Cleanup(func() {
		_ = hit.Process.Kill() // it has not ended by itself
		_ = hit.Wait()
	})
	before, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", hit.Process.Pid))
	require.NoError(t, err)
	journals, err := os.MkdirTemp(root, "j")
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperVictim$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("GAMEDAY_TEST_VICTIM=%s|%d|%s|%s", journals, hit.Process.Pid, disk, dir))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	reached := after < 0
	for s := bufio.NewScanner(out); !reached && s.Scan(); {
		if strings.Contains(s.Text(), "FAIL") || strings.Contains(s.Text(), "Error:") {
			t.Log(s.Text())
		}
		reached = s.Text() == fmt.Sprint("armed ", after)
	}
	time.Sleep(wait)
	if stopped {
		_ = cmd.Process.Signal(syscall.SIGSTOP) // as a debugger or ctrl-z would
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	require.True(t, reached, "the session did not get so far")
	texts := ""
	files, err := filepath.Glob(filepath.Join(journals, "*"+journal.Suffix))
	require.NoError(t, err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		texts += string(text)
	}
	if after > 0 {
		require.Contains(t, texts, "/gameday-")
	}
	began := time.Now()
	res, err := chaos.Recover(context.Background(), journals, hostFaults())
	require.NoError(t, err)
	took := time.Since(began)
	for _, r := range res {
		require.Equal(t, chaos.VerifiedClean, r.Outcome, "%s: %v", r.Kind, r.Err)
	}
	require.Empty(t, left(t, disk, dir, texts))
	now, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", hit.Process.Pid))
	require.NoError(t, err)
	require.Equal(t, string(before), string(now))
	require.NoError(t, os.WriteFile(filepath.Join(disk, "x"), make([]byte, 8<<20), 0o600), "it can be written to, and there is room")
	t.Logf("%d faults undone in %v", len(res), took)
}
