//go:build unix

package incident

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lock keeps other sessions from changing the book meanwhile. It waits for them: each holds it for one small write.
func (b *Book) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(b.dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the incidents: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock the incidents: %w", errors.Join(err, f.Close()))
	}
	return func() { _ = f.Close() }, nil // closing gives the lock back
}
