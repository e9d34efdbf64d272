package leaktest

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"gameday/chaos/hostnet/nettest"
)

// world is what the faults of one worker act on: all of it the test's own.
type world struct {
	t        testing.TB
	root     string
	disk     string // a small tmpfs
	data     string // a directory with files
	netns    string // a network namespace with one interface, gd0
	upstream net.Listener
	groups   []string // control groups that only the target is in
	target   *exec.Cmd
	gone     chan struct{} // closed when the target has ended and was waited for
	cases    int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	w := &world{t: t, root: root, disk: filepath.Join(root, "disk"), data: filepath.Join(root, "data")}
	for _, dir := range []string{w.disk, w.data} {
		require.NoError(t, os.Mkdir(dir, 0o755))
	}
	if err := unix.Mount("gd-leak", w.disk, "tmpfs", 0, "size=8m"); err != nil {
		t.Skip("skipped: a file system of the test's own cannot be mounted: ", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(w.disk, unix.MNT_DETACH)) })
	for _, file := range []string{filepath.Join(w.disk, "kept"), filepath.Join(w.data, "kept")} {
		require.NoError(t, os.WriteFile(file, []byte("kept"), 0o600))
	}
	host, _ := nettest.Pair(t)
	w.netns = host.Name
	w.upstream, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.upstream.Close() })
	w.makeGroups()
	w.start()
	t.Cleanup(w.stop)
	return w
}

// makeGroups makes a control group of the test's own in every hierarchy that allows it, below the one the test is in.
func (w *world) makeGroups() {
	own, err := os.ReadFile("/proc/self/cgroup")
	require.NoError(w.t, err)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(w.t, err)
	for line := range strings.Lines(string(own)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		for mount := range strings.Lines(string(mounts)) {
			f := strings.Fields(mount)
			kind, super := f[len(f)-3], f[len(f)-1]
			if kind == "cgroup" && slices.Contains(strings.Split(super, ","), parts[1]) || kind == "cgroup2" && parts[1] == "" {
				dir := filepath.Join(f[4], parts[2], fmt.Sprintf("gdleak-%d-%s", os.Getpid(), filepath.Base(w.root)))
				if os.Mkdir(dir, 0o755) == nil { // read-only elsewhere: then the target stays where it is
					w.groups = append(w.groups, dir)
					w.t.Cleanup(func() { w.removeGroup(dir) })
				}
			}
		}
	}
}

func (w *world) removeGroup(dir string) {
	for end := time.Now().Add(10 * time.Second); os.Remove(dir) != nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
}

// start starts the process that is hit, in its groups.
func (w *world) start() {
	target, gone := exec.Command("sleep", "100000"), make(chan struct{})
	require.NoError(w.t, target.Start())
	go func() { // one waits, so that a fault's kill leaves no zombie and nobody looks at it while it is reaped
		_ = target.Wait()
		close(gone)
	}()
	w.target, w.gone = target, gone
	for _, dir := range w.groups {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(w.target.Process.Pid)), 0) // where it cannot be, no fault of it can be tried
	}
}

func (w *world) stop() {
	_ = w.target.Process.Kill() // a fault may have
	<-w.gone
}

// dead reports whether the target has ended.
func (w *world) dead() bool {
	select {
	case <-w.gone:
		return true
	default:
		return false
	}
}

// state is all that faults can change in the world, one line each, as the kernel tells it: nothing of gameday's is asked.
type state map[string]string

// look looks. What a hanging file system could block is looked at last, and only when the mounts are right.
func (w *world) look(home string, want state) state {
	s := state{}
	for _, p := range ours(home) {
		s["process "+p] = "lives"
	}
	w.lookAtTarget(s)
	for _, dir := range w.groups {
		w.lookAtGroup(dir, s)
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo") // always there
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); strings.HasPrefix(f[4], w.root) {
			s["mount "+f[4]] += strings.Join(f[5:], " ")
		}
	}
	if want != nil {
		now := maps.Clone(s)
		mayBeDead(want, now)
		if len(differ(part(want, now), now)) > 0 {
			return s
		}
	}
	cmd := exec.Command("ip", "netns", "exec", w.netns, "sh", "-c", "nft list ruleset; tc qdisc show; tc filter show dev gd0; ip rule; ip route")
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	s["network"] = fmt.Sprint(string(out), err)
	for _, dir := range []string{w.disk, w.data} {
		w.lookAtFiles(dir, s)
	}
	return s
}

