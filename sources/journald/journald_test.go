package journald

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// program writes a stand-in for journalctl that prints a file, and follows it when asked to: the entries are what the real
// one prints (systemd 252, journalctl -o json).
func program(t testing.TB, file string) string {
	path := filepath.Join(t.TempDir(), "journalctl")
	script := "#!/bin/sh\nfor a in \"$@\"; do case $a in --follow) exec tail -n +1 -f '" + file + "';; --reverse) exec tac '" + file + "';; esac; done\nexec cat '" + file + "'\n"
	require.NoError(t, os.WriteFile(path, []byte(script), 0o700))
	return path
}

func entry(at time.Time, priority int, message string, more ...string) string {
	fields := []string{fmt.Sprintf(`"__REALTIME_TIMESTAMP":"%d"`, at.UnixMicro()), fmt.Sprintf(`"PRIORITY":"%d"`, priority),
		fmt.Sprintf(`"MESSAGE":%s`, message), `"_SYSTEMD_UNIT":"cart.service"`, `"_HOSTNAME":"box"`, `"__CURSOR":"s=1"`}
	return "{" + strings.Join(append(fields, more...), ",") + "}\n"
}

func opened(t testing.TB, program string) *Driver {
	d, err := open(driver.Settings{Name: "journal", Address: "local"})
	require.NoError(t, err)
	d.(*Driver).opt.Program = program
	return d.(*Driver)
}

func TestEntries(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC)
	d := opened(t, "")
	r, ok := d.record([]byte(entry(at, 3, `"it broke"`, `"SYSLOG_IDENTIFIER":"sshd"`, `"_PID":"7"`)))
	require.True(t, ok)
	require.True(t, at.Equal(r.Time))
	require.Equal(t, signal.SeverityError, r.Severity)
	require.Equal(t, "sshd", r.Service)
	require.Equal(t, "it broke", r.Body)
	require.Equal(t, "box", r.Attrs.Get("host.name"))
	r, _ = d.record([]byte(entry(at, 6, `[104,105,255]`)))
	require.Equal(t, "hi\xff", r.Body, "not UTF-8: the sanitiser's business")
	require.Equal(t, "cart", r.Service)
	r, _ = d.record([]byte(entry(at, 6, `"{\"level\":\"warn\",\"msg\":\"inner\",\"trace_id\":\"`+hexID+`\"}"`)))
	require.Equal(t, signal.SeverityWarn, r.Severity)
	require.Equal(t, "inner", r.Body)
	require.Equal(t, hexID, r.TraceID.String())
	r, _ = d.record([]byte(entry(at, 6, `null`, `"TRACE_ID":"`+hexID+`"`)))
	require.Equal(t, hexID, r.TraceID.String())
	_, ok = d.record([]byte(`not json`))
	require.False(t, ok)
}

func hostile(t *testing.T) string {
	out, err := json.Marshal(drivertest.Hostile)
	require.NoError(t, err)
	return string(out)
}

func TestConformance(t *testing.T) {
	files := map[driver.Driver]string{}
	var mu sync.Mutex
	drivertest.Run(t, drivertest.Harness{
		New: func(t *testing.T) driver.Driver {
			file := filepath.Join(t.TempDir(), "entries")
			require.NoError(t, os.WriteFile(file, nil, 0o600))
			d := opened(t, program(t, file))
			mu.Lock()
			defer mu.Unlock()
			files[d] = file
			return d
		},
		Feed: func(_ context.Context, d driver.Driver) error {
			mu.Lock()
			defer mu.Unlock()
			f, err := os.OpenFile(files[d], os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString(entry(time.Now(), 6, hostile(t)))
			return err
		},
		Broken: func(t *testing.T) (driver.Driver, string, error) {
			path := filepath.Join(t.TempDir(), "no-journalctl")
			return opened(t, path), path, nil
		},
	})
}

func TestAnIDIsSearchedForInTheWindow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "entries")
	now := time.Now()
	var b strings.Builder
	for i := range 50 {
		b.WriteString(entry(now.Add(time.Duration(i-60)*time.Second), 6, fmt.Sprintf(`"line %d trace_id=%s"`, i, hexID)))
		b.WriteString(entry(now.Add(time.Duration(i-60)*time.Second), 6, `"nothing"`))
	}
	require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o600))
	d := opened(t, program(t, file))
	a, err := d.Query(t.Context(), driver.Query{ID: hexID})
	require.NoError(t, err)
	require.Len(t, a.Logs, 50)
	require.Contains(t, a.Logs[0].Body, "line 0")
	a, err = d.Query(t.Context(), driver.Query{ID: hexID, Limit: 5})
	require.NoError(t, err)
	require.True(t, a.Truncated)
	require.Contains(t, a.Logs[4].Body, "line 49", "the newest win")
	a, err = d.Query(t.Context(), driver.Query{Text: "line 7", Window: signal.Window{From: now.Add(-2 * time.Minute), To: now}})
	require.NoError(t, err)
	require.Len(t, a.Logs, 1)

	found := d.Check(t.Context())
	require.Equal(t, driver.Finding{Name: "trace IDs", State: driver.FindingGood, Says: "50 of the last 100 lines carry one"}, found[1])
	require.NoError(t, os.WriteFile(file, []byte(entry(now, 6, `"nothing"`)), 0o600))
	found = d.Check(t.Context())
	require.Equal(t, driver.FindingPoor, found[1].State)
	require.Contains(t, found[1].Advice, "trace_id into each line")
}

// The real journalctl is asked where there is one: what it prints for a directory without journals must not be taken for
// an answer, and its arguments must be ones that it knows.
func TestTheRealProgramKnowsTheArguments(t *testing.T) {
	if _, err := exec.LookPath("journalctl"); err != nil {
		t.Skip("journalctl is not installed")
	}
	d, err := open(driver.Settings{Address: t.TempDir()})
	require.NoError(t, err)
	a, err := d.(*Driver).Query(t.Context(), driver.Query{ID: hexID})
	require.NoError(t, err)
	require.Empty(t, a.Logs)
	require.Equal(t, driver.FindingPoor, d.(*Driver).Check(t.Context())[0].State)
	_, err = open(driver.Settings{Address: "relative"})
	require.Error(t, err)
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(entry(time.Now(), 3, `[["a"],[1]]`)))
	d := opened(f, "")
	f.Fuzz(func(t *testing.T, line []byte) { d.record(line) })
}
