package hostnet

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Do runs fn on a thread of its own that is in the namespace of ns. What fn opens stays in that namespace; what it
// starts in other goroutines does not. The thread ends with fn.
func Do(ns *os.File, fn func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace %s: %w", ns.Name(), err)
		}
		return fn()
	})
}

// Scratch runs fn in a new and empty network namespace that ends with it: for probes, which leave nothing behind there.
// The error is ErrNoScratch when this process may not make one.
func Scratch(fn func(ns *os.File) error) error {
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); errors.Is(err, unix.EPERM) {
			return ErrNoScratch
		} else if err != nil {
			return fmt.Errorf("make a network namespace to probe in: %w", err)
		}
		ns, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			return fmt.Errorf("open the network namespace to probe in: %w", err)
		}
		defer ns.Close()
		return fn(ns)
	})
}

// onThread never unlocks its thread, so that the runtime ends it with the goroutine instead of giving a thread in a
// foreign namespace to others. The first thread of a process cannot be ended, and stands for the process in /proc/PID: it
// is kept busy meanwhile, so that another one is taken.
func onThread(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			err := onThread(fn)
			runtime.UnlockOSThread()
			done <- err
			return
		}
		done <- fn()
	}()
	return <-done
}

// May says what this process lacks to change the network, or nil.
func May() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("ask for own capabilities: %w", err)
	}
	if data[0].Effective&(1<<unix.CAP_NET_ADMIN) == 0 {
		return fmt.Errorf("it needs root, or the capability CAP_NET_ADMIN")
	}
	return nil
}
