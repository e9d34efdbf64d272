package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/format/digest"
	"gameday/engine/load/format/jtl"
	"gameday/engine/load/remote"
	"gameday/engine/load/requests"
	"gameday/sources/signal"
)

// jobIndex is where Kubernetes tells a pod of an Indexed Job which one it is, counted from 0.
const jobIndex = "JOB_COMPLETION_INDEX"

// loadScaleFlags are a run as one of several parts, and where its figures go beside files of seconds.
type loadScaleFlags struct {
	Shard        string            `placeholder:"3/20" help:"Run a part of the plan only: the third of twenty. job/20 takes the number from $$JOB_COMPLETION_INDEX."`
	StartAt      string            `placeholder:"TIME" help:"Begin then: 2026-11-23T10:00:00Z, seconds since 1970, or +30s. All parts begin at one time."`
	Requests     []string          `placeholder:"FILE" help:"Write every single request: .csv, .jsonl, .jtl (JMeter's CSV) or .xml (JMeter's XML). May be given several times."`
	RemoteWrite  string            `placeholder:"URL" help:"Report to Prometheus by remote write, as native histograms. May hold $${env:NAME}."`
	OTLP         string            `name:"otlp" placeholder:"URL" help:"Report as OTLP metrics over HTTP, as exponential histograms. May hold $${env:NAME}."`
	RemoteHeader map[string]string `mapsep:"none" placeholder:"NAME=VALUE" help:"A header of these reports, such as 'Authorization=Bearer $${env:TOKEN}'. May be given several times."`
	ReportEvery  time.Duration     `default:"5s" help:"How often is reported."`
	RunName      string            `placeholder:"NAME" help:"The run's name in reports, the same for all parts. Default: its start."`
}

// parseShard reads --shard, of which the number may come from the environment.
func parseShard(text string, environment func(string) string) (load.Shards, error) {
	if text == "" {
		return load.Shards{}, nil
	}
	if of, ok := strings.CutPrefix(text, "job/"); ok {
		index, err := strconv.ParseUint(environment(jobIndex), 10, 32)
		if err != nil {
			return load.Shards{}, fmt.Errorf("--shard %s: %s is not set to a number: only pods of an Indexed Job have it", text, jobIndex)
		}
		text = fmt.Sprintf("%d/%s", index+1, of)
	}
	shards, err := load.ParseShards(text)
	if err != nil {
		return load.Shards{}, fmt.Errorf("--shard: %w", err)
	}
	return shards, nil
}

