package rules

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	prom "github.com/prometheus/prometheus/rules"

	"gameday/sources/sanitize"
)

// maxFile is how large a rule file may be; the largest that are seen have a hundred kilobytes.
const maxFile = 4 << 20

// Summary is what a good file has.
type Summary struct {
	Groups, Alerting, Recording int
	Duplicates                  []string // rules that are there twice, with name and labels: Prometheus takes them
}

// place is where rulefmt says that a fault is: "file: 3:7: …".
var place = regexp.MustCompile(`(?s)^(?:line )?(\d+)(?::(\d+))?: (.*)$`)

// Check reads a rule file as Prometheus does and reports every fault in it, each one line with file, line and column. names
// says which names are allowed: model.UTF8Validation, as since Prometheus 3, or model.LegacyValidation.
func Check(file string, names model.ValidationScheme) (Summary, []error) {
	data, err := read(file)
	if err != nil {
		return Summary{}, []error{err}
	}
	groups, errs := rulefmt.Parse(data, false, names, parser.NewParser(parser.Options{}), promslog.NewNopLogger())
	if len(errs) > 0 {
		var faults []error
		for _, err := range errs {
			one := fault(file, err)
			if n := len(faults); n == 0 || faults[n-1].Error() != one.Error() { // what is no YAML is told twice
				faults = append(faults, one)
			}
		}
		return Summary{}, faults
	}
	var s Summary
	seen := map[string]bool{}
	for _, g := range groups.Groups {
		s.Groups++
		for _, r := range g.Rules {
			name := r.Record
			if r.Alert != "" {
				name = r.Alert
				s.Alerting++
			} else {
				s.Recording++
			}
			key := name + prom.FromMaps(g.Labels, r.Labels).String()
			if seen[key] {
				s.Duplicates = append(s.Duplicates, sanitize.Line(key, 200))
			}
			seen[key] = true
		}
	}
	slices.Sort(s.Duplicates)
	s.Duplicates = slices.Compact(s.Duplicates)
	return s, nil
}

// fault is one line of an error of the reader.
func fault(file string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "unmarshal errors:\n", "")), " ")
	if m := place.FindStringSubmatch(text); m != nil {
		at := ":" + m[1]
		switch {
		case m[1] == "0": // what is missing stands nowhere
			at = ""
		case m[2] != "":
			at += ":" + m[2]
		}
		return fmt.Errorf("%s%s: %s", file, at, sanitize.Line(m[3], 600))
	}
	return fmt.Errorf("%s: %s", file, sanitize.Line(text, 600))
}

func read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, errors.Unwrap(err))
	}
	defer f.Close() // it was only read
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is no regular file", file)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", file, err)
	case len(data) > maxFile:
		return nil, fmt.Errorf("%s: it has more than %d MiB", file, maxFile>>20)
	}
	return data, nil
}
