package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources"
	"gameday/sources/correlate"
	"gameday/sources/driver"
	"gameday/sources/file"
	"gameday/sources/pattern"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// BenchmarkLiveTail is how long a line takes from being written to a file until a frame shows it. The screen takes ten frames
// a second, so a row is painted up to 100 ms after that.
func BenchmarkLiveTail(b *testing.B) {
	path := filepath.Join(b.TempDir(), "app.log")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(b, err)
	defer f.Close() // the test is over
	d, err := file.Kind().Open(driver.Settings{Name: "app", Address: path})
	require.NoError(b, err)
	st, err := store.New(store.Config{})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{store: st, ctx: ctx, correlate: correlate.New(nil), patterns: newPatterns(pattern.Config{}, 0), cfg: Config{Log: func(string, ...any) {}}}
	s.supervise(sources.Source{Name: "app", Kind: "file", Address: path, Driver: d})
	defer s.work.Wait()
	defer cancel()
	time.Sleep(100 * time.Millisecond) // it is being followed
	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		body := fmt.Sprintf("line %d", n)
		begun := time.Now()
		_, err := fmt.Fprintln(f, body)
		require.NoError(b, err)
		for {
			now := time.Now()
			logs := st.Frame(signal.View{Window: signal.Window{From: now.Add(-time.Minute), To: now.Add(time.Minute)}}).Logs
			if len(logs) > 0 && logs[len(logs)-1].Body == body {
				break
			}
			time.Sleep(time.Millisecond)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e6, "ms-median")
	b.ReportMetric(float64(took[len(took)*99/100])/1e6, "ms-p99")
}
