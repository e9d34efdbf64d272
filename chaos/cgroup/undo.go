package cgroup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gameday/chaos/proc"
)

// ReadUndo reads an undo from the journal. Data that could make Restore touch what is not ours is refused.
func ReadUndo(kind string, data []byte) (Undo, error) {
	var u Undo
	if err := json.Unmarshal(data, &u); err != nil {
		return Undo{}, fmt.Errorf("read undo of %s: %w", kind, err)
	}
	if len(u.Moves) == 0 && len(u.Sets) == 0 {
		return Undo{}, fmt.Errorf("read undo of %s: it names no control group", kind)
	}
	for _, m := range u.Moves {
		if !strings.HasPrefix(filepath.Base(m.Group), prefix) || !filepath.IsAbs(m.Group) || !filepath.IsAbs(m.Home) || !filepath.IsAbs(m.Top) {
			return Undo{}, fmt.Errorf("read undo of %s: %q is not a control group of gameday", kind, m.Group)
		}
	}
	for _, s := range u.Sets {
		if !filepath.IsAbs(s.Group) || s.File == "" || s.File != filepath.Base(s.File) || s.Ours == "" {
			return Undo{}, fmt.Errorf("read undo of %s: %q in %q is not a limit", kind, s.File, s.Group)
		}
	}
	return u, nil
}

// elsewhere reports whether the undo is from before a reboot: control groups do not outlive one.
func (u Undo) elsewhere() bool { return u.Boot != "" && u.Boot != proc.BootID() }

// Restore takes the limits off. It is idempotent, and returns nil when nothing of them is left.
func (u Undo) Restore(ctx context.Context) error {
	if u.elsewhere() {
		return nil
	}
	var errs []error
	for i := len(u.Sets) - 1; i >= 0; i-- {
		if err := u.Sets[i].restore(); err != nil {
			errs = append(errs, err)
		}
	}
	for _, m := range u.Moves {
		if err := m.restore(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, u.Check())...)
}

// restore writes back what was there, if what is there is ours.
func (s Set) restore() error {
	now, err := value(s.Group, s.File, s.Key)
	if errors.Is(err, os.ErrNotExist) {
		return nil // the group is gone, and its limits with it
	}
	if err != nil || now != s.Ours {
		return err
	}
	return put(s.Group, s.File, line(s.Key, s.Before))
}

// restore moves everything in our group to where it came from, and removes the group.
func (m Move) restore(ctx context.Context) error {
	for _, f := range m.Lift {
		widest := "max"
		if f == "memory.limit_in_bytes" {
			widest = "-1"
		}
		_ = put(m.Group, f, widest) // only helps the move; that the group goes away is what counts
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := os.Remove(m.Group) // a group with processes in it is not removed: EBUSY
		if err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if moved := m.empty(); moved != nil {
			err = moved
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("remove control group %s: %w", m.Group, err)
		case <-time.After(wait):
		}
	}
}

func (m Move) empty() error {
	pids, err := members(m.Group)
	if err != nil {
		return fmt.Errorf("list processes of control group %s: %w", m.Group, err)
	}
	var errs []error
	for _, pid := range pids {
		err := put(m.home(), "cgroup.procs", strconv.Itoa(pid))
		if err != nil && !errors.Is(err, syscall.ESRCH) { // one that ended is where it should be
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// home is where the processes came from, or, when that is gone, the nearest group above that is still there.
func (m Move) home() string {
	dir := m.Home
	for dir != m.Top && strings.HasPrefix(dir, m.Top+"/") {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return m.Top
}

// Check returns nil when nothing of the limits is left.
func (u Undo) Check() error {
	if u.elsewhere() {
		return nil
	}
	for _, m := range u.Moves {
		if _, err := os.Stat(m.Group); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("control group %s is still there", m.Group)
		}
	}
	for _, s := range u.Sets {
		now, err := value(s.Group, s.File, s.Key)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if now == s.Ours && s.Ours != s.Before {
			return fmt.Errorf("%s/%s is still %s", s.Group, s.File, s.Ours)
		}
	}
	return nil
}

// Remedy is what a person can run.
func (u Undo) Remedy() string {
	var out []string
	for _, s := range u.Sets {
		if now, err := value(s.Group, s.File, s.Key); err == nil && now == s.Ours {
			out = append(out, fmt.Sprintf("echo '%s' > '%s'", line(s.Key, s.Before), filepath.Join(s.Group, s.File)))
		}
	}
	for _, m := range u.Moves {
		if _, err := os.Stat(m.Group); err == nil {
			out = append(out, fmt.Sprintf("for p in $(cat '%s/cgroup.procs'); do echo $p > '%s/cgroup.procs'; done; rmdir '%s'", m.Group, m.home(), m.Group))
		}
	}
	return strings.Join(out, "; ")
}

// value reads a file of a group, or the line of a file that has the key ("" when none has).
func value(group, file, key string) (string, error) {
	data, err := os.ReadFile(filepath.Join(group, file))
	if err != nil {
		return "", fmt.Errorf("read limit: %w", err)
	}
	text := strings.TrimSpace(string(data))
	if key == "" {
		return text, nil
	}
	for l := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(l), key+" "); ok {
			return rest, nil
		}
	}
	return "", nil
}

func put(group, file, text string) error {
	f, err := os.OpenFile(filepath.Join(group, file), os.O_WRONLY|os.O_TRUNC, 0) // never made: in a group the kernel makes all files
	if err != nil {
		return fmt.Errorf("set limit: %w", err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("set limit to %s: %w", text, err)
	}
	return nil
}
