//go:build linux || darwin

package main

import (
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// lookEvery is how often the reader of keys looks whether it is to end, in milliseconds.
const lookEvery = 100

// singleKeys has a terminal hand out keys one by one and unseen, until give is called, which brings its old modes back. Signals
// (ctrl+c) and what is printed are as ever. ok is false when the file is no terminal, or when another program is in its
// foreground: touching it would stop this one. Keys that nobody takes in time are dropped.
func singleKeys(tty *os.File, keys chan<- byte) (give func(), ok bool) {
	fd := int(tty.Fd())
	old, err := unix.IoctlGetTermios(fd, getModes)
	if err != nil || !ownsTerminal(fd) {
		return nil, false
	}
	single := *old
	single.Lflag &^= unix.ICANON | unix.ECHO
	single.Cc[unix.VMIN], single.Cc[unix.VTIME] = 1, 0
	if unix.IoctlSetTermios(fd, setModes, &single) != nil {
		return nil, false
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, unix.SIGCONT) // after ctrl+z, shells leave their own modes
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-again:
				if ownsTerminal(fd) {
					_ = unix.IoctlSetTermios(fd, setModes, &single) // at worst keys wait for the return key
				}
			default:
			}
			if !readSome(fd, keys) {
				return
			}
		}
	})
	return func() {
		close(done)
		reader.Wait()
		signal.Stop(again)
		if ownsTerminal(fd) {
			_ = unix.IoctlSetTermios(fd, setModes, old) // a terminal that is gone needs no modes
		}
	}, true
}

// readSome waits a moment for keys and hands them on. false is that there will be none any more.
func readSome(fd int, keys chan<- byte) bool {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, lookEvery)
	if err == unix.EINTR || err == nil && n == 0 {
		return true
	}
	if err != nil || poll[0].Revents&unix.POLLIN == 0 {
		return false // hung up
	}
	if !ownsTerminal(fd) {
		_, _ = unix.Poll(nil, lookEvery) // they are for somebody else
		return true
	}
	buf := make([]byte, 16)
	n, err = unix.Read(fd, buf)
	if err != nil || n <= 0 {
		return err == unix.EINTR || err == unix.EAGAIN
	}
	for _, key := range buf[:n] {
		select {
		case keys <- key:
		default:
		}
	}
	return true
}

// ownsTerminal reports whether what is typed is for this program.
func ownsTerminal(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
