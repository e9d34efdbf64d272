package rules_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/sources"
	"gameday/sources/metrics"
	"gameday/sources/rules"
	"gameday/sources/signal"
)

const shop = `
groups:
- name: shop
  interval: 100ms
  rules:
  - record: shop:requests
    expr: sum by (service) (requests) * 2
  - alert: Slow
    expr: shop:requests > 10
    for: 300ms
    labels: {severity: page}
    annotations:
      summary: '{{ $labels.service }} in {{ $externalLabels.env }} is at {{ $value | humanize }}'
`

func TestRulesOverTheEmbeddedMemory(t *testing.T) {
	leak := goleak.IgnoreCurrent()
	db, err := metrics.Open(metrics.Config{})
	require.NoError(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "shop.yml")
	require.NoError(t, os.WriteFile(file, []byte(shop), 0o600))
	r, err := rules.New(rules.Config{Name: "rules", Files: []string{filepath.Join(dir, "*.yml")}, DB: db, Every: 100 * time.Millisecond, Labels: map[string]string{"env": "demo"}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	events := make(chan signal.Event, 100)
	s := sources.NewSupervisor(sources.Config{Name: "rules", Kind: "rules", Address: r.Address(), Driver: r, Settle: 10 * time.Millisecond, Sink: func(b signal.Batch) {
		for _, e := range b.Events {
			events <- e
		}
	}})
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	wait := func(o signal.Outcome) signal.Event {
		for {
			select {
			case e := <-events:
				if e.Outcome == o {
					return e
				}
			case <-time.After(time.Minute):
				require.FailNow(t, "nothing was told", "outcome %d; %+v", o, s.Health())
			}
		}
	}
	requests := func(v float64) {
		require.NoError(t, db.Append(ctx, []signal.MetricPoint{{Name: "requests", Labels: signal.Attrs{{Key: "service", Value: "pay\x1bment"}}, T: time.Now(), V: v}}))
	}
	requests(1500)
	pending := wait(signal.Warning)
	require.Equal(t, "Slow", pending.Title)
	firing := wait(signal.Bad)
	require.Equal(t, pending.Key, firing.Key)
	require.Equal(t, "pay␛ment in demo is at 3k", firing.Detail, "templates are filled in")
	require.Equal(t, "page", firing.Attrs.Get("severity"))
	got, err := db.Instant(ctx, "shop:requests", time.Now())
	require.NoError(t, err)
	require.Equal(t, 3000.0, got[0].Samples[0].V, "what is recorded is a series")
	st := db.Stats()
	require.Equal(t, st.Received, st.Kept+st.Dropped())
	require.GreaterOrEqual(t, st.Received, st.Kept)
	requests(1)
	require.Equal(t, signal.Good, wait(signal.Good).Outcome)

	// a file that was changed for the worse is told, and the rules that were good go on
	require.NoError(t, os.WriteFile(file, []byte("groups: [\n"), 0o600))
	require.Eventually(t, func() bool { return s.Health().Err != "" }, time.Minute, 10*time.Millisecond)
	require.Contains(t, s.Health().Err, file)
	requests(1500)
	wait(signal.Bad)
	// a rule that cannot be evaluated is told too
	require.NoError(t, db.Append(ctx, []signal.MetricPoint{{Name: "more", T: time.Now(), V: 1}}))
	require.NoError(t, os.WriteFile(file, []byte(group("  - record: odd\n    expr: requests * on() group_left() {__name__=~'requests|more'}\n")), 0o600))
	require.Eventually(t, func() bool {
		_, _, _, err := r.Report()
		return err != nil && strings.HasPrefix(s.Health().Err, `rule "odd" of group "g"`)
	}, time.Minute, 10*time.Millisecond, "%+v", s.Health())
	cancel()
	require.NoError(t, <-done)
	require.NoError(t, db.Close())
	goleak.VerifyNone(t, leak)
}

func TestFilesThatAreNotThereOrWrong(t *testing.T) {
	_, err := rules.New(rules.Config{Files: []string{"/none/such/*.yml"}})
	require.ErrorContains(t, err, "/none/such/*.yml: there is no such file")
	file := filepath.Join(t.TempDir(), "bad.yml")
	require.NoError(t, os.WriteFile(file, []byte("groups: [\n"), 0o600))
	_, err = rules.New(rules.Config{Files: []string{file}})
	require.ErrorContains(t, err, file+":1")
	_, err = rules.New(rules.Config{Files: []string{"[]a"}})
	require.ErrorContains(t, err, "syntax error in pattern")
}
