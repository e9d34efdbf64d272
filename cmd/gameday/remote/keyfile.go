package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// How the file of keys is followed.
const (
	lookEvery = time.Second
	absentFor = 3 // looks in which the file was not there before nobody is let in: editors replace it
)

// KeyFile is a file of authorised keys that is read again when it changes. Safe for concurrent use.
type KeyFile struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex
	keys   Keys
	stamp  stamp
	absent int
}

// stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
	inode    uint64
	mode     fs.FileMode
}

// OpenKeys reads the file for the first time. Whatever is wrong with it is an error: somebody is there to mend it.
func OpenKeys(path string, log *slog.Logger) (*KeyFile, error) {
	f := &KeyFile{path: path, log: log}
	keys, st, err := readKeys(path)
	if at := new(fs.PathError); errors.As(err, &at) {
		err = at.Err // the file is named below
	}
	if err != nil {
		return nil, fmt.Errorf("authorised keys %s: %w", path, err)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("authorised keys %s: there is none, so nobody could come in; add a line such as: role=\"operator\" %s", path, "ssh-ed25519 AAAA… name")
	}
	f.keys, f.stamp = keys, st
	return f, nil
}

// readKeys reads the file, which nobody else may be able to write. The error may come with keys: those of the lines that are
// right.
func readKeys(path string) (Keys, stamp, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, stamp{}, err
	}
	defer f.Close() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, stamp{}, err
	}
	st := stampOf(info)
	switch {
	case !info.Mode().IsRegular():
		return nil, st, errors.New("it is no regular file")
	case info.Mode().Perm()&0o022 != 0:
		return nil, st, fmt.Errorf("others can write it (mode %04o), and so let themselves in: chmod go-w %s", info.Mode().Perm(), path)
	case !ownedByUs(info):
		return nil, st, errors.New("it belongs to somebody else, who could let himself in")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeysFile+1))
	if err != nil {
		return nil, st, err
	}
	keys, err := ParseKeys(data)
	return keys, st, err
}

// Find is the entry of a public key that is good now.
func (f *KeyFile) Find(pub gossh.PublicKey) (Key, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keys.Find(pub, time.Now())
}

// Follow looks at the file every second until ctx ends, and calls changed whenever who may come in has, and once a second
// besides: keys expire by themselves.
func (f *KeyFile) Follow(ctx context.Context, changed func()) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		f.look()
		changed()
	}
}

// look reads the file again when it is not what it was. A line that is wrong lets nobody in; the others count. While the file
// cannot be read for a moment the old keys hold, and then none.
func (f *KeyFile) look() {
	info, err := os.Stat(f.path)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.absent++
		if f.absent == absentFor {
			f.log.Error("authorised keys cannot be read: nobody is let in", "file", f.path, "error", reason(err))
			f.keys, f.stamp = nil, stamp{}
		}
		return
	}
	f.absent = 0
	if stampOf(info) == f.stamp {
		return
	}
	keys, st, err := readKeys(f.path)
	if err != nil {
		f.log.Error("authorised keys: what is wrong lets nobody in", "file", f.path, "error", err)
	}
	f.keys, f.stamp = keys, st
	f.log.Info("authorised keys read", "file", f.path, "keys", len(keys))
}

func stampOf(info fs.FileInfo) stamp {
	return stamp{info.ModTime(), info.Size(), inode(info), info.Mode()}
}

// reason is an error without the path that is told beside it.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
