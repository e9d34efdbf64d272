package main

import (
	"math"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMemoryLimitFollowsWhatIsHeld(t *testing.T) {
	require.EqualValues(t, leastMemory, memoryLimit(0, 0))
	require.EqualValues(t, leastMemory, memoryLimit(30<<20, 15<<20))
	for _, live := range []uint64{leastMemory, 200 << 20, 3 << 30} {
		limit := memoryLimit(live, 15<<20)
		require.Greater(t, limit, int64(live+15<<20), "the collector must have room, or it runs all the time")
		require.Less(t, limit, int64(live+live/16+32<<20))
	}
	require.Positive(t, memoryLimit(math.MaxUint64, math.MaxUint64))
}

func TestHeldMemoryIsKnown(t *testing.T) {
	held := make([]byte, 64<<20)
	debug.FreeOSMemory() // a collection
	live, own := heldMemory()
	require.GreaterOrEqual(t, live, uint64(len(held)))
	require.Positive(t, own)
	require.Less(t, own, uint64(1<<30))
	held[0] = 1 // it was in use until here
}

func TestKeepSmallIsTakenBack(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	stop := keepSmall()
	require.Eventually(t, func() bool { return debug.SetMemoryLimit(-1) != before }, time.Minute, time.Millisecond)
	stop()
	require.Equal(t, before, debug.SetMemoryLimit(-1))
}

func TestKeepSmallLeavesItToWhoeverDecidedIt(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Setenv("GOGC", "")
		t.Setenv("GOMEMLIMIT", "")
		t.Setenv(name, "100")
		before := debug.SetMemoryLimit(-1)
		stop := keepSmall()
		require.Equal(t, before, debug.SetMemoryLimit(-1))
		stop()
	}
}
