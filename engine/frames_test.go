package engine

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func TestThoseWhoLookAtTheSameShareItsFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		f := NewFrames(func(v signal.View) *signal.Frame {
			made.Add(1)
			time.Sleep(5 * time.Millisecond)
			return &signal.Frame{Window: v.Window}
		})
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 5 * time.Millisecond) // they do not tick together
				for range 50 {
					require.NotNil(t, f.Frame(t.Context(), view(time.Now(), true)))
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		all.Wait()
		require.Less(t, made.Load(), int64(70), "20 cockpits for five seconds cost what one does")
		require.Greater(t, made.Load(), int64(40))
	})
}

func TestDifferentViewsHaveTheirOwnFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFrames(func(v signal.View) *signal.Frame { return &signal.Frame{Window: v.Window, Focus: v.Focus} })
		now := time.Now()
		a := f.Frame(t.Context(), view(now, true))
		focused := view(now, true)
		focused.Focus = "order-7"
		require.Equal(t, signal.CorrelationID("order-7"), f.Frame(t.Context(), focused).Focus)
		longer := view(now, true)
		longer.Window.From = now.Add(-time.Hour)
		require.Equal(t, time.Hour, f.Frame(t.Context(), longer).Window.Length())
		past := f.Frame(t.Context(), view(now.Add(-time.Minute), false))
		require.Equal(t, now.Add(-time.Minute), past.Window.To, "whoever stands still sees his own instant")
		require.Same(t, a, f.Frame(t.Context(), view(now.Add(time.Millisecond), true)))
		for i := range 3 * maxShared {
			v := view(now, true)
			v.Logs.Limit = i + 1
			f.Frame(t.Context(), v)
		}
		require.LessOrEqual(t, len(f.shared), maxShared)
	})
}

func TestFramesThatTakeLongAreNotMadeOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at, most atomic.Int64
		var made atomic.Int64
		f := NewFrames(func(signal.View) *signal.Frame {
			most.Store(max(most.Load(), at.Add(1)))
			made.Add(1)
			time.Sleep(200 * time.Millisecond)
			at.Add(-1)
			return &signal.Frame{}
		})
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				v := view(time.Now(), true)
				v.Logs.Limit = i + 1
				for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(100 * time.Millisecond) {
					f.Frame(t.Context(), v)
				}
			})
		}
		all.Wait()
		require.LessOrEqual(t, most.Load(), int64(max(runtime.GOMAXPROCS(0)/2, 1)), "never on all processors")
		require.Less(t, made.Load(), int64(12*14), "each rests three times as long as it took")
	})
}

func TestAFrameThatBreaksHoldsNobodyUp(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	f := NewFrames(func(signal.View) *signal.Frame {
		if broken.Load() {
			panic("a frame that breaks")
		}
		return &signal.Frame{}
	})
	v := view(time.Now(), true)
	require.Panics(t, func() { f.Frame(t.Context(), v) })
	broken.Store(false)
	require.NotNil(t, f.Frame(t.Context(), v))
}

func TestWhoLeavesDoesNotWaitForAFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		f := NewFrames(func(signal.View) *signal.Frame { <-let; return &signal.Frame{} })
		v := view(time.Now(), true)
		go f.Frame(t.Context(), v)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Nil(t, f.Frame(ctx, v))
		close(let)
	})
}

func TestLivePicturesOfTwoLengthsDoNotPushEachOtherOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &fakeDB{value: 3}
		p := newPanels(only(db), []PanelSpec{{Title: "one", Query: "up"}}, HeadlineSpec{})
		short, long := 2*time.Minute, time.Hour
		at := func(length time.Duration) signal.View {
			now := time.Now()
			return signal.View{Window: signal.Window{From: now.Add(-length), To: now}, Live: true}
		}
		p.get(t.Context(), at(short))
		p.get(t.Context(), at(long))
		time.Sleep(time.Second)
		for range 50 {
			a, _ := p.get(t.Context(), at(short))
			b, _ := p.get(t.Context(), at(long))
			require.Empty(t, a[0].Err)
			require.Empty(t, b[0].Err)
			time.Sleep(100 * time.Millisecond)
		}
		for i := range 100 {
			p.get(t.Context(), at(time.Duration(i+10)*time.Minute))
		}
		time.Sleep(time.Second)
		p.get(t.Context(), at(7*time.Minute))
		p.close()
		require.LessOrEqual(t, len(p.live), maxPictures)
	})
}
