package schedule_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/chaos/schedule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const head = "apiVersion: gameday/v1\nkind: Schedule\nmetadata: {name: monkey}\nstopFile: STOP\n"

func parse(t *testing.T, dir, entries string) *schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(filepath.Join(dir, "s.yaml"), []byte(head+entries))
	require.NoError(t, err)
	return s
}

func at(t *testing.T, s string) time.Time {
	v, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return v
}

func show(runs []schedule.Run) []string {
	var out []string
	for _, r := range runs {
		out = append(out, r.At.Format("Mon 01-02 15:04:05 MST ")+r.Entry+" "+filepath.Base(r.Experiment))
	}
	return out
}

func TestCron(t *testing.T) {
	s := parse(t, "/x", `
hours: {days: [mon-fri], zone: Europe/Berlin, holidays: [11-25]}
entries:
  - {name: morning, cron: "30 10 * * *", zone: Europe/Berlin, oneOf: [a.yaml]}
  - {name: weekly, cron: "0 9 * * mon", zone: UTC, oneOf: [/abs/b.yaml]}
`)
	require.Equal(t, []string{
		"Mon 11-23 09:00:00 UTC weekly b.yaml", "Mon 11-23 10:30:00 CET morning a.yaml", "Tue 11-24 10:30:00 CET morning a.yaml",
		"Thu 11-26 10:30:00 CET morning a.yaml", "Fri 11-27 10:30:00 CET morning a.yaml", "Mon 11-30 09:00:00 UTC weekly b.yaml",
	}, show(s.Runs(at(t, "2026-11-21T00:00:00Z"), at(t, "2026-11-30T09:29:59Z"))), "within the hours, in the zone, not on holidays")
	r, ok := s.Next(at(t, "2026-11-23T09:00:00Z"))
	require.True(t, ok)
	require.Equal(t, "/x/a.yaml", r.Experiment, "found from the schedule's folder; an instant is not its own next")
	require.Equal(t, at(t, "2026-11-23T09:30:00Z"), r.At.UTC())

	// The clocks go forward on 29 March: 02:30 does not exist, and nothing is run twice when they go back.
	s = parse(t, "/x", `entries: [{name: night, cron: "30 2 * * *", zone: Europe/Berlin, oneOf: [a.yaml]}]`)
	require.Len(t, s.Runs(at(t, "2026-10-24T12:00:00Z"), at(t, "2026-10-25T12:00:00Z")), 1)
}

func TestRandomWithinHours(t *testing.T) {
	s := parse(t, "/x", `
seed: 7
entries:
  - name: monkey
    random: {days: [mon-fri], from: 09:00, to: 15:00, zone: UTC, times: 2}
    probability: 40%
    oneOf: [a.yaml, b.yaml, c.yaml]
`)
	from, to := at(t, "2026-01-01T00:00:00Z"), at(t, "2026-12-31T23:59:59Z")
	runs := s.Runs(from, to)
	kinds := map[string]int{}
	for i, r := range runs {
		kinds[filepath.Base(r.Experiment)]++
		require.NotContains(t, []time.Weekday{time.Saturday, time.Sunday}, r.At.Weekday())
		require.True(t, r.At.Hour() >= 9 && r.At.Hour() < 15, r.At)
		require.True(t, i == 0 || !r.At.Before(runs[i-1].At), "in their order")
	}
	// 261 weekdays, twice, 40 %: 209 on average, standard deviation 11.
	require.InDelta(t, 209, len(runs), 45)
	require.Len(t, kinds, 3)
	require.Equal(t, runs, s.Runs(from, to), "the same seed, the same runs")

	// Wherever one begins to look, the same runs are found: a restart changes nothing.
	var walked []schedule.Run
	for now := from; ; {
		r, ok := s.Next(now)
		if !ok || r.At.After(to) {
			break
		}
		walked = append(walked, r)
		now = r.At
	}
	require.Equal(t, show(runs), show(walked))
	other := parse(t, "/x", `
seed: 8
entries: [{name: monkey, random: {days: [mon-fri], from: 09:00, to: 15:00, zone: UTC, times: 2}, probability: 40%, oneOf: [a.yaml, b.yaml, c.yaml]}]
`)
	require.NotEqual(t, show(runs), show(other.Runs(from, to)))
}

