package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"gameday/chaos"
	"gameday/chaos/proc"
	"gameday/chaos/size"
)

const (
	fillPrefix = ".gameday-fill-"
	attribute  = "user.gameday"
	needLeave  = 64 << 20 // what a file system keeps free that gameday or the system itself needs
	chunk      = 256 << 20
)

var errCannotAllocate = errors.New("the file system cannot allocate without writing")

// Fill is the fault storage.full: a file of our own takes the space of a file system.
type Fill struct{ keep []string }

// NewFill returns the fault. keep are paths that gameday must be able to write to, such as its state directory: their file
// systems are never filled to the last byte.
func NewFill(keep ...string) *Fill { return &Fill{resolved(keep)} }

// Kind is "storage.full".
func (*Fill) Kind() string { return "storage.full" }

// Hits a directory.
func (*Fill) Hits() chaos.TargetKind { return chaos.TargetPath }

// Help says what the users of the file system feel.
func (*Fill) Help() string {
	return "a file takes the free space of the directory's file system: who writes there gets ENOSPC; users with a reserve of their own (root, mostly) still can"
}

// Params are how much, and how much stays.
func (*Fill) Params() []chaos.Param {
	return []chaos.Param{
		{Name: "size", Type: "string", Help: "how much to take, such as 2GiB; when not given, all but what leave says"},
		{Name: "leave", Type: "string", Default: "64MiB", Help: "what stays free; at least 64MiB where the system or gameday itself writes"},
	}
}

// Reversible is true.
func (*Fill) Reversible() bool { return true }

// Available is nil: the directory decides.
func (*Fill) Available() error { return nil }

type fillUndo struct {
	Dir  string `json:"dir"`
	Ino  uint64 `json:"ino"` // of the directory; a file system that is not mounted any more shows another
	File string `json:"file"`
	Tag  string `json:"tag"`
	RAM  bool   `json:"ram,omitempty"` // a tmpfs: nothing outlives its end
	Boot string `json:"boot,omitempty"`
}

// Plan measures what is free and decides how much to take.
func (f *Fill) Plan(_ context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	dir, err := one(f.Kind(), targets)
	if err != nil {
		return nil, err
	}
	leave, want, err := amounts(args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Kind(), err)
	}
	var st unix.Stat_t
	var fs unix.Statfs_t
	if err := errors.Join(unix.Lstat(dir, &st), unix.Statfs(dir, &fs)); err != nil {
		return nil, fmt.Errorf("%s %s: %w", f.Kind(), dir, err)
	}
	if leave < needLeave {
		for _, k := range append([]string{"/", os.TempDir()}, f.keep...) {
			var need unix.Stat_t
			if unix.Stat(k, &need) == nil && need.Dev == st.Dev {
				return nil, fmt.Errorf("%s %s: %s is on the same file system and must be writable; leave at least %s", f.Kind(), dir, k, size.String(needLeave))
			}
		}
	}
	free := fs.Bavail * uint64(fs.Bsize)
	if free <= leave {
		return nil, fmt.Errorf("%s %s: refused: only %s are free, and %s shall stay", f.Kind(), dir, size.String(free), size.String(leave))
	}
	take := free - leave
	if want != 0 && want > take {
		return nil, fmt.Errorf("%s %s: refused to take %s: %s are free, and %s shall stay", f.Kind(), dir, size.String(want), size.String(free), size.String(leave))
	} else if want != 0 {
		take = want
	}
	tag := newTag()
	c := &filling{kind: f.Kind(), take: take, leave: leave, undo: fillUndo{Dir: dir, Ino: st.Ino, File: fillPrefix + tag, Tag: tag,
		RAM: uint64(fs.Type) == 0x01021994, Boot: proc.BootID()}} // TMPFS_MAGIC
	if c.data, err = json.Marshal(c.undo); err != nil {
		return nil, fmt.Errorf("describe undo of %s: %w", f.Kind(), err)
	}
	return c, nil
}

func amounts(args chaos.Args) (leave, want uint64, err error) {
	leave = needLeave
	if s, ok := args["leave"].(string); ok {
		if leave, err = size.Parse(s); err != nil {
			return 0, 0, fmt.Errorf("leave: %w", err)
		}
	}
	if s, _ := args["size"].(string); s != "" {
		if want, err = size.Parse(s); err == nil && want == 0 {
			err = errors.New("nothing is not worth a fault")
		}
		if err != nil {
			return 0, 0, fmt.Errorf("size: %w", err)
		}
	}
	return leave, want, nil
}

// Restore removes the file that the undo names, if it is the one we made.
func (f *Fill) Restore(_ context.Context, undo json.RawMessage) error {
	u, err := readFill(f.Kind(), undo)
	if err != nil {
		return err
	}
	return u.remove()
}

// Remedy is the rm that remains.
func (f *Fill) Remedy(undo []byte) string {
	u, err := readFill(f.Kind(), undo)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("rm -f '%s'", filepath.Join(u.Dir, u.File))
}

func readFill(kind string, undo []byte) (fillUndo, error) {
	var u fillUndo
	if err := json.Unmarshal(undo, &u); err != nil {
		return u, fmt.Errorf("read undo of %s: %w", kind, err)
	}
	if !isTag(u.Tag) || u.File != fillPrefix+u.Tag || !filepath.IsAbs(u.Dir) || filepath.Clean(u.Dir) != u.Dir {
		return u, fmt.Errorf("read undo of %s: %q in %q is not a file of gameday", kind, u.File, u.Dir)
	}
	return u, nil
}

