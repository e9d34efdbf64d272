package metrics

import (
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/tsdb/fileutil"
)

// lockName differs from the database's own lock file, which it refuses to share.
const lockName = "in-use"

func lock(file string) (unlock func() error, err error) {
	r, _, err := fileutil.Flock(file)
	if err != nil {
		return nil, err
	}
	return r.Release, nil
}

// sweep removes what killed processes left: directories of our name whose lock nobody holds. A directory younger than a
// minute may be one that another process is just about to lock.
func sweep(tmp string) {
	left, err := filepath.Glob(filepath.Join(tmp, prefix+"*"))
	if err != nil {
		return // the pattern is constant, so this is a temporary directory with a strange name: nothing to sweep
	}
	for _, dir := range left {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if unlock, err := lock(filepath.Join(dir, lockName)); err == nil {
			_ = os.RemoveAll(dir) // best effort: the next start tries again
			_ = unlock()          // the file may be gone already
		}
	}
}
