package compute

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gameday/chaos"
	"gameday/chaos/fault/process"
	"gameday/chaos/proc"
)

// tagPrefix begins the word on a hog's command line by which it is found again.
const tagPrefix = "gameday-hog-"

// Host is the inventory of faults that hit the machine as a whole: one target, localhost.
func Host() chaos.Inventory {
	return chaos.InventoryFunc(func(context.Context) ([]chaos.Target, error) {
		t := chaos.Target{Kind: chaos.TargetHost, Name: "localhost", Labels: map[string]string{"service": "localhost"}}
		if name, err := os.Hostname(); err == nil { // without one, localhost has to do
			t.Labels["hostname"] = name
		}
		return []chaos.Target{t}, nil
	})
}

// hog is a process of our own that uses something up. It ends in four ways, each enough by itself: we kill it; it reads
// the end of its standard input, of which we hold the other end; the kernel ends it with the thread that started it; its
// own deadline. A keeper finds it by the tag on its command line.
type hog struct {
	kind  string
	title string
	argv  []string
	undo  json.RawMessage
	tag   string
	words string // what it does, for the description
	unit  string
	// touched turns the hog's process and what it said when it was ready into a count.
	touched func(pid int, said string) uint64

	mu   sync.Mutex
	over bool
	pid  int
	said string
	last uint64
	kill func()        // ends the process; nil when none runs
	gone chan struct{} // closed when it was reaped
}

type hogUndo struct {
	Tag  string `json:"tag"`
	Boot string `json:"boot,omitempty"`
}

// newHog plans a process: argv is the program and the words that come first, flags are the mode's.
func newHog(kind string, argv []string, flags ...string) (*hog, error) {
	if err := program(kind, argv); err != nil {
		return nil, err
	}
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	h := &hog{kind: kind, tag: tagPrefix + hex.EncodeToString(raw[:])}
	h.argv = append(append(slices.Clone(argv), h.tag), flags...)
	var err error
	if h.undo, err = json.Marshal(hogUndo{h.tag, proc.BootID()}); err != nil {
		return nil, fmt.Errorf("describe undo of %s: %w", kind, err)
	}
	return h, nil
}

func (h *hog) Describe() chaos.Description {
	return chaos.Description{Title: h.title, Targets: []string{"localhost"}, Actions: []string{strings.Join(h.argv, " ") + "   # " + h.words},
		Undo: "kill the process with " + h.tag + " on its command line; it ends by itself, too, when gameday ends or at its deadline"}
}

func (h *hog) Undo() json.RawMessage { return h.undo }

// Apply starts the process and waits until it says that it is at it.
func (h *hog) Apply(ctx context.Context) error {
	out, err := h.start()
	if err != nil {
		return fmt.Errorf("%s: %w", h.kind, err)
	}
	ready := make(chan string, 1)
	go func() { // ends when the process does
		line, err := bufio.NewReader(io.LimitReader(out, 1<<10)).ReadString('\n')
		if err != nil {
			line = "failed: " + line
		}
		ready <- strings.TrimSpace(line)
		_, _ = io.Copy(io.Discard, out) // until it ends
		_ = out.Close()
	}()
	select {
	case line := <-ready:
		said, ok := strings.CutPrefix(line, "ready ")
		if !ok {
			return fmt.Errorf("%s: the process did not begin: %s", h.kind, line)
		}
		h.mu.Lock()
		h.said = said
		h.mu.Unlock()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: the process did not say that it is at it: %w", h.kind, ctx.Err())
	}
}

