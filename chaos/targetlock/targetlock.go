//go:build unix

// Package targetlock sees to it that one target is under one experiment at a time, across processes of one machine. A
// lock is a file that the kernel holds for its process, so it is given back however the process dies.
package targetlock

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Dir is the folder of the locks, beside the journals: whoever shares the one shares the other. It is made when it is
// not there. Files in it stay: taking one away would let two processes hold the same name.
type Dir string

// Holder says who holds a lock, for the message to who wanted it too.
type Holder struct {
	Experiment string    `json:"experiment"`
	Session    string    `json:"session"`
	PID        int       `json:"pid"`
	Since      time.Time `json:"since"`
}

// BusyError says that a target is under another experiment.
type BusyError struct {
	Target string
	Holder Holder // zero when it could not be read
}

// Error implements error.
func (e *BusyError) Error() string {
	if e.Holder.Experiment == "" {
		return fmt.Sprintf("%s is under another experiment; wait for its end", e.Target)
	}
	return fmt.Sprintf("%s is under the experiment %s of session %s (process %d) since %s; wait for its end, or abort it there",
		e.Target, e.Holder.Experiment, e.Holder.Session, e.Holder.PID, e.Holder.Since.Format("15:04:05"))
}

// Held are the locks of one experiment.
type Held struct{ files []*os.File }

// Acquire takes the locks of all targets, or none. A target that is taken is a *BusyError; nobody is waited for.
func (d Dir) Acquire(holder Holder, targets []string) (*Held, error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, fmt.Errorf("lock targets: %w", err)
	}
	note, err := json.Marshal(holder)
	if err != nil {
		return nil, fmt.Errorf("lock targets: %w", err)
	}
	names := slices.Clone(targets)
	slices.Sort(names)
	held := &Held{}
	for _, name := range slices.Compact(names) {
		f, err := d.take(name, note)
		if err != nil {
			return nil, errors.Join(err, held.Release())
		}
		held.files = append(held.files, f)
	}
	return held, nil
}

func (d Dir) take(name string, note []byte) (*os.File, error) {
	path := d.file(name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		err = &BusyError{Target: name, Holder: read(f)}
	case err != nil:
		err = fmt.Errorf("lock %s: %w", name, err)
	default:
		if err = f.Truncate(0); err == nil {
			_, err = f.WriteAt(note, 0)
		}
		if err == nil {
			return f, nil
		}
		err = fmt.Errorf("lock %s: %w", name, err)
	}
	return nil, errors.Join(err, f.Close())
}

// file is the lock's file: the name as far as it is harmless, for people, and its hash.
func (d Dir) file(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, name)
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(string(d), plain[:min(len(plain), 40)]+"-"+hex.EncodeToString(sum[:8])+".lock")
}

// read is who holds a lock, as he wrote it down. Without a note the lock counts all the same.
func read(f *os.File) (h Holder) {
	buf := make([]byte, 4096)
	n, _ := f.ReadAt(buf, 0) // the end of the file is where it should end
	if err := json.Unmarshal(buf[:n], &h); err != nil {
		return Holder{}
	}
	return h
}

// Release gives all locks back. It may be called more than once.
func (h *Held) Release() error {
	var errs []error
	for _, f := range h.files {
		errs = append(errs, f.Close())
	}
	h.files = nil
	return errors.Join(errs...)
}
