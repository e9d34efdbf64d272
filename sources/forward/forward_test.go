package forward_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/forward"
	"gameday/sources/signal"
)

type exporter func(context.Context, signal.Batch) error

func (e exporter) Export(ctx context.Context, b signal.Batch) error { return e(ctx, b) }

func batch(n int) signal.Batch { return signal.Batch{Logs: make([]signal.Record, n)} }

// TestWhatFindsNoRoomIsDroppedAndCounted, while nobody waits for an endpoint that hangs.
func TestWhatFindsNoRoomIsDroppedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan error)
		var got []int
		q := forward.New(exporter(func(ctx context.Context, b signal.Batch) error {
			select {
			case err := <-release:
				got = append(got, b.Len())
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}), forward.Config{Most: 10})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- q.Run(ctx) }()
		for _, n := range []int{6, 4, 1, 0} {
			q.Offer(batch(n))
		}
		synctest.Wait()
		received, sent, dropped, err := q.Report()
		require.NoError(t, err)
		require.Equal(t, []uint64{11, 0, 1}, []uint64{received, sent, dropped})
		release <- nil
		synctest.Wait()
		q.Offer(batch(6)) // there is room again
		release <- errors.New("refused")
		synctest.Wait()
		_, sent, dropped, err = q.Report()
		require.EqualError(t, err, "refused")
		require.Equal(t, []uint64{6, 5}, []uint64{sent, dropped})
		release <- nil
		synctest.Wait()
		received, sent, dropped, err = q.Report()
		require.NoError(t, err)
		require.Equal(t, []uint64{17, 12, 5}, []uint64{received, sent, dropped})
		require.Equal(t, []int{6, 4, 6}, got, "in their order")

		q.Offer(batch(2)) // the endpoint hangs: it is given up after the time-out, or a moment after the end
		time.Sleep(time.Minute)
		_, _, _, err = q.Report()
		require.EqualError(t, err, "not taken for 1m0s: 2 signals wait, of at most 10")
		q.Offer(batch(3))
		began := time.Now()
		cancel()
		require.NoError(t, <-done)
		require.Equal(t, 2*time.Second, time.Since(began))
		received, sent, dropped, _ = q.Report()
		require.Equal(t, []uint64{22, 12, 10}, []uint64{received, sent, dropped})
	})
}

// TestWhatWaitsAtTheEndIsStillSent, such as the end of the fault that was undone when gameday was quit.
func TestWhatWaitsAtTheEndIsStillSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		q := forward.New(exporter(func(ctx context.Context, b signal.Batch) error {
			time.Sleep(300 * time.Millisecond)
			if ctx.Err() == nil {
				got = append(got, b.Len())
			}
			return ctx.Err()
		}), forward.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		for n := range 3 {
			q.Offer(batch(n + 1))
		}
		cancel()
		require.NoError(t, q.Run(ctx))
		require.Equal(t, []int{1, 2, 3}, got)
	})
}

// struggling is an exporter that tries for as long as it may.
type struggling struct {
	exporter
	lasting bool
}

func (s struggling) Trouble() (error, bool) { return errors.New("its certificate ended"), s.lasting }

// TestWhyNothingIsTakenIsSaid: at once when it does not pass by itself, else when it takes long.
func TestWhyNothingIsTakenIsSaid(t *testing.T) {
	for _, lasting := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			q := forward.New(struggling{func(ctx context.Context, _ signal.Batch) error { <-ctx.Done(); return ctx.Err() }, lasting}, forward.Config{})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- q.Run(ctx) }()
			q.Offer(batch(2))
			synctest.Wait()
			_, _, _, err := q.Report()
			if lasting {
				require.EqualError(t, err, "not taken for 0s: 2 signals wait, of at most 20000: its certificate ended")
			} else {
				require.NoError(t, err)
			}
			time.Sleep(time.Minute)
			_, _, _, err = q.Report()
			require.EqualError(t, err, "not taken for 1m0s: 2 signals wait, of at most 20000: its certificate ended")
			cancel()
			require.NoError(t, <-done)
		})
	}
}
