package incident_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/incident"
	"gameday/sources/signal"
)

func TestTheLifeOfAnIncident(t *testing.T) {
	dir := t.TempDir()
	b, err := incident.Open(dir, incident.DefaultPolicy())
	require.NoError(t, err)
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	_, err = b.New("  ", 1, "", signal.TraceID{}, at)
	require.Error(t, err)
	_, err = b.New("x", 5, "", signal.TraceID{}, at)
	require.Error(t, err)
	inc, err := b.New("checkout \x1b[2Jfails", 2, "alice", signal.TraceID{7}, at)
	require.NoError(t, err)
	require.NotContains(t, inc.Title, "\x1b")
	require.Equal(t, "open", inc.Status())
	require.Equal(t, at.Add(5*time.Minute), inc.EscalatesAt)

	changed, err := b.Tick(at.Add(4 * time.Minute))
	require.NoError(t, err)
	require.Empty(t, changed)
	changed, err = b.Tick(at.Add(6 * time.Minute))
	require.NoError(t, err)
	require.Len(t, changed, 1)
	require.Equal(t, "second line", changed[0].LevelName)
	changed, err = b.Tick(at.Add(7 * time.Minute))
	require.NoError(t, err)
	require.Empty(t, changed, "the next has its time too")

	_, err = b.Acknowledge(inc.ID, "bob", at.Add(8*time.Minute))
	require.NoError(t, err)
	_, err = b.Acknowledge(inc.ID, "bob", at.Add(9*time.Minute))
	require.ErrorContains(t, err, "already")
	changed, err = b.Tick(at.Add(time.Hour))
	require.NoError(t, err)
	require.Empty(t, changed, "somebody has it")
	_, err = b.SetSeverity(inc.ID, 1, "bob", at.Add(9*time.Minute))
	require.NoError(t, err)
	_, err = b.Update(inc.ID, "breaker opened", "bob", at.Add(10*time.Minute))
	require.NoError(t, err)
	_, err = b.Escalate(inc.ID, "bob", at.Add(11*time.Minute))
	require.NoError(t, err)
	_, err = b.Escalate(inc.ID, "bob", at.Add(11*time.Minute))
	require.ErrorContains(t, err, "last")
	_, err = b.Resolve(inc.ID, "rolled back", "bob", []incident.Happening{{At: at.Add(-time.Minute), Kind: "fault", Title: "payment | +800ms"}}, at.Add(20*time.Minute))
	require.NoError(t, err)
	_, err = b.Update(inc.ID, "more", "bob", at.Add(21*time.Minute))
	require.ErrorContains(t, err, "resolved")

	again, err := incident.Open(dir, incident.Policy{})
	require.NoError(t, err)
	inc, timeline, err := again.Read(inc.ID)
	require.NoError(t, err)
	require.Equal(t, "resolved", inc.Status())
	require.Len(t, inc.Entries, 7)
	var md bytes.Buffer
	require.NoError(t, incident.PostMortem(&md, inc, timeline))
	for _, want := range []string{"SEV1", "8m0s", "20m0s", `payment \| +800ms`, "2026-01-01 11:59:00", "breaker opened", "acknowledged by bob"} {
		require.Contains(t, md.String(), want)
	}
	_, _, err = again.Read("../x")
	require.ErrorIs(t, err, incident.ErrNone)
}

func TestTwoSessionsLoseNoEntry(t *testing.T) {
	dir := t.TempDir()
	first, err := incident.Open(dir, incident.DefaultPolicy())
	require.NoError(t, err)
	second, err := incident.Open(dir, incident.DefaultPolicy())
	require.NoError(t, err)
	inc, err := first.New("x", 3, "", signal.TraceID{}, time.Now())
	require.NoError(t, err)
	var work sync.WaitGroup
	for i := range 40 {
		b := []*incident.Book{first, second}[i%2]
		work.Go(func() {
			_, err := b.Update(inc.ID, fmt.Sprint("update ", i), "", time.Now())
			if err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	inc, _, err = first.Read(inc.ID)
	require.NoError(t, err)
	require.Len(t, inc.Entries, 41)
}

func TestADamagedFileHidesNoOther(t *testing.T) {
	dir := t.TempDir()
	b, err := incident.Open(dir, incident.DefaultPolicy())
	require.NoError(t, err)
	_, err = b.New("whole", 3, "", signal.TraceID{}, time.Now())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken.json"), []byte(`{"version":1,"inc`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "newer.json"), []byte(`{"version":9}`), 0o600))
	all, err := b.List()
	require.Len(t, all, 1)
	require.ErrorContains(t, err, "broken.json is damaged")
	require.ErrorContains(t, err, "version 9")
	require.Equal(t, 1, strings.Count(err.Error(), "broken"))
}