func TestRandomOverMidnight(t *testing.T) {
	s := parse(t, "/x", `entries: [{name: n, random: {days: [fri], from: 22:00, to: 06:00, zone: UTC, times: 50}, oneOf: [a.yaml]}]`)
	all := s.Runs(at(t, "2026-11-27T00:00:00Z"), at(t, "2026-11-28T12:00:00Z"))
	require.Len(t, all, 50)
	var late int
	for _, r := range s.Runs(at(t, "2026-11-28T00:00:00Z"), at(t, "2026-11-28T12:00:00Z")) {
		require.Equal(t, 28, r.At.Day())
		late++
	}
	require.Positive(t, late, "also when one begins to look after midnight")
}

func TestBrokenSchedules(t *testing.T) {
	for text, want := range map[string]string{
		`entries: []`:                      `s.yaml:5:1: entries: is empty: nothing would ever run`,
		`entries: [{name: a, oneOf: [x]}]`: `s.yaml:5:12: entries[0]: needs cron: "30 10 * * tue", or random: {from: 09:00, to: 15:00}`,
		`entries: [{name: a, cron: "@daily", random: {}, oneOf: [x]}]`:                            `s.yaml:5:12: entries[0]: has cron and random; give one of them`,
		`entries: [{name: a, cron: "99 * * * *", oneOf: [x]}]`:                                    `s.yaml:5:27: entries[0].cron: "99 * * * *" is not understood; write minute hour day month weekday, such as "30 10 * * tue": end of range (99) above maximum (59): 99`,
		`entries: [{name: a, cron: "TZ=UTC", oneOf: [x]}]`:                                        `s.yaml:5:27: entries[0].cron: a time zone goes into the field zone`,
		`entries: [{name: a, cron: "@every 5m", oneOf: [x]}]`:                                     `s.yaml:5:27: entries[0].cron: @every hangs on when the program was started; write it as "*/10 * * * *"`,
		`entries: [{name: a, cron: "0 0 30 2 *", oneOf: [x]}]`:                                    `s.yaml:5:27: entries[0].cron: "0 0 30 2 *" never comes`,
		`entries: [{name: a, cron: "@daily", zone: Berlin, probability: 0%, oneOf: []}]`:          "s.yaml:5:43: entries[0].zone: \"Berlin\" is no time zone such as Europe/Berlin or UTC\ns.yaml:5:64: entries[0].probability: 0% means never; leave the entry out\ns.yaml:5:68: entries[0].oneOf: is empty: nothing would be run",
		`entries: [{name: a, random: {from: 9:99, times: 101}, oneOf: [x], zone: UTC}]`:           "s.yaml:5:36: entries[0].random.from: \"9:99\" is no time of day such as 09:00\ns.yaml:5:49: entries[0].random.times: 101 is outside 1 to 100\ns.yaml:5:73: entries[0].zone: is for cron; a random time has its zone among its hours",
		`entries: [{name: a, cron: "@daily", oneOf: [x]}, {name: a, cron: "@daily", oneOf: [y]}]`: `s.yaml:5:57: entries[1].name: "a" is the name of another entry`,
		`entries: [null]`: `s.yaml:5:11: entries[0]: is empty`,
	} {
		_, err := schedule.Parse("s.yaml", []byte(head+text))
		require.EqualError(t, err, want, text)
	}
	_, err := schedule.Parse("s.yaml", []byte("kind: Schedule\n"))
	require.ErrorContains(t, err, "stopFile: is required: the kill switch")
	out, err := schedule.Schema()
	require.NoError(t, err)
	require.True(t, json.Valid(out))
}