// open opens the directory that the undo is about; nil when it is gone, and the file with it.
func (u fillUndo) open() (*os.File, error) {
	fd, err := unix.Open(u.Dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || u.RAM && u.Boot != proc.BootID() {
		if err == nil {
			_ = unix.Close(fd) // opened for reading
		}
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", u.Dir, err)
	}
	d := os.NewFile(uintptr(fd), u.Dir)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Ino != u.Ino {
		_ = d.Close() // opened for reading
		if err == nil {
			err = errors.New("it is another directory now; is its file system still mounted?")
		}
		return nil, fmt.Errorf("open directory %s: %w", u.Dir, err)
	}
	return d, nil
}

// find opens our file; nil when there is none, or what has its name is not ours.
func (u fillUndo) find(d *os.File) (*os.File, unix.Stat_t, error) {
	var st unix.Stat_t
	fd, err := unix.Openat(int(d.Fd()), u.File, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ELOOP) {
		return nil, st, nil
	}
	if err != nil {
		return nil, st, fmt.Errorf("open %s: %w", filepath.Join(u.Dir, u.File), err)
	}
	f := os.NewFile(uintptr(fd), u.File)
	err = unix.Fstat(fd, &st)
	head := make([]byte, len(u.Tag))
	n, rerr := f.ReadAt(head, 0)
	if errors.Is(rerr, io.EOF) {
		rerr = nil
	}
	if err = errors.Join(err, rerr); err != nil {
		return nil, st, errors.Join(fmt.Errorf("look at %s: %w", u.File, err), f.Close())
	}
	ours := st.Mode&unix.S_IFMT == unix.S_IFREG && (string(head[:n]) == u.Tag || st.Size == 0)
	if !ours {
		return nil, st, f.Close()
	}
	return f, st, nil
}

func (u fillUndo) remove() error {
	d, err := u.open()
	if err != nil || d == nil {
		return err
	}
	defer d.Close()
	f, st, err := u.find(d)
	if err != nil || f == nil {
		return err
	}
	defer f.Close()
	var now unix.Stat_t
	if err := unix.Fstatat(int(d.Fd()), u.File, &now, unix.AT_SYMLINK_NOFOLLOW); err != nil || now.Ino != st.Ino || now.Dev != st.Dev {
		return err // not the one that was looked at: the next try looks again
	}
	if err := unix.Unlinkat(int(d.Fd()), u.File, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove %s: %w", filepath.Join(u.Dir, u.File), err)
	}
	if err := f.Truncate(0); err != nil { // whoever has it open does not hold the space
		return fmt.Errorf("free the space of %s: %w", u.File, err)
	}
	return nil
}

func (u fillUndo) check() error {
	d, err := u.open()
	if err != nil || d == nil {
		return err
	}
	defer d.Close()
	f, _, err := u.find(d)
	if err != nil || f == nil {
		return err
	}
	return errors.Join(fmt.Errorf("%s is still there", filepath.Join(u.Dir, u.File)), f.Close())
}

type filling struct {
	kind        string
	take, leave uint64
	undo        fillUndo
	data        json.RawMessage
	mu          sync.Mutex
	over        bool
	done        uint64
}

func (c *filling) path() string { return filepath.Join(c.undo.Dir, c.undo.File) }

func (c *filling) Describe() chaos.Description {
	return chaos.Description{Title: fmt.Sprintf("%s full: %s taken", c.undo.Dir, size.String(c.take)), Targets: []string{c.undo.Dir},
		Actions: []string{fmt.Sprintf("fallocate -l %d %s   # %s stay free", c.take, c.path(), size.String(c.leave))}, Undo: "rm " + c.path()}
}

func (c *filling) Undo() json.RawMessage { return c.data }

// Apply makes the file and lets it grow step by step, never into what shall stay free.
func (c *filling) Apply(ctx context.Context) error {
	f, err := c.create()
	if err != nil {
		return fmt.Errorf("%s: %w", c.kind, err)
	}
	err = nil
	for more := true; more && err == nil; {
		more, err = c.grow(ctx, f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", c.kind, err)
	}
	return nil
}

func (c *filling) create() (*os.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil, errors.New("it was taken back meanwhile")
	}
	d, err := c.undo.open()
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, fmt.Errorf("directory %s is gone", c.undo.Dir)
	}
	defer d.Close()
	fd, err := unix.Openat(int(d.Fd()), c.undo.File, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", c.path(), err)
	}
	f := os.NewFile(uintptr(fd), c.path())
	tagFile(f, c.undo.Tag)
	if _, err := f.WriteAt([]byte(c.undo.Tag), 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// grow takes one more chunk, and says whether there is more to take.
func (c *filling) grow(ctx context.Context, f *os.File) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if c.over {
		return false, errors.New("it was taken back meanwhile")
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return false, err
	}
	free := fs.Bavail * uint64(fs.Bsize)
	if free <= c.leave || c.done >= c.take {
		return false, nil
	}
	n := min(chunk, c.take-c.done, free-c.leave)
	err := allocate(f, int64(c.done), int64(n))
	if errors.Is(err, errCannotAllocate) {
		n = min(n, 8<<20)
		_, err = f.WriteAt(make([]byte, n), max(int64(c.done), int64(len(c.undo.Tag))))
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return false, nil // full is what was wanted
	}
	if err != nil {
		return false, fmt.Errorf("fill %s: %w", c.path(), err)
	}
	c.done += n
	return true, nil
}

func (c *filling) Revert(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	return c.undo.remove()
}

func (c *filling) Verify(context.Context) error { return c.undo.check() }

func (c *filling) Touched() (uint64, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done >> 20, "MiB"
}
