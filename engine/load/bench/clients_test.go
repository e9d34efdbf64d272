//go:build linux && (amd64 || arm64)

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatPeersPrint(t *testing.T) {
	o, err := readWrk([]byte(`Running 2s test @ http://127.0.0.1:45813/
  1 threads and 64 connections
  Latency Distribution
     50%  612.00us
     75%  640.00us
     90%    1.02ms
     99%    2.71ms
  154219 requests in 2.14s, 15.15MB read
Requests/sec:  72100.36
`), "", task{})
	require.NoError(t, err)
	require.EqualValues(t, 154219, o.Done)
	require.InDelta(t, 72100.36, o.Rate, 1e-9)
	require.Equal(t, [4]time.Duration{612 * time.Microsecond, 1020 * time.Microsecond, 2710 * time.Microsecond, 0}, o.Quantiles)

	o, err = readHey([]byte(`  Requests/sec:	1361.5646
Latency distribution:
  50%% in 0.0052 secs
  90% in 0.0237 secs
  99%% in 0.3617 secs
Status code distribution:
  [200]	4227 responses
`), "", task{})
	require.NoError(t, err)
	require.EqualValues(t, 4227, o.Done)
	require.InDelta(t, 1361.5646, o.Rate, 1e-9)
	require.Equal(t, [4]time.Duration{5200 * time.Microsecond, 23700 * time.Microsecond, 361700 * time.Microsecond, 0}, o.Quantiles)

	o, err = readAB([]byte(`Complete requests:      50000
Requests per second:    91234.56 [#/sec] (mean)
  50%      1
  90%      2
  99%      14
 100%     20 (longest request)
`), "", task{})
	require.NoError(t, err)
	require.EqualValues(t, 50000, o.Done)
	require.Equal(t, [4]time.Duration{time.Millisecond, 2 * time.Millisecond, 14 * time.Millisecond, 0}, o.Quantiles)

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "summary.json"), []byte(`{"metrics":{"http_reqs":{"count":300,"rate":99.5},
"dropped_iterations":{"count":7},"http_req_duration":{"med":1.5,"p(90)":2,"p(99)":3.25,"p(99.9)":4}}}`), 0o600))
	o, err = readK6(nil, dir, task{span: 3 * time.Second})
	require.NoError(t, err)
	require.EqualValues(t, 300, o.Done)
	require.EqualValues(t, 7, o.Missed)
	require.InDelta(t, 100, o.Rate, 1e-9)
	require.Equal(t, 1500*time.Microsecond, o.Quantiles[0])
	require.NoError(t, os.WriteFile(filepath.Join(dir, "result.json"), []byte(`{"ActualQPS":1999.5,"RetCodes":{"200":90,"503":10},
"DurationHistogram":{"Percentiles":[{"Percentile":50,"Value":0.001},{"Percentile":90,"Value":0.1}]}}`), 0o600))
	o, err = readFortio(nil, dir, task{})
	require.NoError(t, err)
	require.Equal(t, [2]uint64{100, 10}, [2]uint64{o.Done, o.Failed})
	require.Equal(t, 100*time.Millisecond, o.Quantiles[1])

	for _, read := range []func([]byte, string, task) (outcome, error){readWrk, readHey, readAB, readK6} {
		_, err := read([]byte("usage: ..."), t.TempDir(), task{})
		require.Error(t, err)
	}
	_, err = readOurs([]byte(`{"Done": 5, "Failed": 2}`), "", task{})
	require.ErrorContains(t, err, "2 of 5")
}

func TestTheTruthAboutTheStall(t *testing.T) {
	require.Zero(t, stallTruth(0.5, 0))
	require.InDelta(t, 100*time.Millisecond, stallTruth(0.9, 0), float64(time.Millisecond))
	require.InDelta(t, 190*time.Millisecond, stallTruth(0.99, 0), float64(time.Millisecond))

	// The same from every single arrival: the target answers one after the other, when it does not stand still.
	const rate, each = 2000, 14 * time.Microsecond
	var free time.Duration
	var waits []time.Duration
	for n := range 10 * rate {
		at := time.Duration(n) * time.Second / rate
		free = max(free, at)
		if into := free % stallEvery; into < stallFor {
			free += stallFor - into
		}
		free += each
		waits = append(waits, free-at)
	}
	slices.Sort(waits)
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
		require.InDelta(t, waits[int(q*float64(len(waits)))], stallTruth(q, rate*each.Seconds()), float64(time.Millisecond))
	}
}
