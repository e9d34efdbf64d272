package main

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// What a session may take of memory besides what it holds. The signals are held without pointers, so that looking through
// them costs the collector next to nothing: it can run often when they fill the memory, and seldom while there are few.
const (
	leastMemory  = 128 << 20 // below it the collector goes at its own pace
	memoryRoom   = 8 << 20   // for what comes up between two collections ...
	memoryShare  = 24        // ... and one part in so many of what is held
	memoryLookup = 2 * time.Second

	memorySettled = 2 // look-ups after which a session has started
)

// keepSmall lets the collector aim at little more than what is held, until stop is called. What is held decides, not a
// fixed bound: one that is too low would leave the collector running all the time. A person who set GOGC or GOMEMLIMIT
// has decided it.
func keepSmall() (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(-1)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(memoryLookup)
		defer tick.Stop()
		for n := 0; ; n++ {
			if n == memorySettled {
				forgetStart()
			}
			debug.SetMemoryLimit(memoryLimit(heldMemory()))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return func() {
		close(done)
		<-ended
		debug.SetMemoryLimit(before)
	}
}

// memoryLimit is the limit for a heap of which live bytes are in use, with so many bytes of the runtime's own beside it.
func memoryLimit(live, own uint64) int64 {
	const most = math.MaxInt64 / 4
	live, own = min(live, most), min(own, most)
	return int64(max(live+own+live/memoryShare+memoryRoom, leastMemory))
}

// heldMemory is what of the heap was in use after the last collection, and what the runtime takes besides objects: stacks,
// its own books, gaps.
func heldMemory() (live, own uint64) {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	read := func(i int) uint64 {
		if s[i].Value.Kind() != metrics.KindUint64 { // a runtime that does not know it
			return 0
		}
		return s[i].Value.Uint64()
	}
	total, rest := read(1), read(2)+read(3)+read(4)
	return read(0), total - min(total, rest)
}