// part is what of want is of the sorts that s has.
func part(want, s state) state {
	out := maps.Clone(want)
	maps.DeleteFunc(out, func(k, _ string) bool {
		return s[k] == "" && (k == "network" || strings.HasPrefix(k, "file ") || strings.HasPrefix(k, "free "))
	})
	return out
}

func (w *world) lookAtTarget(s state) {
	pid := w.target.Process.Pid
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		s["target"] = err.Error()
		return
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	if after[0] == 'T' || after[0] == 't' {
		s["target stopped"] = string(after[0])
	}
	for _, name := range []string{"cgroup", "limits", "oom_score_adj"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		s["target "+name] = fmt.Sprint(string(data), err)
	}
	clock, err := vdso(pid)
	s["target clock"] = fmt.Sprint(crc32.ChecksumIEEE(clock), err)
}

// vdso is what tells a process the time (vdso(7)), without the padding at its end.
func vdso(pid int) ([]byte, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil || !strings.Contains(line, "[vdso]") {
			continue
		}
		f, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		b := make([]byte, to-from)
		if _, err = f.ReadAt(b, from); err != nil || pid == os.Getpid() {
			return bytes.TrimRight(b, "\x00"), err
		}
		own, err := vdso(os.Getpid())
		return b[:min(len(own), len(b))], err
	}
	return nil, nil
}

func (w *world) lookAtGroup(top string, s state) {
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // a group that has just gone
		}
		if d.IsDir() {
			s["group "+path] = "is there"
			return nil
		}
		for _, name := range []string{"cfs_quota", "cfs_period", "limit_in_bytes", ".max", ".high", "throttle", "freezer.state", "subtree_control"} {
			if strings.Contains(d.Name(), name) && !strings.Contains(d.Name(), "max_usage") && !strings.Contains(d.Name(), "io_serv") {
				data, _ := os.ReadFile(path) // some cannot be read
				s["group "+path] = string(data)
			}
		}
		return nil
	})
}

func (w *world) lookAtFiles(dir string, s state) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		attrs := make([]byte, 1024)
		n, _ := unix.Llistxattr(path, attrs) // none where the file system has none
		s["file "+path] = fmt.Sprint(info.Mode(), info.Size(), string(attrs[:max(0, n)]))
		return nil
	})
	if err != nil {
		s["file "+dir] = err.Error()
	}
	var st unix.Statfs_t
	if unix.Statfs(w.disk, &st) == nil {
		s["free "+w.disk] = fmt.Sprint(st.Bfree)
	}
}

// differ lists what is not as it was.
func differ(before, after state) []string {
	var out []string
	for k, v := range before {
		if now, ok := after[k]; !ok {
			out = append(out, k+": gone")
		} else if now != v {
			out = append(out, fmt.Sprintf("%s: was %q, is %q", k, v, now))
		}
	}
	for k, v := range after {
		if _, ok := before[k]; !ok {
			out = append(out, fmt.Sprintf("%s: %q", k, v))
		}
	}
	slices.Sort(out)
	return out
}

// awaitClean waits until the world is as it was and returns how long it took since the kill, or what is left.
func (w *world) awaitClean(home string, before state, since time.Time, within time.Duration) (time.Duration, []string) {
	for {
		now := w.look(home, before)
		mayBeDead(before, now)
		left := differ(before, now)
		took := time.Since(since)
		if len(left) == 0 || took > within {
			return took, left
		}
		time.Sleep(15 * time.Millisecond)
	}
}

// ours lists the processes that a session below this home started, itself included: they carry it in their environment.
func ours(home string) []string {
	dirs, _ := os.ReadDir("/proc") // always there
	var all []string
	for _, d := range dirs {
		if pid, err := strconv.Atoi(d.Name()); err == nil {
			if env, err := os.ReadFile(filepath.Join("/proc", d.Name(), "environ")); err == nil && bytes.Contains(env, []byte("XDG_STATE_HOME="+home+"\x00")) {
				if args, err := os.ReadFile(filepath.Join("/proc", d.Name(), "cmdline")); err == nil && len(args) > 0 {
					all = append(all, fmt.Sprint(pid, " ", strings.ReplaceAll(strings.TrimRight(string(args), "\x00"), "\x00", " ")))
				}
			}
		}
	}
	return all
}

// keeperOf finds the keeper of the session below this home, 0 when there is none.
func keeperOf(home string) int {
	for _, p := range ours(home) {
		f := strings.Fields(p)
		if len(f) > 2 && f[2] == "keeper" {
			pid, _ := strconv.Atoi(f[0])
			return pid
		}
	}
	return 0
}
