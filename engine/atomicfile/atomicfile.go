// Package atomicfile writes files that a reader never sees half of.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write puts a file in place at once: whoever reads it gets the old one or the whole new one, also after a power cut. What is there
// already is replaced. mode is that of the new file; nobody else can read it before. The directory must be there, and is where the
// new file stands under another name until it is whole; nothing of it is left beside an error.
func Write(path string, data []byte, mode os.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".gameday-*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		if gone := os.Remove(f.Name()); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	_, werr := f.Write(data)
	if err := errors.Join(werr, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil // it is written; only the directory cannot be synced here
	}
	_ = d.Sync() // some file systems have no such thing
	return d.Close()
}
