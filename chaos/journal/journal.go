package journal

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"gameday/chaos/proc"
)

// Suffix is how a journal's file name ends; the session's name comes before it.
const Suffix = ".journal"

// ErrLocked says that someone who is alive is in charge of the journal.
var ErrLocked = errors.New("journal is in use")

// file is what a journal needs of an *os.File; tests put failing disks here.
type file interface {
	Write([]byte) (int, error)
	Sync() error
	Truncate(int64) error
	Close() error
}

// Journal is an open journal of which this process is in charge. It is safe for concurrent use.
type Journal struct {
	path  string
	owner Owner
	torn  string // side file that a torn end was moved to

	mu     sync.Mutex
	f      file
	buf    []byte
	size   int64  // bytes of whole records
	next   uint64 // sequence number
	broken error  // why nothing can be written any more
	closed bool

	syncMu sync.Mutex
	synced int64 // bytes known to be on disk
}

// names that sort by time, are short (a socket lies beside the journal, and its path may have 107 bytes), and need no quoting.
var sessionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$`)

// Create starts a session's journal in dir, which is made if need be and must not be writable by others: what is
// written there is later done to processes with the rights of whoever recovers. It fails when the session has one.
func Create(dir, session string) (*Journal, error) {
	if !sessionName.MatchString(session) {
		return nil, fmt.Errorf("create journal: session name %q must be 1 to 40 letters, digits, _ or -", session)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create journal directory: %w", err)
	}
	if err := CheckDir(dir); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	path := filepath.Join(abs, session+Suffix)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	j := &Journal{path: path, f: f, owner: owner(session)}
	if err = lock(f); err == nil && !sameFile(f, path) { // a recovery came between and took the empty file for a leftover
		err = errors.New("the new file was removed by another process; try again")
	}
	if err == nil {
		err = j.append(Record{Type: Open, Owner: &j.owner}, true)
	}
	if err == nil {
		err = syncDir(abs)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create journal: %w", err), f.Close(), os.Remove(path))
	}
	return j, nil
}

func owner(session string) Owner {
	o := Owner{Session: session, Process: proc.Self(), Command: strings.Join(os.Args, " ")}
	if len(o.Command) > 200 {
		o.Command = o.Command[:200]
	}
	// Host and user are for people to read; a machine that does not tell them still gets its journal.
	if h, err := os.Hostname(); err == nil {
		o.Host = h
	}
	if u, err := user.Current(); err == nil {
		o.User = u.Username
	}
	return o
}

// CheckDir refuses a journal directory that someone else owns or can write to.
func CheckDir(dir string) error {
	st, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("open journal directory: %w", err)
	}
	if !st.IsDir() {
		return fmt.Errorf("open journal directory: %s is not a directory", dir)
	}
	if st.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("journal directory %s can be written by others; run: chmod go-w %s", dir, quote(dir))
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && int(sys.Uid) != os.Geteuid() {
		return fmt.Errorf("journal directory %s belongs to user %d, not to you (%d); choose another or run as that user", dir, sys.Uid, os.Geteuid())
	}
	return nil
}

// Adopt takes charge of a journal whose owner is gone, to undo what it says. A torn end is moved to a side file and cut
// off. It fails with ErrLocked while someone alive is in charge, and with a *DamageError when bytes are wrong; then it
// takes nothing.
func Adopt(path string) (*Journal, *Contents, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("adopt journal: %w", err)
	}
	if err := lock(f); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("adopt journal %s: %w", path, err), f.Close())
	}
	if !sameFile(f, path) { // its owner finished and removed it between open and lock
		return nil, nil, errors.Join(fmt.Errorf("adopt journal %s: %w", path, os.ErrNotExist), f.Close())
	}
	c, err := Read(path)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	if c.valid == 0 { // not even its first record was written through: nothing was touched under it
		c.Closed = true
	}
	j := &Journal{path: path, f: f, owner: c.Owner, size: c.valid, synced: c.valid, next: c.next}
	if c.Torn > 0 {
		if err := j.setAside(c); err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
	}
	return j, c, nil
}

// setAside copies the torn end beside the journal, for whoever wants to know, and cuts it off.
func (j *Journal) setAside(c *Contents) error {
	data, err := os.ReadFile(j.path)
	if err != nil {
		return fmt.Errorf("set torn end aside: %w", err)
	}
	j.torn = fmt.Sprintf("%s.torn-%d", j.path, c.valid)
	if err := os.WriteFile(j.torn, data[c.valid:], 0o600); err != nil {
		return fmt.Errorf("set torn end aside: %w", err)
	}
	if err := j.f.Truncate(c.valid); err != nil {
		return fmt.Errorf("cut torn end off %s: %w", j.path, err)
	}
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("cut torn end off %s: %w", j.path, err)
	}
	return nil
}

// Path is the journal's file.
func (j *Journal) Path() string { return j.path }

// Dir is the directory it lies in.
func (j *Journal) Dir() string { return filepath.Dir(j.path) }

// KeeperLog is where the keeper of the journal at path writes what it does.
func KeeperLog(path string) string { return strings.TrimSuffix(path, Suffix) + ".keeper.log" }

// Owner is whose journal it is.
func (j *Journal) Owner() Owner { return j.owner }

// Torn is the side file that a torn end was moved to on Adopt, or "".
func (j *Journal) Torn() string { return j.torn }

// Intent puts on disk that a fault is about to be applied. Nothing may be touched unless it returned nil.
func (j *Journal) Intent(f Fault) error { return j.append(Record{Type: Intent, Fault: &f}, true) }

// Armed puts on disk that a fault is in force.
func (j *Journal) Armed(id string) error { return j.append(Record{Type: Armed, ID: id}, true) }

// Undone puts on disk that nothing of a fault is left; outcome says how that is known, by who undid it.
func (j *Journal) Undone(id, outcome, by string) error {
	return j.append(Record{Type: Undone, ID: id, Outcome: outcome, By: by}, true)
}

// Failed notes that an undo was given up and what a person can do. The fault stays pending.
func (j *Journal) Failed(id, by string, cause error, remedy string) error {
	return j.append(Record{Type: Failed, ID: id, By: by, Err: cause.Error(), Remedy: remedy}, false)
}

// append writes one record. When sync is set it is on disk before append returns; writers that come together share one
// sync. After a write that failed and could not be taken back, or a failed sync, the journal is broken for good: the
// kernel may have forgotten the bytes that it could not write, so a later success would prove nothing.
func (j *Journal) append(r Record, sync bool) error {
	end, err := j.write(&r)
	if err != nil {
		return fmt.Errorf("write %s to journal %s: %w", r.Type, j.path, err)
	}
	if !sync {
		return nil
	}
	if err := j.syncTo(end); err != nil {
		return fmt.Errorf("write %s to journal %s: %w", r.Type, j.path, err)
	}
	return nil
}

func (j *Journal) write(r *Record) (end int64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return 0, os.ErrClosed
	}
	if j.broken != nil {
		return 0, fmt.Errorf("not written, because an earlier write failed (%w); free space and start a new session", j.broken)
	}
	r.Seq, r.At = j.next, time.Now()
	if j.buf, err = appendFrame(j.buf[:0], r); err != nil {
		return 0, err
	}
	if _, err = j.f.Write(j.buf); err != nil {
		if terr := j.f.Truncate(j.size); terr != nil {
			j.broken = err
		}
		return 0, err
	}
	j.next++
	j.size += int64(len(j.buf))
	return j.size, nil
}

func (j *Journal) syncTo(end int64) error {
	j.syncMu.Lock()
	defer j.syncMu.Unlock()
	if j.synced >= end {
		return nil
	}
	j.mu.Lock()
	size, broken, f := j.size, j.broken, j.f
	j.mu.Unlock()
	if broken != nil {
		return broken
	}
	if err := f.Sync(); err != nil {
		j.mu.Lock()
		j.broken = err
		j.mu.Unlock()
		return err
	}
	j.synced = size
	return nil
}

// Close gives the journal up. With clean set, nothing is left to undo: the file is marked closed and removed.
func (j *Journal) Close(clean bool) error {
	var errs []error
	var marked error
	if clean {
		marked = j.append(Record{Type: Closed}, true)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	if clean { // removed while locked, so that nobody can adopt it in between
		if err := os.Remove(j.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, marked, fmt.Errorf("remove finished journal: %w", err))
		}
	}
	if err := j.f.Close(); err != nil {
		errs = append(errs, fmt.Errorf("close journal: %w", err))
	}
	return errors.Join(errs...)
}

// List names the journals in dir, oldest first. A directory that does not exist holds none.
func List(dir string) ([]string, error) {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err := CheckDir(dir); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("list journals: %w", err)
	}
	entries, err := os.ReadDir(abs)
	if err != nil {
		return nil, fmt.Errorf("list journals: %w", err)
	}
	var paths []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), Suffix) {
			paths = append(paths, filepath.Join(abs, e.Name()))
		}
	}
	sort.Strings(paths)
	return paths, nil
}

// Held reports whether someone alive is in charge of the journal.
func Held(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("look at journal: %w", err)
	}
	err = lock(f)
	held := errors.Is(err, ErrLocked)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if held {
		return true, nil
	}
	return false, err
}
