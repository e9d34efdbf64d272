package main

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// keyEvery is how often the end of watching is looked for.
const keyEvery = 200 * time.Millisecond

// watchKey calls pressed whenever the key is pressed at the terminal, while gameday is in its foreground. The returned
// function ends that and puts the terminal back as it was. Where there is no terminal it does nothing.
func watchKey(tty *os.File, key byte, pressed func()) (stop func()) {
	fd := int(tty.Fd())
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil || !foreground(fd) {
		return func() {}
	}
	modes := *old
	modes.Lflag &^= unix.ICANON | unix.ECHO // a key at a time; ctrl+c is a signal still
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &modes); err != nil {
		return func() {}
	}
	over := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() { readKeys(fd, key, pressed, over) })
	return func() {
		close(over)
		work.Wait()
		if foreground(fd) {
			_ = unix.IoctlSetTermios(fd, unix.TCSETS, old) // the terminal is gone: nothing to put back
		}
	}
}

func readKeys(fd int, key byte, pressed func(), over <-chan struct{}) {
	buf := make([]byte, 64)
	for {
		select {
		case <-over:
			return
		default:
		}
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, int(keyEvery.Milliseconds()))
		if err == unix.EINTR || err == nil && n == 0 {
			continue
		}
		if err != nil || ready[0].Revents&unix.POLLIN == 0 { // hung up
			return
		}
		if !foreground(fd) { // reading would stop us
			time.Sleep(keyEvery)
			continue
		}
		n, err = unix.Read(fd, buf)
		if err != nil || n == 0 {
			return
		}
		for _, b := range buf[:n] {
			if b == key {
				pressed()
			}
		}
	}
}

// foreground reports whether the terminal is ours to read and to set.
func foreground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
