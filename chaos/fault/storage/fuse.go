package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gameday/chaos"
	"gameday/chaos/proc"
)

// fuseSource begins what mounts of ours are called in the list of mounts.
const fuseSource = "gameday-"

// FUSE is the fault storage.fuse: a file system of ours is mounted over a directory, passes everything on to what lies
// under it, and delays or fails a share of the operations.
//
// It cannot fail open: when the process that serves it dies, whatever is in the directory gives ENOTCONN until the mount
// is taken off, which the keeper does. Files that were open through it stay broken then and must be opened again.
type FUSE struct {
	seed uint64
	keep []string
}

// NewFUSE returns the fault. seed is of which operations are hit. keep are paths that gameday itself uses: directories
// above them are refused.
func NewFUSE(seed uint64, keep ...string) *FUSE { return &FUSE{seed, resolved(keep)} }

// Kind is "storage.fuse".
func (*FUSE) Kind() string { return "storage.fuse" }

// Hits a directory.
func (*FUSE) Hits() chaos.TargetKind { return chaos.TargetPath }

// Help says what the users of the directory feel.
func (*FUSE) Help() string {
	return "operations on files of the directory are late or fail, for who opens them while the fault is in force; other mount namespaces do not feel it"
}

var failures = map[string]syscall.Errno{"EIO": syscall.EIO, "ENOSPC": syscall.ENOSPC, "EROFS": syscall.EROFS, "EDQUOT": syscall.EDQUOT,
	"EACCES": syscall.EACCES, "ENOENT": syscall.ENOENT, "ETIMEDOUT": syscall.ETIMEDOUT}

// operations are what can be hit, as experiments call it.
var operations = []string{"open", "read", "write", "sync", "list", "metadata", "change"}

// Params are what is hit and how.
func (*FUSE) Params() []chaos.Param {
	var names []string
	for n := range failures {
		names = append(names, n)
	}
	slices.Sort(names)
	return []chaos.Param{
		{Name: "delay", Type: "duration", Default: time.Duration(0), Help: "how late an operation is"},
		{Name: "error", Type: "string", OneOf: names, Help: "what an operation fails with, after the delay"},
		{Name: "share", Type: "percent", Default: 100, Help: "how many of the operations are hit"},
		{Name: "operations", Type: "string", Default: "read, write, sync",
			Help: "which operations: open, read, write, sync, list, metadata, change (make, rename, remove); or all"},
		{Name: "files", Type: "string", Default: "*", Help: "only files whose name matches, or, with a slash in it, whose path in the directory does, such as *.db"},
	}
}

// Reversible is true.
func (*FUSE) Reversible() bool { return true }

// Available says why nothing can be mounted here, or nil.
func (f *FUSE) Available() error {
	err := mayMount()
	if err == nil {
		var dev *os.File
		if dev, err = os.OpenFile("/dev/fuse", os.O_RDWR, 0); err == nil {
			err = dev.Close()
		} else {
			err = fmt.Errorf("the kernel has no FUSE that can be used (modprobe fuse): %w", err)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Kind(), err)
	}
	return nil
}

// Plan checks the directory.
func (f *FUSE) Plan(_ context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	dir, err := one(f.Kind(), targets)
	if err != nil {
		return nil, err
	}
	needed := append([]string{"/proc", "/sys", "/dev", os.TempDir()}, f.keep...)
	if exe, err := os.Executable(); err == nil { // a keeper is started from it
		needed = append(needed, exe)
	}
	for _, k := range needed {
		if below(k, dir) {
			return nil, fmt.Errorf("%s: refused: %s lies in %s, and gameday itself or the machine needs it", f.Kind(), k, dir)
		}
	}
	in, words, err := newInjector(args, f.seed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Kind(), err)
	}
	c := &fused{kind: f.Kind(), words: words, in: in, undo: fuseUndo{Dir: dir, Source: fuseSource + newTag(), Boot: proc.BootID()}}
	if c.data, err = json.Marshal(c.undo); err != nil {
		return nil, fmt.Errorf("describe undo of %s: %w", f.Kind(), err)
	}
	return c, nil
}

// Restore takes the mount off that the undo names.
func (f *FUSE) Restore(_ context.Context, undo json.RawMessage) error {
	u, err := readFUSE(f.Kind(), undo)
	if err != nil {
		return err
	}
	return u.unmount(true)
}

// Remedy is the command that remains.
func (f *FUSE) Remedy(undo []byte) string {
	u, err := readFUSE(f.Kind(), undo)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("umount --force --lazy '%s'", u.Dir)
}

type fuseUndo struct {
	Dir    string `json:"dir"`
	Source string `json:"source"` // what the mount is called; ours alone
	Boot   string `json:"boot,omitempty"`
}

func readFUSE(kind string, undo []byte) (fuseUndo, error) {
	var u fuseUndo
	if err := json.Unmarshal(undo, &u); err != nil {
		return u, fmt.Errorf("read undo of %s: %w", kind, err)
	}
	if tag, ok := strings.CutPrefix(u.Source, fuseSource); !ok || !isTag(tag) || !filepath.IsAbs(u.Dir) {
		return u, fmt.Errorf("read undo of %s: %q at %q is not a mount of gameday", kind, u.Source, u.Dir)
	}
	return u, nil
}