// parseStart reads --start-at.
func parseStart(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ahead, ok := strings.CutPrefix(text, "+"); ok {
		if d, err := time.ParseDuration(ahead); err == nil && d >= 0 {
			return now.Add(d), nil
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(n, 0), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("--start-at %q is not a time: write 2026-11-23T10:00:00Z, seconds since 1970, or +30s", text)
}

// loadScale is what the flags lead to. The zero value is a whole plan, begun at once, that reports nowhere.
type loadScale struct {
	shards   load.Shards
	at       time.Time
	files    []*requestFile
	exporter *remote.Exporter
}

// requestFile is a file of single requests.
type requestFile struct {
	name   string
	file   *os.File
	writer *requests.Writer
	labels *jtl.Labels
}

// prepare finds every mistake in the flags and opens the files, before anything is sent.
func (f *loadScaleFlags) prepare(plan *load.Plan, now time.Time) (*loadScale, error) {
	s := &loadScale{}
	var err error
	if s.shards, err = parseShard(f.Shard, os.Getenv); err != nil {
		return nil, err
	}
	if s.at, err = parseStart(f.StartAt, now); err != nil {
		return nil, err
	}
	if f.RemoteWrite != "" || f.OTLP != "" {
		s.exporter, err = remote.NewExporter(remote.Config{
			RemoteWrite: f.RemoteWrite, OTLP: f.OTLP, Headers: f.RemoteHeader, Every: f.ReportEvery, Run: f.RunName,
		}, s.shards.String())
		if err != nil {
			return nil, err
		}
	}
	for _, name := range f.Requests {
		file, err := openRequests(name, len(plan.Scenarios) > 1)
		if err != nil {
			return nil, errors.Join(err, s.closeFiles(&digest.Report{}))
		}
		s.files = append(s.files, file)
	}
	return s, nil
}

func openRequests(name string, scenarios bool) (*requestFile, error) {
	out := &requestFile{name: name, labels: &jtl.Labels{Scenarios: scenarios}}
	var encoder requests.Encoder
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		encoder = requests.CSV{}
	case ".jsonl":
		encoder = requests.JSONLines{}
	case ".jtl":
		encoder = jtl.CSV{Labels: out.labels}
	case ".xml":
		encoder = jtl.XML{Labels: out.labels}
	default:
		return nil, fmt.Errorf("write requests to %s: the name must end in .csv, .jsonl, .jtl or .xml", name)
	}
	var err error
	if out.file, err = os.Create(name); err != nil {
		return nil, fmt.Errorf("write requests: %w", err)
	}
	out.writer = requests.NewWriter(out.file, encoder)
	return out, nil
}

// options adds to a run's options.
func (s *loadScale) options(o load.Options) load.Options {
	o.Shards, o.At = s.shards, s.at
	switch len(s.files) {
	case 0:
	case 1:
		o.Each = s.files[0].writer.Put
	default:
		o.Each = func(r load.RequestLog) {
			for _, f := range s.files {
				f.writer.Put(r)
			}
		}
	}
	return o
}

// announce says that a run waits for its start.
func (s *loadScale) announce(w io.Writer, name string, now time.Time) {
	if s.at.IsZero() {
		return
	}
	fmt.Fprintf(w, "%s  part %s waits for its start at %s, in %s\n", name, s.shards, s.at.UTC().Format("2006-01-02T15:04:05.000Z"),
		s.at.Sub(now).Round(time.Millisecond))
}

// follow begins to report a run.
func (s *loadScale) follow(run *load.Run, plan string) {
	if s.exporter != nil {
		s.exporter.Follow(run, plan, s.shards)
	}
}

// second takes part in what happens once a second, as a loadOut.
func (s *loadScale) second(_ time.Time, state *signal.LoadState) {
	for _, f := range s.files {
		f.labels.Users(state.Users)
	}
}

func (*loadScale) end(*digest.Report) {}

func (*loadScale) close() error { return nil }

// conclude ends files and reports and says in the summary what became of them.
func (s *loadScale) conclude(rep *digest.Report) error {
	note := func(format string, args ...any) { rep.Notes = append(rep.Notes, fmt.Sprintf(format, args...)) }
	if !s.shards.Whole() {
		rep.Title += ", part " + s.shards.String()
		note("this is part %s of the plan: rates and counts are its share, and thresholds are judged by it alone", s.shards)
	}
	if s.exporter != nil {
		for _, st := range s.exporter.Close() {
			switch {
			case !st.Last:
				note("%s: the last figures did not arrive (%d reports taken, %d dropped, %d tries repeated): %s", st.Where, st.Sent, st.Dropped, st.Retried, st.Why)
			case st.Dropped+st.Retried > 0:
				note("%s: %d reports taken, %d dropped, %d tries repeated: %s", st.Where, st.Sent, st.Dropped, st.Retried, st.Why)
			default:
				note("%s: %d reports taken", st.Where, st.Sent)
			}
		}
	}
	return s.closeFiles(rep)
}

func (s *loadScale) closeFiles(rep *digest.Report) (err error) {
	for _, f := range s.files {
		written, dropped, failure := f.writer.Close()
		if failure = errors.Join(failure, f.file.Close()); failure != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", f.name, failure))
		}
		if dropped > 0 {
			rep.Notes = append(rep.Notes, fmt.Sprintf("%s holds %d requests and lacks %d, which could not be written in time", f.name, written, dropped))
		}
	}
	return err
}

// idle reports whether a part had nothing to do: there are more parts than users or arrivals.
func (s *loadScale) idle(res *load.Result) bool {
	return !s.shards.Whole() && res.Sent == 0 && res.Missed == 0
}
