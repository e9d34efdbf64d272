// Package hostnet holds what the faults on a machine's own network share: the network namespace they act in, and the
// guard that keeps the operator's own connections out of harm's way.
package hostnet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrGone says that a network namespace does not exist any more; with it went everything that was set in it.
var ErrGone = errors.New("the network namespace does not exist any more")

// ErrNoScratch says that this process may not make a network namespace to probe in, which takes CAP_SYS_ADMIN. Whether
// the kernel has something is then seen only when it is used.
var ErrNoScratch = errors.New("making a network namespace to probe in needs CAP_SYS_ADMIN")

// Namespace names a network namespace so that another process can find it again: it goes into the journal.
type Namespace struct {
	Path  string `json:"path,omitempty"` // where it was opened; "": the one that gameday ran in
	Inode uint64 `json:"inode"`          // of /proc/PID/ns/net; which namespace that was
}

// FindNamespace resolves what an operator writes: "" is the namespace of this process, a number the namespace of the
// process with that PID, a name one made by `ip netns add`, and anything with a slash a path such as /proc/1/ns/net.
func FindNamespace(name string) (Namespace, error) {
	n := Namespace{}
	switch _, err := strconv.ParseUint(name, 10, 31); {
	case name == "":
	case strings.Contains(name, "/"):
		n.Path = filepath.Clean(name)
	case err == nil:
		n.Path = "/proc/" + name + "/ns/net"
	default:
		n.Path = "/run/netns/" + name
	}
	path := n.Path
	if path == "" {
		path = ownPath
	}
	inode, err := inodeOf(path)
	if err != nil {
		return Namespace{}, fmt.Errorf("find network namespace %q: %w; `ip netns list` names those there are", name, err)
	}
	n.Inode = inode
	return n, nil
}

// ownPath is the namespace of the thread that asks. It is that of the process: threads in another one serve nobody but
// the function that put them there. /proc/self would be that of the first thread, which may be such a one.
const ownPath = "/proc/thread-self/ns/net"

// Own reports whether it is the namespace that this process is in.
func (n Namespace) Own() bool {
	inode, err := inodeOf(ownPath)
	return err == nil && inode == n.Inode
}

// Do runs fn in the namespace: where it is called when that is the own one, which needs no privilege, and else as the
// function Do does.
func (n Namespace) Do(fn func() error) error {
	if n.Own() {
		return fn()
	}
	f, err := n.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	return Do(f, fn)
}

// String is the path, or "" for the own one.
func (n Namespace) String() string { return n.Path }

// Prefix is what a command line needs before a command so that it runs in the namespace; "" for the own one.
func (n Namespace) Prefix() string {
	if n.Path == "" {
		return ""
	}
	return "nsenter --net=" + n.Path + " "
}

// Open opens the very namespace that was found, wherever it can be reached now: by its path, as the own one, or through
// any process in it. The error is ErrGone when nobody leads to it. The caller closes the file.
func (n Namespace) Open() (*os.File, error) {
	paths := []string{n.Path, ownPath}
	for i := 0; i < len(paths); i++ {
		if f, ok := n.open(paths[i]); ok {
			return f, nil
		}
		if i == 1 { // the unlikely and slow way last
			others, err := filepath.Glob("/proc/[0-9]*/ns/net")
			if err != nil {
				return nil, fmt.Errorf("look for network namespace %d: %w", n.Inode, err)
			}
			paths = append(paths, others...)
		}
	}
	return nil, ErrGone
}

func (n Namespace) open(path string) (*os.File, bool) {
	if inode, err := inodeOf(path); path == "" || err != nil || inode != n.Inode {
		return nil, false
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	if st, err := f.Stat(); err == nil {
		if s, ok := st.Sys().(*syscall.Stat_t); ok && s.Ino == n.Inode {
			return f, true
		}
	}
	_ = f.Close() // it was another one; nothing was written
	return nil, false
}

func inodeOf(path string) (uint64, error) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("this system has no network namespaces")
	}
	return s.Ino, nil
}