func (h *hog) start() (io.ReadCloser, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return nil, errors.New("it was taken back meanwhile")
	}
	cmd := exec.Command(h.argv[0], h.argv[1:]...)
	cmd.Dir, cmd.SysProcAttr = "/", attributes()
	in, theirs, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	out, its, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make pipe: %w", err), in.Close(), theirs.Close())
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, its, its
	started, gone := make(chan error, 1), make(chan struct{})
	go func() {
		// The kernel's signal on a parent's death comes when the thread ends that started the process, so that thread must
		// do nothing else until the process is over.
		runtime.LockOSThread()
		defer close(gone)
		err := cmd.Start()
		_ = in.Close() // the child has it
		_ = its.Close()
		started <- err
		if err == nil {
			_ = cmd.Wait() // killed, mostly
		}
		_ = theirs.Close()
	}()
	if err := <-started; err != nil {
		<-gone
		return nil, errors.Join(fmt.Errorf("start %s: %w", h.argv[0], err), out.Close())
	}
	h.pid, h.gone = cmd.Process.Pid, gone
	h.kill = func() {
		_ = cmd.Process.Kill() // may have ended
		_ = theirs.Close()
	}
	return out, nil
}

// Revert ends the process and waits until it is gone.
func (h *hog) Revert(ctx context.Context) error {
	h.Touched() // the last figure is read while it is there
	h.mu.Lock()
	h.over = true
	kill, gone := h.kill, h.gone
	h.kill = nil
	h.mu.Unlock()
	if kill != nil {
		kill()
	}
	if gone != nil {
		select {
		case <-gone:
		case <-ctx.Done():
			return fmt.Errorf("%s: process %d was killed and does not end: %w", h.kind, h.pid, ctx.Err())
		}
	}
	return endTagged(ctx, h.kind, h.tag)
}

// Verify returns nil when no process has the tag.
func (h *hog) Verify(context.Context) error {
	ids, err := tagged(h.tag)
	if err == nil && len(ids) > 0 {
		err = fmt.Errorf("%s: process %d is still there", h.kind, ids[0].PID)
	}
	return err
}

func (h *hog) Touched() (uint64, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pid != 0 && h.kill != nil {
		h.last = max(h.last, h.touched(h.pid, h.said))
	}
	return h.last, h.unit
}

// restoreHog ends what an undo from the journal names.
func restoreHog(ctx context.Context, kind string, undo []byte) error {
	u, err := readHog(kind, undo)
	if err != nil {
		return err
	}
	if u.Boot != "" && u.Boot != proc.BootID() {
		return nil
	}
	return endTagged(ctx, kind, u.Tag)
}

func readHog(kind string, undo []byte) (hogUndo, error) {
	var u hogUndo
	if err := json.Unmarshal(undo, &u); err != nil {
		return u, fmt.Errorf("read undo of %s: %w", kind, err)
	}
	if !strings.HasPrefix(u.Tag, tagPrefix) || len(u.Tag) != len(tagPrefix)+32 {
		return u, fmt.Errorf("read undo of %s: %q is not the tag of a process of gameday", kind, u.Tag)
	}
	return u, nil
}

func hogRemedy(kind string, undo []byte) string {
	u, err := readHog(kind, undo)
	if err != nil {
		return ""
	}
	return "pkill -KILL -f " + u.Tag
}

// tagged are the living processes with the tag on their command line.
func tagged(tag string) ([]proc.ID, error) {
	pids, err := process.PIDs()
	if err != nil {
		return nil, err
	}
	var out []proc.ID
	for _, pid := range pids {
		if !slices.Contains(process.Command(pid), tag) {
			continue
		}
		id, err := proc.Of(pid)
		if err != nil || !id.Alive() || !slices.Contains(process.Command(pid), tag) { // the last look is at what the ID names
			continue
		}
		out = append(out, id)
	}
	return out, nil
}

func endTagged(ctx context.Context, kind, tag string) error {
	for {
		ids, err := tagged(tag)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := id.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, proc.ErrGone) {
				return fmt.Errorf("%s: end process %d: %w", kind, id.PID, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: process %d was killed and does not end: %w", kind, ids[0].PID, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// cpuSeconds is the processor time that a process has used (proc(5): fields 14 and 15 of stat, in hundredths of a second).
func cpuSeconds(pid int, _ string) uint64 {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(data)[strings.LastIndexByte(string(data), ')')+1:])
	if len(f) < 13 {
		return 0
	}
	user, uerr := strconv.ParseUint(f[11], 10, 64)
	system, serr := strconv.ParseUint(f[12], 10, 64)
	if uerr != nil || serr != nil {
		return 0
	}
	return (user + system + 99) / 100
}
