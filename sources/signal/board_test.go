package signal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// A panel whose source is lost shows what it showed: shares as shares, sums as sums, each series in its own unit.
func TestAPanelThatIsKeptIsWrittenAsItWas(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	last := signal.BoardPanel{Panel: signal.Panel{Unit: "percent", Series: []signal.Series{{Name: "a", Samples: []signal.Sample{{T: at, V: 40}}}, {Name: "b", Samples: []signal.Sample{{T: at, V: 100}}}}},
		Values: []float64{40, 60}, Stacked: true, Formats: []signal.BoardFormat{{}, {Unit: "s"}}}
	lost := signal.BoardPanel{Panel: signal.Panel{Unit: "req/s", Err: "nobody listens there", Failed: true}}
	now := lost
	require.True(t, now.Keep(last, at, signal.Window{From: at.Add(-time.Minute), To: at.Add(time.Second)}))
	want := last
	want.Err, want.Failed, want.Stale = lost.Err, true, at
	require.Equal(t, want, now)

	now = lost
	require.False(t, now.Keep(last, at, signal.Window{From: at.Add(time.Minute), To: at.Add(2 * time.Minute)}), "it is out of the window by now")
	require.Equal(t, lost, now)
}
