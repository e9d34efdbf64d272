package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"gameday/chaos"
	"gameday/chaos/proc"
)

// system are file systems that are not for data.
var system = []string{"proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "securityfs", "debugfs", "tracefs", "bpf", "mqueue", "autofs", "nsfs"}

// ReadOnly is the fault storage.readonly: nothing can be written in a mount.
type ReadOnly struct{ keep []string }

// NewReadOnly returns the fault. keep are paths that gameday must be able to write to: their mounts are refused.
func NewReadOnly(keep ...string) *ReadOnly { return &ReadOnly{resolved(keep)} }

// Kind is "storage.readonly".
func (*ReadOnly) Kind() string { return "storage.readonly" }

// Hits a mount point.
func (*ReadOnly) Hits() chaos.TargetKind { return chaos.TargetPath }

// Help says what the users of the mount feel.
func (*ReadOnly) Help() string {
	return "the mount point is read-only: who writes there gets EROFS; it is refused while a file is open for writing, and other mount namespaces do not feel it"
}

// Params are none.
func (*ReadOnly) Params() []chaos.Param { return nil }

// Reversible is true.
func (*ReadOnly) Reversible() bool { return true }

// Available says why mounts cannot be changed here, or nil.
func (r *ReadOnly) Available() error {
	if err := mayMount(); err != nil {
		return fmt.Errorf("%s: %w", r.Kind(), err)
	}
	// An attribute that does not exist tells whether the call does: the kernel refuses it before it looks for the path.
	if err := setReadOnly("", true); errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("%s: the kernel has no mount_setattr; it needs Linux 5.12", r.Kind())
	}
	return nil
}

// readOnlyUndo is the mount as it was found, which is writable.
type readOnlyUndo struct {
	Mount mount  `json:"mount"`
	Boot  string `json:"boot,omitempty"`
}

// Plan looks at the mount.
func (r *ReadOnly) Plan(_ context.Context, targets []chaos.Target, _ chaos.Args) (chaos.Change, error) {
	dir, err := one(r.Kind(), targets)
	if err != nil {
		return nil, err
	}
	m, err := mountAt(dir)
	if errors.Is(err, errNoMount) {
		return nil, fmt.Errorf("%s: %s is not a mount point", r.Kind(), dir)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Kind(), err)
	}
	switch {
	case dir == "/":
		return nil, fmt.Errorf("%s: refused: / is what the whole machine runs on", r.Kind())
	case slices.Contains(system, m.Type):
		return nil, fmt.Errorf("%s: refused: %s is a %s, which holds no data", r.Kind(), dir, m.Type)
	case m.readOnly():
		return nil, fmt.Errorf("%s: %s is read-only already", r.Kind(), dir)
	}
	for _, k := range r.keep {
		if of, err := mountOf(k); err != nil || of.same(m) {
			return nil, errors.Join(fmt.Errorf("%s: refused: gameday itself must be able to write to %s", r.Kind(), k), err)
		}
	}
	c := &remount{kind: r.Kind(), undo: readOnlyUndo{Mount: m, Boot: proc.BootID()}}
	if c.data, err = json.Marshal(c.undo); err != nil {
		return nil, fmt.Errorf("describe undo of %s: %w", r.Kind(), err)
	}
	return c, nil
}

// Restore lets the mount be written to again, if it is the one that the undo is about.
func (r *ReadOnly) Restore(_ context.Context, undo json.RawMessage) error {
	u, err := readReadOnly(r.Kind(), undo)
	if err != nil {
		return err
	}
	return u.restore()
}

// Remedy is the command that remains.
func (r *ReadOnly) Remedy(undo []byte) string {
	u, err := readReadOnly(r.Kind(), undo)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("mount -o remount,bind,rw '%s'", u.Mount.Point)
}

func readReadOnly(kind string, undo []byte) (readOnlyUndo, error) {
	var u readOnlyUndo
	if err := json.Unmarshal(undo, &u); err != nil {
		return u, fmt.Errorf("read undo of %s: %w", kind, err)
	}
	if u.Mount.ID == "" || u.Mount.Point == "" || u.Mount.Point == "/" {
		return u, fmt.Errorf("read undo of %s: it names no mount", kind)
	}
	return u, nil
}

// now is the mount as it stands; nil when it is gone.
func (u readOnlyUndo) now() (*mount, error) {
	if u.Boot != proc.BootID() {
		return nil, nil // attributes of mounts do not outlive a reboot
	}
	all, err := mounts()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, u.Mount.same)
	if i < 0 {
		return nil, nil
	}
	if top, err := mountAt(u.Mount.Point); err == nil && !top.same(all[i]) && all[i].readOnly() {
		return nil, fmt.Errorf("something else is mounted over %s now; unmount that first", u.Mount.Point)
	}
	return &all[i], nil
}

func (u readOnlyUndo) restore() error {
	m, err := u.now()
	if err != nil || m == nil || !m.readOnly() {
		return err
	}
	if err := setReadOnly(m.Point, false); err != nil {
		return fmt.Errorf("let %s be written to again: %w", m.Point, err)
	}
	return u.check()
}

func (u readOnlyUndo) check() error {
	m, err := u.now()
	if err == nil && m != nil && m.readOnly() {
		err = fmt.Errorf("%s is still read-only", m.Point)
	}
	return err
}

type remount struct {
	kind  string
	undo  readOnlyUndo
	data  json.RawMessage
	mu    sync.Mutex
	begun bool
	over  bool
}

func (c *remount) Describe() chaos.Description {
	p := c.undo.Mount.Point
	return chaos.Description{Title: p + " read-only", Targets: []string{p}, Actions: []string{"mount -o remount,bind,ro " + p}, Undo: "mount -o remount,bind,rw " + p}
}

func (c *remount) Undo() json.RawMessage { return c.data }

func (c *remount) Apply(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return fmt.Errorf("%s: it was taken back meanwhile", c.kind)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m, err := mountAt(c.undo.Mount.Point)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", c.kind, err)
	case !m.same(c.undo.Mount):
		return fmt.Errorf("%s: something else is mounted at %s than when this was planned; plan again", c.kind, m.Point)
	case m.readOnly():
		return fmt.Errorf("%s: someone else made %s read-only meanwhile", c.kind, m.Point)
	}
	err = setReadOnly(m.Point, true)
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("%s: a file of %s is open for writing, and the kernel refuses; close it, or use storage.fuse with error: EROFS", c.kind, m.Point)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", c.kind, m.Point, err)
	}
	c.begun = true
	return nil
}

func (c *remount) Revert(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if !c.begun {
		return nil // whoever made it read-only, it was not us
	}
	return c.undo.restore()
}

func (c *remount) Verify(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun {
		return nil
	}
	return c.undo.check()
}

func (c *remount) Touched() (uint64, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun {
		return 1, "mounts"
	}
	return 0, "mounts"
}
