package storage

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// deviceOf is MAJOR:MINOR of the file system that has the path.
func deviceOf(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)), nil
}

// allocate makes a file so long that its blocks are there. errCannotAllocate: the file system has to be written to instead.
func allocate(f *os.File, off, n int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, off, n)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return errCannotAllocate
	}
	return err
}

// setReadOnly makes one mount read-only, or lets it be written to, and leaves its other attributes as they are.
func setReadOnly(point string, on bool) error {
	attr := &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}
	if on {
		attr = &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	}
	return unix.MountSetattr(unix.AT_FDCWD, point, unix.AT_SYMLINK_NOFOLLOW, attr)
}

// detach takes a mount off its path at once; it ends when nobody uses it any more.
func detach(point string) error { return unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) }

// detachForced does the same, and ends with an error whatever waits for an answer of the mount's server.
func detachForced(point string) error {
	return unix.Unmount(point, unix.MNT_FORCE|unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
}

// tagFile marks a file as ours, where the file system has extended attributes.
func tagFile(f *os.File, tag string) {
	_ = unix.Fsetxattr(int(f.Fd()), attribute, []byte(tag), 0) // the tag stands in the file itself, too
}

// mayMount says why this process may not mount, or nil.
func mayMount() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("ask for capabilities: %w", err)
	}
	if data[0].Effective&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return errors.New("mounting needs root (CAP_SYS_ADMIN)")
	}
	return nil
}
