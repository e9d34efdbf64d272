package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"gameday/tui"
)

// loan is a terminal that a session has taken, as the keeper needs to know it to give it back when the session cannot.
type loan struct {
	Path  string       `json:"path"`
	Modes unix.Termios `json:"modes"` // as they were before
	Crash string       `json:"crash"` // where a report of a crash would be
}

// loanFile stands beside the journal while a session has the terminal.
func loanFile(journal string) string { return journal + ".tty" }

// borrowTerminal writes down what the terminal looked like, before the cockpit takes it. The returned function says that it
// was given back in order.
func borrowTerminal(journal, crash string, tty *os.File) (returned func() error, err error) {
	modes, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("read the terminal's modes: %w", err)
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", tty.Fd()))
	if err != nil {
		return nil, fmt.Errorf("find the terminal's name: %w", err)
	}
	data, err := json.Marshal(loan{path, *modes, crash})
	if err != nil {
		return nil, err
	}
	file := loanFile(journal)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, fmt.Errorf("write down the terminal's modes: %w", err)
	}
	return func() error {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}, nil
}

// giveTerminalBack does for a dead session what it could not do any more: it leaves the alternate screen, shows the
// cursor and lets go of the mouse. The modes are only set when they are still those of the cockpit: a shell that has
// taken the terminal meanwhile has its own.
func giveTerminalBack(journal string) error {
	file := loanFile(journal)
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it was given back in order, or never taken
	}
	if err != nil {
		return err
	}
	var l loan
	if err := json.Unmarshal(data, &l); err != nil {
		return errors.Join(fmt.Errorf("read %s: %w", file, err), os.Remove(file))
	}
	tty, err := os.OpenFile(l.Path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return os.Remove(file) // the terminal is gone too, as with a dropped SSH link
	}
	defer tty.Close()
	if now, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS); err == nil && now.Lflag&(unix.ICANON|unix.ECHO) == 0 && now.Iflag&unix.ICRNL == 0 {
		if err := unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, &l.Modes); err != nil {
			fmt.Fprintln(os.Stderr, "gameday keeper: set the terminal's modes:", err)
		}
	}
	message := "\r\ngameday ended without warning; its keeper undoes every fault that was in force (gameday faults lists what is left).\r\n"
	if info, err := os.Stat(l.Crash); err == nil && info.Size() > 0 {
		message += "What happened is in " + l.Crash + "\r\n"
	}
	if _, err := tty.WriteString(tui.RestoreTerminal + message); err != nil {
		fmt.Fprintln(os.Stderr, "gameday keeper: give the terminal back:", err)
	}
	return os.Remove(file)
}

// watchEnd is closed when nobody holds the other end of the pipe any more. It only looks: reading is for the keeper.
func watchEnd(pipe *os.File) (<-chan struct{}, error) {
	fd, err := unix.FcntlInt(pipe.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("watch the session: %w", err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer unix.Close(fd)
		for {
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
			n, err := unix.Poll(p, -1)
			if errors.Is(err, unix.EINTR) || err == nil && n == 0 {
				continue
			}
			return // hung up, or the pipe cannot be watched: then the terminal's loan decides
		}
	}()
	return gone, nil
}
