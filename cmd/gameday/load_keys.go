package main

import (
	"os"
	"sync"

	"gameday/engine/load"
	"gameday/sources/signal"
)

// keyboard is a terminal whose keys steer a load that runs. The zero value has none. It is safe for concurrent use: a
// second signal gives the terminal back from wherever the program is.
type keyboard struct {
	mu   sync.Mutex
	keys chan byte // nil without a terminal
	give func()    // gives the terminal back and waits for the reader; nil when that is done
}

// take begins to read single keys when the file is a terminal and this program is in its foreground.
func (k *keyboard) take(tty *os.File) {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := make(chan byte, 16)
	if give, ok := singleKeys(tty, keys); ok {
		k.keys, k.give = keys, give
	}
}

// giveBack leaves the terminal as it was. It may be called more than once.
func (k *keyboard) giveBack() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.give != nil {
		k.give()
		k.give = nil
	}
}

// faster is what one press of a key makes of the rate and the users.
const faster = 1.1

// keysHelp is the keys in the progress line.
const keysHelp = "+ - space: faster, slower, hold"

// steer does what a key means, and says what was done.
func steer(run followed, key byte, state *signal.LoadState) string {
	adjustable, ok := run.(interface {
		Adjust(load.Adjustment) (string, error)
	})
	if !ok {
		return ""
	}
	var a load.Adjustment
	switch key {
	case '+', '=':
		a.Factor = faster
	case '-', '_':
		a.Factor = 1 / faster
	case ' ':
		a.Resume = state.Paused // the factor of 0 pauses
	case 'r', 'R':
		if !state.Paused {
			return ""
		}
		a.Resume = true
	default:
		return ""
	}
	said, err := adjustable.Adjust(a)
	if err != nil {
		return err.Error()
	}
	return said
}
