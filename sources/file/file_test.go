package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/driver"
	"gameday/sources/drivertest"
	"gameday/sources/signal"
)

const hexID = "4bf92f3577b34da6a3ce929d0e0e4736"

func opened(t testing.TB, pattern string, change ...func(*Driver)) *Driver {
	d, err := open(driver.Settings{Name: "files", Address: pattern}, nil)
	require.NoError(t, err)
	for _, c := range change {
		c(d)
	}
	return d
}

func appendTo(t testing.TB, path, text string) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestConformance(t *testing.T) {
	paths := map[driver.Driver]string{}
	var mu sync.Mutex
	drivertest.Run(t, drivertest.Harness{
		New: func(t *testing.T) driver.Driver {
			path := filepath.Join(t.TempDir(), "app.log")
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			d := opened(t, path)
			mu.Lock()
			defer mu.Unlock()
			paths[d] = path
			return d
		},
		Feed: func(_ context.Context, d driver.Driver) error {
			mu.Lock()
			defer mu.Unlock()
			f, err := os.OpenFile(paths[d], os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(f, drivertest.Hostile)
			return err
		},
		Broken: func(t *testing.T) (driver.Driver, string, error) {
			path := filepath.Join(t.TempDir(), "missing.log")
			return opened(t, path), path, nil
		},
	})
}

// followed runs a driver and keeps what it emits.
type followed struct {
	mu   sync.Mutex
	recs []signal.Record
	stop context.CancelFunc
	done chan error
}

func follow(t *testing.T, d *Driver) *followed {
	ctx, cancel := context.WithCancel(context.Background())
	f := &followed{stop: cancel, done: make(chan error, 1)}
	go func() {
		f.done <- d.Run(ctx, func(b signal.Batch) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.recs = append(f.recs, b.Logs...)
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-f.done)
	})
	return f
}

func (f *followed) bodies() (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.recs {
		out = append(out, r.Body)
	}
	return out
}

func (f *followed) await(t *testing.T, want ...string) {
	t.Helper()
	require.Eventually(t, func() bool { return len(f.bodies()) >= len(want) }, 20*time.Second, 5*time.Millisecond, "have %q", f.bodies())
	require.Equal(t, want, f.bodies())
}

func TestNoLineIsLostThroughRotation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.log")
	appendTo(t, path, "old\n")
	f := follow(t, opened(t, filepath.Join(dir, "*.log")))
	f.await(t, "old")
	appendTo(t, path, "one\n")
	f.await(t, "old", "one")
	appendTo(t, path, "tw")
	require.NoError(t, os.Rename(path, path+".1"))
	appendTo(t, path+".1", "o\n") // the writer still has it open
	appendTo(t, path, "three\n")
	f.await(t, "old", "one", "two", "three")
	require.NoError(t, os.Truncate(path, 0))
	time.Sleep(4 * lookEvery) // a file that grows past its old size before anybody looks cannot be told from one that was appended to
	appendTo(t, path, "four\n")
	f.await(t, "old", "one", "two", "three", "four")
	appendTo(t, filepath.Join(dir, "later.log"), "five\n")
	f.await(t, "old", "one", "two", "three", "four", "five")
}

func TestLogrotate(t *testing.T) {
	bin, err := exec.LookPath("logrotate")
	if err != nil {
		if _, err = os.Stat("/usr/sbin/logrotate"); err != nil {
			t.Skip("logrotate is not installed")
		}
		bin = "/usr/sbin/logrotate"
	}
	for _, how := range []string{"create", "copytruncate"} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "app.log")
			conf := filepath.Join(dir, "rotate.conf")
			require.NoError(t, os.WriteFile(conf, []byte(path+" {\n  rotate 3\n  "+how+"\n  missingok\n  compress\n  delaycompress\n}\n"), 0o600))
			appendTo(t, path, "line 0\n")
			f := follow(t, opened(t, path))
			want := []string{"line 0"}
			f.await(t, want...)
			for i := range 3 {
				appendTo(t, path, fmt.Sprintf("line %d before\n", i))
				want = append(want, fmt.Sprintf("line %d before", i))
				f.await(t, want...)
				out, err := exec.Command(bin, "-f", "-s", filepath.Join(dir, "state"), conf).CombinedOutput()
				require.NoError(t, err, string(out))
				time.Sleep(4 * lookEvery)
				appendTo(t, path, fmt.Sprintf("line %d after\n", i))
				want = append(want, fmt.Sprintf("line %d after", i))
				f.await(t, want...)
			}
		})
	}
}

func TestRecordsOfSeveralLinesStayOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	appendTo(t, path, "ERROR it broke\n\tat a.B.c(B.java:1)\n\tat d\nCaused by: x\n\n2026-01-01T00:00:00Z stdout P one \n2026-01-01T00:00:00Z stdout F two\nlast\n")
	f := follow(t, opened(t, path))
	f.await(t, "ERROR it broke\n\tat a.B.c(B.java:1)\n\tat d\nCaused by: x", "one two", "last")
	off := follow(t, opened(t, path, func(d *Driver) { d.begins = nil }))
	require.Eventually(t, func() bool { return len(off.bodies()) >= 6 }, 20*time.Second, 5*time.Millisecond)
}

func TestOnlyTheEndIsReadAtTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	var b strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	appendTo(t, path, b.String())
	f := follow(t, opened(t, path, func(d *Driver) { d.tail = 3 }))
	f.await(t, "line 49997", "line 49998", "line 49999")
	none := follow(t, opened(t, path, func(d *Driver) { d.tail = 0 }))
	time.Sleep(4 * lookEvery)
	appendTo(t, path, "new\n")
	none.await(t, "new")
}

func TestALineWithoutEndIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	appendTo(t, path, "")
	f := follow(t, opened(t, path))
	big := bytes.Repeat([]byte("x"), 1<<20)
	for range 8 {
		appendTo(t, path, string(big))
	}
	appendTo(t, path, "\nnext\n")
	require.Eventually(t, func() bool { return len(f.bodies()) == 2 }, 20*time.Second, 5*time.Millisecond)
	require.Len(t, f.bodies()[0], maxLine)
	require.Equal(t, "next", f.bodies()[1])
}

func TestAnIDIsFoundInRotatedFilesToo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "shop.log")
	filler := strings.Repeat("2026-01-01T00:00:00Z INFO nothing\n", 20_000)
	appendTo(t, path, filler+"2026-01-01T00:00:03Z ERROR trace_id="+hexID+" here\n"+filler)
	appendTo(t, path+".1", "2026-01-01T00:00:02Z WARN request r-7 (1-4bf92f35-77b34da6a3ce929d0e0e4736)\n")
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, err := io.WriteString(w, "2026-01-01T00:00:01Z INFO {\"dd\":{\"trace_id\":\"11803532876627986230\"}}\n")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(path+".2.gz", z.Bytes(), 0o600))
	d := opened(t, path)
	a, err := d.Query(t.Context(), driver.Query{ID: hexID})
	require.NoError(t, err)
	require.Len(t, a.Logs, 3)
	require.True(t, slices.IsSortedFunc(a.Logs, func(x, y signal.Record) int { return x.Time.Compare(y.Time) }))
	require.Equal(t, "shop", a.Logs[2].Service)
	a, err = d.Query(t.Context(), driver.Query{ID: "r-7"})
	require.NoError(t, err)
	require.Len(t, a.Logs, 1)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a, err = d.Query(t.Context(), driver.Query{Text: "nothing", Limit: 10, Window: signal.Window{From: at, To: at.Add(time.Minute)}})
	require.NoError(t, err)
	require.Len(t, a.Logs, 10)
	require.True(t, a.Truncated)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Query(ctx, driver.Query{ID: hexID})
	require.ErrorIs(t, err, context.Canceled)
}

func TestServicesByTheNameOfTheFile(t *testing.T) {
	for path, want := range map[string]string{
		"/var/log/containers/cart-6f_shop_cart-" + strings.Repeat("a", 64) + ".log": "cart",
		"/var/log/pods/shop_cart-6f_uid/cart/0.log":                                 "cart",
		"/var/log/nginx/access.log":                                                 "access",
		"app":                                                                       "app",
	} {
		require.Equal(t, want, serviceOf(path), path)
	}
}

func TestStdinIsReadToItsEnd(t *testing.T) {
	r, w := io.Pipe()
	d, err := open(driver.Settings{Address: "-"}, r)
	require.NoError(t, err)
	f := follow(t, d)
	_, err = io.WriteString(w, "a\nb")
	require.NoError(t, err)
	f.await(t, "a")
	require.NoError(t, w.Close())
	f.await(t, "a", "b")
	require.Equal(t, "stdin", f.recs[0].Service)
}

func TestTheDoctorSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.log")
	require.Equal(t, driver.FindingBad, opened(t, path).Check(t.Context())[0].State)
	appendTo(t, path, "no ID\n")
	f := opened(t, path).Check(t.Context())
	require.Equal(t, driver.FindingPoor, f[1].State)
	require.NotEmpty(t, f[1].Advice)
	appendTo(t, path, "trace_id="+hexID+"\n")
	require.Equal(t, driver.FindingGood, opened(t, path).Check(t.Context())[1].State)
	path = filepath.Join(dir, "plain.log") // its lines are joined by an ID in their text: the doctor must not ask for one
	appendTo(t, path, "2026-11-30 01:00:00 INFO charged, trace_id="+hexID+" done\n")
	require.Equal(t, driver.FindingGood, opened(t, path).Check(t.Context())[1].State)
}
