package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gameday/engine/atomicfile"
)

// CSV is the format of a load run's seconds as rows; experiments have none.
const CSV Format = "csv"

// LoadRun is a load run that is over. It holds no request bodies and no headers, and the target is without passwords.
// Latencies count from the instant a request was due; durations are in seconds.
type LoadRun struct {
	Version    int             `json:"version"`
	Name       string          `json:"name"`
	Target     string          `json:"target"`
	Program    string          `json:"program"` // version of gameday
	Started    time.Time       `json:"started"`
	Elapsed    Seconds         `json:"seconds"`
	Verdict    string          `json:"verdict"` // passed, failed, unknown, or pending when there are no thresholds
	Sent       uint64          `json:"sent"`
	Missed     uint64          `json:"missed"`
	Total      LoadFigures     `json:"total"`
	Steps      []LoadFigures   `json:"steps"`
	Errors     []ErrorCount    `json:"errors"`
	Thresholds []LoadThreshold `json:"thresholds"`
	Notes      []string        `json:"notes"`
	Requests   []LoadRequest   `json:"requests"` // slow and failed ones of the last minute
	Seconds    []LoadSecond    `json:"series"`
	Spectrum   [][2]float64    `json:"spectrum"` // share and seconds, rising
}

// LoadFigures are the figures of a step, or of all.
type LoadFigures struct {
	LoadStep
	P90    Seconds            `json:"p90Seconds"`
	Mean   Seconds            `json:"meanSeconds"`
	Phases map[string]Seconds `json:"phases"` // the mean of each
	Extras map[string]float64 `json:"extras,omitempty"`
}

// LoadThreshold is a condition with its verdict.
type LoadThreshold struct {
	Name   string `json:"name"`
	Expect string `json:"expect"`
	Value  string `json:"value"`
	Check  string `json:"check"`
	Why    string `json:"why,omitempty"`
}

// LoadRequest is a request to look at.
type LoadRequest struct {
	At      time.Time `json:"at"`
	Step    string    `json:"step"`
	Took    Seconds   `json:"seconds"`
	Status  int       `json:"status,omitempty"`
	Err     string    `json:"error,omitempty"`
	TraceID string    `json:"traceId,omitempty"`
}

// LoadSecond is a second of the run, or several neighbours in a long one. Heat pairs a latency in seconds, the upper end
// of a bucket, with how many requests fell into it; buckets are a twentieth of a decade wide.
type LoadSecond struct {
	From, To             Seconds
	Planned, Users       float64
	Done, Failed, Missed uint64
	P50, P90, P95, P99   Number
	Max                  Number
	Heat                 [][2]float64 `json:"Heat,omitempty"`
}

func (s *LoadSecond) per(n float64) float64 {
	if l := float64(s.To - s.From); l > 0 {
		return n / l
	}
	return 0
}

// PhaseNames are the keys of LoadFigures.Phases, in the order in which they happen.
func PhaseNames() []string { return []string{"resolve", "connect", "tls", "write", "wait", "read"} }

// LoadFormatOf is the format that a file's extension stands for, for load runs.
func LoadFormatOf(file string) (Format, error) {
	if strings.EqualFold(filepath.Ext(file), ".csv") {
		return CSV, nil
	}
	f, err := FormatOf(file)
	if err != nil {
		return "", fmt.Errorf("the report %s has no known format: end its name in .html, .md, .json, .xml (JUnit) or .csv", line(file))
	}
	return f, nil
}

// WriteLoadFile renders a load run into a file, which is there whole or not at all. A device is written to as it is.
func WriteLoadFile(path string, f Format, d *LoadRun) error {
	data, err := RenderLoad(f, d)
	if err != nil {
		return err
	}
	if info, serr := os.Stat(path); serr == nil && !info.Mode().IsRegular() {
		err = os.WriteFile(path, data, 0o644)
	} else {
		err = atomicfile.Write(path, data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("the report was not written: %w", err)
	}
	return nil
}

// RenderLoad renders a load run. Every text is made harmless, and what looks like a secret is taken out.
func RenderLoad(f Format, d *LoadRun) ([]byte, error) {
	safe := clean(reflect.ValueOf(*d)).Interface().(LoadRun)
	d = &safe
	var out bytes.Buffer
	var err error
	switch f {
	case HTML:
		err = writeLoadHTML(&out, d)
	case Markdown:
		writeLoadMarkdown(&out, d)
	case JUnit:
		err = writeLoadJUnit(&out, d)
	case CSV:
		err = writeLoadCSV(&out, d)
	case JSON:
		enc := json.NewEncoder(&out)
		enc.SetIndent("", " ")
		err = enc.Encode(d)
	default:
		err = fmt.Errorf("there is no format %q: take html, md, json, junit or csv", f)
	}
	return out.Bytes(), err
}

func writeLoadCSV(b *bytes.Buffer, d *LoadRun) error {
	w := csv.NewWriter(b)
	rows := [][]string{{"from_s", "to_s", "planned_rate", "rate", "users", "done", "failed", "missed", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms"}}
	num := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	ms := func(n Number) string {
		if !n.Known() {
			return ""
		}
		return strconv.FormatFloat(float64(n)*1e3, 'f', 3, 64)
	}
	for i := range d.Seconds {
		s := &d.Seconds[i]
		rows = append(rows, []string{num(round3(float64(s.From))), num(round3(float64(s.To))), num(round3(s.Planned)), num(round3(s.per(float64(s.Done)))), num(round3(s.Users)),
			fmt.Sprint(s.Done), fmt.Sprint(s.Failed), fmt.Sprint(s.Missed), ms(s.P50), ms(s.P90), ms(s.P95), ms(s.P99), ms(s.Max)})
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

func round3(v float64) float64 { return float64(int64(v*1000+0.5)) / 1000 }

// told is the verdict in words.
func (d *LoadRun) told() string {
	switch d.Verdict {
	case passed:
		return "all thresholds met"
	case failed:
		return "thresholds not met"
	case unknown:
		return "inconclusive"
	}
	return "no thresholds"
}
