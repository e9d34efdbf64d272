package storage

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"gameday/chaos"
	"gameday/chaos/cgroup"
)

const patience = 30 * time.Second

// home is a directory without symbolic links in its path.
func home(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return dir
}

// disk mounts a small file system of the test's own.
func disk(t *testing.T) string {
	t.Helper()
	if err := mayMount(); err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(home(t), "disk")
	require.NoError(t, os.Mkdir(dir, 0o755))
	if err := unix.Mount("gd-test", dir, "tmpfs", 0, "size=32m"); err != nil {
		t.Skip("mount a tmpfs: ", err)
	}
	t.Cleanup(func() {
		_ = setReadOnly(dir, false) // so that a failed test leaves nothing
		require.NoError(t, detach(dir))
	})
	return dir
}

func at(dir string) chaos.Target { return chaos.Target{Kind: chaos.TargetPath, Name: dir} }

func plan(t *testing.T, f chaos.Fault, args chaos.Args, targets ...chaos.Target) (chaos.Change, error) {
	t.Helper()
	checked, errs := chaos.CheckArgs(f.Params(), args)
	require.Empty(t, errs)
	return f.Plan(t.Context(), targets, checked)
}

func must(t *testing.T, f chaos.Fault, args chaos.Args, targets ...chaos.Target) chaos.Change {
	t.Helper()
	c, err := plan(t, f, args, targets...)
	require.NoError(t, err)
	return c
}

func TestADiskIsFilledToItsMarginAndEmptiedAgain(t *testing.T) {
	dir := disk(t)
	f := NewFill(home(t))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "theirs"), []byte("data"), 0o600))
	c := must(t, f, chaos.Args{"leave": "1MiB"}, at(dir))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "planning touches nothing")
	require.NoError(t, c.Apply(t.Context()))
	n, unit := c.Touched()
	require.EqualValues(t, 30, n)
	require.Equal(t, "MiB", unit)
	err = os.WriteFile(filepath.Join(dir, "more"), make([]byte, 4<<20), 0o600)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "more"), make([]byte, 512<<10), 0o600), "the margin is there")
	require.ErrorContains(t, c.Verify(t.Context()), "is still there")
	require.Contains(t, f.Remedy(c.Undo()), "rm -f '"+dir+"/.gameday-fill-")

	require.NoError(t, f.Restore(t.Context(), c.Undo()))
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "more"), make([]byte, 4<<20), 0o600))
	require.FileExists(t, filepath.Join(dir, "theirs"))
	require.ErrorContains(t, c.Apply(t.Context()), "taken back")
}

func TestOnlyOurFileIsRemoved(t *testing.T) {
	dir := disk(t)
	f := NewFill()
	c := must(t, f, chaos.Args{"size": "1MiB", "leave": "0"}, at(dir))
	require.NoError(t, c.Apply(t.Context()))
	var u fillUndo
	require.NoError(t, json.Unmarshal(c.Undo(), &u))
	ours := filepath.Join(dir, u.File)
	require.NoError(t, os.Rename(ours, ours+"-elsewhere"))
	require.NoError(t, os.WriteFile(ours, []byte("somebody else's"), 0o600))
	require.NoError(t, f.Restore(t.Context(), c.Undo()))
	require.FileExists(t, ours, "what is not ours stays, whatever it is called")
	require.NoError(t, os.Remove(ours))
	require.NoError(t, os.Symlink(ours+"-elsewhere", ours))
	require.NoError(t, f.Restore(t.Context(), c.Undo()))
	require.FileExists(t, ours+"-elsewhere", "links are not followed")
	require.NoError(t, os.Remove(ours))
	require.NoError(t, os.Rename(ours+"-elsewhere", ours))
	require.NoError(t, f.Restore(t.Context(), c.Undo()))
	require.NoFileExists(t, ours)

	u.Ino++
	other, err := json.Marshal(u)
	require.NoError(t, err)
	require.ErrorContains(t, f.Restore(t.Context(), other), "another directory now")
	for _, bad := range []string{`{}`, `{"dir":"/etc","file":"passwd","tag":"x"}`, `{"dir":"/etc","file":".gameday-fill-../x","tag":"../x"}`,
		`{"dir":"etc","file":".gameday-fill-` + u.Tag + `","tag":"` + u.Tag + `"}`} {
		require.Error(t, f.Restore(t.Context(), json.RawMessage(bad)), bad)
	}
}

func TestWhatTheMachineNeedsIsNotFilled(t *testing.T) {
	dir := disk(t)
	_, err := plan(t, NewFill(dir), chaos.Args{"leave": "1MiB"}, at(dir))
	require.ErrorContains(t, err, "must be writable")
	_, err = plan(t, NewFill(), chaos.Args{"leave": "1MiB"}, at("/"))
	require.ErrorContains(t, err, "must be writable")
	for _, args := range []chaos.Args{{"size": "1TiB"}, {"leave": "1TiB"}, {"leave": "lots"}, {"size": "0"}} {
		_, err := plan(t, NewFill(), args, at(dir))
		require.Error(t, err, "%v", args)
	}
	link := filepath.Join(home(t), "link")
	require.NoError(t, os.Symlink(dir, link))
	for path, why := range map[string]string{link: "symbolic link", "relative": "absolute path", dir + "/": "absolute path", dir + "/none": "no such file"} {
		_, err := plan(t, NewFill(), nil, at(path))
		require.ErrorContains(t, err, why, path)
	}
}