// ours is our mount; nil when it is not there.
func (u fuseUndo) ours() (*mount, error) {
	if u.Boot != proc.BootID() {
		return nil, nil
	}
	all, err := mounts()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(m mount) bool { return m.Source == u.Source && m.Point == u.Dir })
	if i < 0 {
		return nil, nil
	}
	return &all[i], nil
}

// unmount takes the mount off. With abort, operations that hang in it are ended with an error: whoever serves them is
// dead, or stopped.
func (u fuseUndo) unmount(abort bool) error {
	m, err := u.ours()
	if err != nil || m == nil {
		return err
	}
	if top, err := mountAt(u.Dir); err != nil || !top.same(*m) {
		return errors.Join(fmt.Errorf("something else is mounted over %s now; unmount that first", u.Dir), err)
	}
	off := detach
	if abort {
		off = detachForced
	}
	if err := off(u.Dir); err != nil {
		return fmt.Errorf("unmount %s: %w", u.Dir, err)
	}
	return u.check()
}

func (u fuseUndo) check() error {
	m, err := u.ours()
	if err == nil && m != nil {
		err = fmt.Errorf("%s is still mounted over %s", u.Source, u.Dir)
	}
	return err
}

// injector decides which operations are hit.
type injector struct {
	off   atomic.Bool
	delay time.Duration
	errno syscall.Errno
	share float64
	ops   map[string]bool
	glob  string
	hits  atomic.Uint64
	n     atomic.Uint64
	seed  uint64
}

func newInjector(args chaos.Args, seed uint64) (*injector, string, error) {
	in := &injector{share: 1, glob: "*", ops: map[string]bool{}, seed: seed}
	in.delay, _ = args["delay"].(time.Duration) // absent: none
	var words []string
	if in.delay > 0 {
		words = append(words, in.delay.String()+" late")
	}
	if name, _ := args["error"].(string); name != "" {
		in.errno = failures[name]
		words = append(words, "fail with "+name)
	}
	if len(words) == 0 {
		return nil, "", errors.New("give a delay or an error, or both")
	}
	if p, ok := args["share"].(float64); ok {
		in.share = p / 100
	}
	if g, _ := args["files"].(string); g != "" {
		in.glob = g
	}
	if _, err := path.Match(in.glob, "x"); err != nil {
		return nil, "", fmt.Errorf("files: %q is not a pattern", in.glob)
	}
	list, ok := args["operations"].(string)
	if !ok {
		list = "read, write, sync"
	}
	for _, op := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if op == "all" {
			for _, o := range operations {
				in.ops[o] = true
			}
		} else if !slices.Contains(operations, op) {
			return nil, "", fmt.Errorf("operations: %q is not one of %s, all", op, strings.Join(operations, ", "))
		}
		in.ops[op] = true
	}
	if len(in.ops) == 0 {
		return nil, "", errors.New("operations: none is named")
	}
	words = append(words, strconv.FormatFloat(in.share*100, 'g', -1, 64)+"% of "+strings.Join(strings.Fields(list), " "))
	return in, strings.Join(words, ", "), nil
}

// hit delays an operation, or returns the error that it fails with, or neither. name is the file's path in the directory.
func (in *injector) hit(ctx context.Context, op, name string) syscall.Errno {
	if in.off.Load() || !in.ops[op] || !in.matches(name) || !in.draw() {
		return 0
	}
	in.hits.Add(1)
	if in.delay > 0 {
		t := time.NewTimer(in.delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done(): // whoever asked was killed
			return syscall.EINTR
		}
		if in.off.Load() {
			return 0
		}
	}
	return in.errno
}

func (in *injector) matches(name string) bool {
	if !strings.Contains(in.glob, "/") {
		name = path.Base(name)
	}
	ok, err := path.Match(in.glob, name)
	return err == nil && ok
}

// draw is a coin that falls the same way for the same seed and the nth operation (splitmix64), without a lock.
func (in *injector) draw() bool {
	if in.share >= 1 {
		return true
	}
	x := in.seed + in.n.Add(1)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11)/(1<<53) < in.share
}

type fused struct {
	kind  string
	words string
	in    *injector
	undo  fuseUndo
	data  json.RawMessage
	mu    sync.Mutex
	over  bool
}

func (c *fused) Describe() chaos.Description {
	return chaos.Description{Title: c.undo.Dir + ": " + c.words, Targets: []string{c.undo.Dir},
		Actions: []string{fmt.Sprintf("mount -t fuse.gameday %s %s   # served by gameday, over what is there", c.undo.Source, c.undo.Dir)},
		Undo:    "umount --lazy " + c.undo.Dir}
}

func (c *fused) Undo() json.RawMessage { return c.data }

// Apply mounts.
func (c *fused) Apply(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return fmt.Errorf("%s: it was taken back meanwhile", c.kind)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := serve(c.undo.Dir, c.undo.Source, c.in); err != nil {
		return fmt.Errorf("%s: mount over %s: %w", c.kind, c.undo.Dir, err)
	}
	return nil
}

// Revert lets everything pass at once and takes the mount off. Files that are open through it are served, unhindered,
// until they are closed or gameday ends.
func (c *fused) Revert(context.Context) error {
	c.in.off.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	return c.undo.unmount(false)
}

func (c *fused) Verify(context.Context) error { return c.undo.check() }

func (c *fused) Touched() (uint64, string) { return c.in.hits.Load(), "operations" }
