package nft

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// NewName is a name for a table that nobody has: it is the mark of ownership, so it must not come from a seed.
func NewName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails; see its documentation
	return "gameday_" + hex.EncodeToString(b[:])
}

// Armed is a table in the kernel whose lease this process renews.
type Armed struct {
	spec   Spec
	stop   chan struct{}
	once   sync.Once // closes stop
	over   chan struct{}
	lapses atomic.Uint64 // how often the lease ran out although this process lives, so that everything passed for a while
}

// Arm installs the rules, at once and whole or not at all, and renews their lease three times as often as it needs to be
// until Disarm.
func Arm(s Spec) (*Armed, error) {
	if s.Lease <= 0 {
		s.Lease = DefaultLease
	}
	if err := install(s); err != nil {
		return nil, fmt.Errorf("install table %s: %w", s.Name, err)
	}
	a := &Armed{spec: s, stop: make(chan struct{}), over: make(chan struct{})}
	go a.renew()
	return a, nil
}

// renew ends with Disarm, or when someone deleted the table.
func (a *Armed) renew() {
	defer close(a.over)
	every := a.spec.Lease / 3
	tick := time.NewTicker(every)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-a.stop:
			return
		case <-tick.C:
		}
		if time.Since(last) > a.spec.Lease { // this process was stopped meanwhile, or starved
			a.lapses.Add(1)
		}
		switch err := renew(a.spec); {
		case err == nil:
			last = time.Now()
		case errors.Is(err, ErrGone): // undone by another process
			return
		} // any other error: tried again at the next tick; if it stays, the rules disarm themselves
	}
}

// Pass stops the renewal and lets everything pass from now on, while the table stays. Packets that a queue holds must be
// let go between Pass and Disarm: when a table goes, the kernel drops all packets held in queues.
func (a *Armed) Pass() error {
	a.halt()
	if err := pass(a.spec); err != nil && !errors.Is(err, ErrGone) {
		return fmt.Errorf("disarm table %s: %w", a.spec.Name, err)
	}
	return nil
}

// Disarm stops the renewal, deletes the table and verifies that it is gone. It can be called again after an error.
func (a *Armed) Disarm() error {
	a.halt()
	return Remove(Undo{a.spec.Name, a.spec.Namespace})
}

func (a *Armed) halt() {
	a.once.Do(func() { close(a.stop) })
	<-a.over
}

// Count is how many packets the rules hit so far; 0 when the table is gone.
func (a *Armed) Count() uint64 {
	n, err := count(a.spec)
	if err != nil {
		return 0
	}
	return n
}
