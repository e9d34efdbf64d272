package engine

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"gameday/sources/signal"
)

// How often the picture of one view is made anew when several people look.
const (
	sharedEvery = 90 * time.Millisecond // a little less than the screen's rhythm
	sharedRest  = 3                     // for each moment of work on a picture, so many of rest
	maxShared   = 64                    // pictures kept; one more drops the oldest
)

// Frames makes the pictures of a session for several cockpits at a time, at a cost that does not grow with their number as
// long as they look at the same: whoever asks for what another one has just been given gets the same frame. Different ones
// are made at most half as many at a time as there are processors, and one that took long is not made again soon. Frames are
// shared and never changed. Safe for concurrent use.
type Frames struct {
	make  func(signal.View) *signal.Frame
	slots chan struct{}

	mu     sync.Mutex
	shared map[string]*sharedFrame
	asked  uint64
}

// sharedFrame is the latest picture of one view.
type sharedFrame struct {
	frame *signal.Frame
	next  time.Time     // when it may be made again
	busy  chan struct{} // closed when the one that is being made is there; nil when none is
	used  uint64
}

// NewFrames makes pictures with make, which must be safe for concurrent use and must not change a frame that it has handed out.
func NewFrames(make_ func(signal.View) *signal.Frame) *Frames {
	return &Frames{make: make_, slots: make(chan struct{}, max(runtime.GOMAXPROCS(0)/2, 1)), shared: map[string]*sharedFrame{}}
}

// Frame is the picture that a view asks for, not older than a tenth of a second or three times what it takes to make it. It
// returns nil when ctx ends while it waits.
func (f *Frames) Frame(ctx context.Context, v signal.View) *signal.Frame {
	key := sharedKey(v)
	for {
		f.mu.Lock()
		s := f.entry(key)
		if s.busy == nil {
			if s.frame != nil && time.Now().Before(s.next) {
				out := s.frame
				f.mu.Unlock()
				return out
			}
			s.busy = make(chan struct{})
			f.mu.Unlock()
			return f.draw(ctx, s, v)
		}
		busy := s.busy
		f.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil
		}
	}
}

// entry is the view's picture, which may be still to be made. The caller holds the lock.
func (f *Frames) entry(key string) *sharedFrame {
	f.asked++
	s := f.shared[key]
	if s == nil {
		s = &sharedFrame{}
		f.shared[key] = s
		if len(f.shared) > maxShared {
			f.forget(key)
		}
	}
	s.used = f.asked
	return s
}

// forget drops the picture that was asked for the longest ago. Whoever waits for it still gets it.
func (f *Frames) forget(but string) {
	oldest, least := "", f.asked+1
	for k, s := range f.shared {
		if k != but && s.used < least {
			oldest, least = k, s.used
		}
	}
	delete(f.shared, oldest)
}

// draw makes the picture. Whatever happens, those who wait are let go.
func (f *Frames) draw(ctx context.Context, s *sharedFrame, v signal.View) (out *signal.Frame) {
	began := time.Now()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if out != nil {
			s.frame, s.next = out, began.Add(max(sharedEvery, (1+sharedRest)*time.Since(began)))
		}
		close(s.busy)
		s.busy = nil
	}()
	select {
	case f.slots <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	defer func() { <-f.slots }()
	began = time.Now() // waiting for the others is no work
	return f.make(v)
}

// sharedKey is the same for two views that show the same: live ones of one length do, at whatever moment they ask.
func sharedKey(v signal.View) string {
	length := v.Window.Length()
	if v.Live {
		v.Window = signal.Window{}
	}
	return fmt.Sprintf("%v %+v", length, v)
}
