//go:build crashtest

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// armCrash makes the binary of the end-to-end tests panic in a goroutine of its own on SIGUSR1, where no recover can catch it.
func armCrash() {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGUSR1)
	go func() {
		<-ch
		panic("a panic in a goroutine")
	}()
}
