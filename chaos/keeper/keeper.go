// Package keeper is the process that undoes faults when the session cannot any more.
//
// The session starts it before the first fault and holds one end of a pipe; the keeper holds the other. Whatever ends
// the session, the kernel closes its end, and the keeper restores everything that the journal does not say is undone.
// It lives in a session of its own, so that a closed terminal or a signal to the process group does not take both.
package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"gameday/chaos/journal"
)

const (
	startTimeout = 20 * time.Second // for the keeper to say that it is there
	pipeFD       = 3                // the first of exec.Cmd.ExtraFiles
	ready        = 'R'
)

// Config says how to start a keeper.
type Config struct {
	Exe     string   // the program that calls Main, usually this one
	Args    []string // what makes it do so; the journal's path is added at the end
	Journal string   // path of the session's journal
	// Died is called when the keeper died while the session lives; it is being started again. err says what is known. It
	// may be nil. Until Restarted is called, only `gameday recover` would undo faults after a kill of the session.
	Died func(err error)
	// Restarted is called when a new keeper stands in for one that died. It may be nil.
	Restarted func(pid int)
}

// Keeper is the session's hold on its keeper process. Close it after the journal.
type Keeper struct {
	cfg  Config
	log  string
	stop chan struct{}
	over chan struct{} // closed when the supervision has ended

	mu   sync.Mutex
	cmd  *exec.Cmd
	pipe *os.File // our end; the keeper acts when the kernel closes it
}

// Start starts the keeper and waits until it says that it stands ready. It watches it from then on, and starts another
// when it dies.
func Start(cfg Config) (*Keeper, error) {
	abs, err := filepath.Abs(cfg.Journal)
	if err != nil {
		return nil, fmt.Errorf("start keeper: %w", err)
	}
	cfg.Journal = abs
	k := &Keeper{cfg: cfg, log: journal.KeeperLog(abs), stop: make(chan struct{}), over: make(chan struct{})}
	if err := k.launch(); err != nil {
		return nil, err
	}
	go k.supervise()
	return k, nil
}

// PID is the keeper's process now.
func (k *Keeper) PID() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cmd.Process.Pid
}

func (k *Keeper) launch() error {
	ours, theirs, err := pair()
	if err != nil {
		return fmt.Errorf("start keeper: %w", err)
	}
	log, err := os.OpenFile(k.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return errors.Join(fmt.Errorf("start keeper: open its log: %w", err), ours.Close(), theirs.Close())
	}
	cmd := exec.Command(k.cfg.Exe, append(append([]string{}, k.cfg.Args...), k.cfg.Journal)...)
	cmd.Stdout, cmd.Stderr = log, log // stdin is /dev/null
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Dir = "/"                                        // keeps no file system busy
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2")       // it waits, nearly always
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // signals to our terminal or group do not reach it
	err = cmd.Start()
	err = errors.Join(err, theirs.Close(), log.Close())
	if err != nil {
		return errors.Join(fmt.Errorf("start keeper %s: %w", k.cfg.Exe, err), ours.Close())
	}
	if err := awaitReady(ours); err != nil {
		_ = cmd.Process.Kill() // may have ended by itself; Wait says
		werr := cmd.Wait()
		return errors.Join(fmt.Errorf("start keeper %s: it did not say that it is ready: %w (%v); its log: %s", k.cfg.Exe, err, werr, tail(k.log)), ours.Close())
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cmd, k.pipe = cmd, ours
	return nil
}

// pair makes a connected pair of sockets that no other child inherits. A pair of sockets serves as the pipe because the
// keeper has one thing to say in the other direction: that it is ready.
func pair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("make pipe: %w", err)
	}
	if err := syscall.SetNonblock(fds[0], true); err != nil { // so that reading our end can be given a deadline
		return nil, nil, errors.Join(fmt.Errorf("make pipe: %w", err), syscall.Close(fds[0]), syscall.Close(fds[1]))
	}
	return os.NewFile(uintptr(fds[0]), "keeper"), os.NewFile(uintptr(fds[1]), "session"), nil
}

func awaitReady(f *os.File) error {
	if err := f.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		return err
	}
	var b [1]byte
	if _, err := io.ReadFull(f, b[:]); err != nil {
		return err
	}
	if b[0] != ready {
		return fmt.Errorf("it said %q", b[0])
	}
	return f.SetReadDeadline(time.Time{})
}

func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil || len(data) == 0 {
		return "(empty)"
	}
	return strings.TrimSpace(string(data[max(0, len(data)-500):]))
}

// supervise waits for the keeper to end, and starts another unless the session is ending.
func (k *Keeper) supervise() {
	defer close(k.over)
	pause := 100 * time.Millisecond
	for {
		k.mu.Lock()
		cmd, pipe := k.cmd, k.pipe
		k.mu.Unlock()
		err := cmd.Wait()
		_ = pipe.Close() // Close may have done so
		select {
		case <-k.stop:
			return
		default:
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		for {
			if k.cfg.Died != nil {
				k.cfg.Died(fmt.Errorf("keeper process %d died (%w); starting another", cmd.Process.Pid, err))
			}
			select {
			case <-k.stop:
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, 5*time.Second)
			if err = k.launch(); err == nil {
				break
			}
		}
		if k.cfg.Restarted != nil {
			k.cfg.Restarted(k.PID())
		}
		select { // Close may have come during the launch and closed the pipe of the one before
		case <-k.stop:
			k.mu.Lock()
			_ = k.pipe.Close() // the keeper ends by it
			k.mu.Unlock()
		default:
		}
	}
}

// Close lets the keeper go and waits for it to end: at once when the journal is finished, else after it has tried what
// is left. It does not kill a keeper that is still at work when ctx ends.
func (k *Keeper) Close(ctx context.Context) error {
	k.mu.Lock()
	select {
	case <-k.stop:
	default:
		close(k.stop)
		_ = k.pipe.Close() // the supervision may have closed it already
	}
	k.mu.Unlock()
	select {
	case <-k.over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for keeper process %d: still at work on %s: %w", k.PID(), k.cfg.Journal, ctx.Err())
	}
}