func TestKillSwitch(t *testing.T) {
	dir := t.TempDir()
	s := parse(t, dir, `entries: [{name: a, cron: "@daily", oneOf: [x]}]`)
	_, stopped := s.Stopped()
	require.False(t, stopped)
	file := filepath.Join(dir, "STOP")
	require.NoError(t, os.WriteFile(file, []byte("incident 17\x1b[31m, ask ana\nmore"), 0o600))
	why, stopped := s.Stopped()
	require.True(t, stopped)
	require.Equal(t, "the stop file "+file+" is there: incident 17 [31m, ask ana", why)
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.Symlink("nowhere", file))
	_, stopped = s.Stopped()
	require.True(t, stopped, "a link that leads nowhere is a file too")
	s.StopFile = "/proc/self/environ/STOP"
	why, stopped = s.Stopped()
	require.True(t, stopped, "what cannot be looked at stops")
	require.Contains(t, why, "cannot be looked at")
}

func TestLoop(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { // begins at 2000-01-01 00:00:00 UTC
		s := parse(t, dir, `entries: [{name: hourly, cron: "0 * * * *", zone: UTC, oneOf: [x.yaml]}]`)
		stop := filepath.Join(dir, "STOP")
		ctx, cancel := context.WithCancelCause(t.Context())
		begun := time.Now()
		var said []string
		runs := 0
		l := &schedule.Loop{Schedule: s,
			Say: func(format string, args ...any) {
				line := strings.ReplaceAll(fmt.Sprintf(format, args...), dir+"/", "")
				said = append(said, fmt.Sprintf("%s %s", time.Since(begun), line))
			},
			Start: func(ctx context.Context, r schedule.Run) error {
				switch runs++; runs {
				case 1: // takes so long that the next is missed
					time.Sleep(90 * time.Minute)
				case 2: // is stopped
					require.NoError(t, os.WriteFile(stop, []byte("enough\n"), 0o600))
					<-ctx.Done()
					require.ErrorIs(t, context.Cause(ctx), schedule.ErrStopped)
					return context.Cause(ctx)
				case 3:
					cancel(errors.New("signal"))
					<-ctx.Done()
				}
				return nil
			}}
		go func() {
			time.Sleep(4*time.Hour + 30*time.Minute)
			require.NoError(t, os.Remove(stop))
		}()
		require.EqualError(t, l.Run(ctx), "signal")
		require.Equal(t, []string{
			"0s next: x.yaml at Sat 2000-01-01 01:00:00 UTC (hourly)",
			"1h0m0s start: x.yaml (hourly)",
			"2h30m0s x.yaml has ended",
			"2h30m0s left out: x.yaml was due at 02:00:00, while another ran",
			"2h30m0s next: x.yaml at Sat 2000-01-01 03:00:00 UTC (hourly)",
			"3h0m0s start: x.yaml (hourly)",
			"3h0m1s x.yaml: the schedule was stopped: the stop file STOP is there: enough",
			"3h0m1s next: x.yaml at Sat 2000-01-01 04:00:00 UTC (hourly)",
			"4h0m0s left out: x.yaml: the stop file STOP is there: enough",
			"4h0m0s next: x.yaml at Sat 2000-01-01 05:00:00 UTC (hourly)",
			"5h0m0s start: x.yaml (hourly)",
			"5h0m0s x.yaml has ended",
		}, said)
	})
}

func TestLoopEndsWhenNothingComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := parse(t, t.TempDir(), `
hours: {days: [mon], zone: UTC}
entries: [{name: never, cron: "0 0 * * tue", zone: UTC, oneOf: [x.yaml]}]
`)
		require.NoError(t, (&schedule.Loop{Schedule: s}).Run(t.Context()))
	})
}

func FuzzParse(f *testing.F) {
	f.Add(`entries: [{name: a, cron: "*/5 9-17 * * mon-fri", oneOf: [x]}]`)
	f.Add(`entries: [{name: a, random: {from: "22:00", to: "06:00", days: [fri]}, probability: 3%, oneOf: [x]}]`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := schedule.Parse("s.yaml", []byte(head+text))
		if err != nil {
			return
		}
		from := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
		for _, r := range s.Runs(from, from.Add(72*time.Hour)) {
			require.True(t, r.At.After(from))
		}
	})
}