func TestAMountIsReadOnlyForAWhile(t *testing.T) {
	dir := disk(t)
	f := NewReadOnly(home(t))
	require.NoError(t, f.Available())
	file := filepath.Join(dir, "file")
	c := must(t, f, nil, at(dir))
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600), "planning touches nothing")
	open, err := os.OpenFile(file, os.O_WRONLY, 0)
	require.NoError(t, err)
	require.ErrorContains(t, c.Apply(t.Context()), "is open for writing")
	require.NoError(t, open.Close())
	require.NoError(t, c.Revert(t.Context()), "what failed is taken back, and bars what comes later")
	require.ErrorContains(t, c.Apply(t.Context()), "taken back")

	c = must(t, f, nil, at(dir))
	require.NoError(t, c.Apply(t.Context()))
	require.ErrorIs(t, os.WriteFile(file, []byte("y"), 0o600), syscall.EROFS)
	require.ErrorContains(t, c.Verify(t.Context()), "still read-only")
	_, err = plan(t, f, nil, at(dir))
	require.ErrorContains(t, err, "already")
	require.NoError(t, f.Restore(t.Context(), c.Undo()))
	require.NoError(t, os.WriteFile(file, []byte("y"), 0o600))
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
	require.Equal(t, "mount -o remount,bind,rw '"+dir+"'", f.Remedy(c.Undo()))

	var u readOnlyUndo
	require.NoError(t, json.Unmarshal(c.Undo(), &u))
	u.Mount.ID += "0"
	other, err := json.Marshal(u)
	require.NoError(t, err)
	require.NoError(t, setReadOnly(dir, true))
	require.NoError(t, f.Restore(t.Context(), other))
	require.ErrorIs(t, os.WriteFile(file, []byte("z"), 0o600), syscall.EROFS, "another mount is not ours")
}

func TestMountsThatAreNeededAreNotMadeReadOnly(t *testing.T) {
	dir := disk(t)
	for path, why := range map[string]string{"/": "whole machine", "/proc": "holds no data", dir + "": "must be able to write"} {
		_, err := plan(t, NewReadOnly(dir), nil, at(path))
		require.ErrorContains(t, err, why, path)
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	_, err := plan(t, NewReadOnly(), nil, at(filepath.Join(dir, "sub")))
	require.ErrorContains(t, err, "is not a mount point")
	for _, bad := range []string{`{}`, `{"mount":{"id":"1","point":"/"}}`, `[]`} {
		require.Error(t, NewReadOnly().Restore(t.Context(), json.RawMessage(bad)), bad)
	}
}

func TestDirectoriesAreFoundByTheirPathAlone(t *testing.T) {
	dir := home(t)
	ts, err := NewFinder().Find(t.Context(), chaos.TargetPath, chaos.Selector{Name: dir})
	require.NoError(t, err)
	require.Equal(t, []chaos.Target{at(dir)}, ts)
	for _, s := range []chaos.Selector{{Name: "*"}, {Name: "shop"}, {Service: "shop"}, {Name: dir, Labels: map[string]string{"zone": "a"}}} {
		ts, err := NewFinder().Find(t.Context(), chaos.TargetPath, s)
		require.NoError(t, err)
		require.Empty(t, ts)
	}
	_, err = NewFinder().Find(t.Context(), chaos.TargetPath, chaos.Selector{Name: dir + "/none"})
	require.ErrorContains(t, err, "no such file")
}

func TestDisksAreThrottledByTheirWholeDevice(t *testing.T) {
	f := NewThrottle()
	_, _, err := f.Limits(chaos.Args{"path": "/proc"})
	require.ErrorContains(t, err, "no block device")
	dev, err := blockDevice(home(t))
	if err != nil {
		t.Skip(err)
	}
	for _, bad := range []chaos.Args{{}, {"read": "0"}, {"read": "lots"}} {
		bad["path"] = home(t)
		_, _, err := f.Limits(bad)
		require.Error(t, err, "%v", bad)
	}
	limit, words, err := f.Limits(chaos.Args{"path": home(t), "read": "1MiB", "writes": 5})
	require.NoError(t, err)
	require.Equal(t, "I/O at read 1MiB/s, 5 writes/s", words)
	group := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(group, "io.max"), []byte("9:9 rbps=1\n"+dev+" rbps=max wbps=7 riops=max wiops=3\n"), 0o600))
	got, err := limit(cgroup.Group{Dir: group, V2: true}, nil, false)
	require.NoError(t, err)
	require.Equal(t, "rbps=1048576 wbps=7 riops=max wiops=3", got[0].Value, "what is tighter already stays")
	require.Equal(t, dev, got[0].Key)
	require.True(t, got[0].Tighter(""))
	got, err = limit(cgroup.Group{Dir: group}, nil, true)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, "blkio.throttle.read_bps_device", got[0].File)
	require.False(t, got[0].Tighter("4096"))
	require.True(t, got[0].Tighter(strconv.Itoa(2<<20)))
}

func TestMountsAreReadAsTheKernelWritesThem(t *testing.T) {
	ms := parseMounts("36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 - ext3 /dev/root rw,errors=continue\nnonsense\n37 1 0:5 / / ro - tmpfs x rw\n")
	require.Len(t, ms, 2)
	require.Equal(t, "/a b", ms[0].Point)
	require.False(t, ms[0].readOnly())
	require.True(t, ms[1].readOnly())
	require.True(t, strings.HasPrefix(ms[0].Source, "/dev/"))
}
