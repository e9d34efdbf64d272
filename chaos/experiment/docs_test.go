package experiment_test

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos/experiment"
	"gameday/chaos/hours"
	"gameday/chaos/probe"
	"gameday/chaos/schedule"
)

var update = flag.Bool("update", false, "write the generated part of docs/experiments.md")

// TestDocs keeps the reference in step with the structs.
func TestDocs(t *testing.T) {
	const file, from, to = "../../docs/experiments.md", "<!-- fields -->\n", "<!-- end of fields -->"
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(data), from)
	require.True(t, ok)
	_, tail, ok := strings.Cut(rest, to)
	require.True(t, ok)
	want := head + from + tables() + to + tail
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(data), "run go test ./chaos/experiment -run TestDocs -update")

	for rest, found := head, 0; ; found++ {
		_, example, ok := strings.Cut(rest, "```yaml\n")
		if !ok {
			require.Equal(t, 4, found, "all examples are looked at")
			break
		}
		example, rest, _ = strings.Cut(example, "```")
		switch {
		case strings.Contains(example, "kind: Schedule"):
			_, err = schedule.Parse("docs", []byte(example))
		case strings.HasPrefix(example, "method:"): // a part of the first one
			_, err = experiment.Parse("docs", []byte(method(strings.TrimPrefix(example, "method:\n"))), experiment.ParseConfig{Faults: realCatalog()})
		default:
			_, err = experiment.Parse("docs", []byte(example), experiment.ParseConfig{Faults: realCatalog()})
		}
		require.NoError(t, err, "the examples in the docs are right")
	}
}

func tables() string {
	var b strings.Builder
	for _, s := range []struct {
		title string
		v     any
	}{
		{"The document", experiment.Experiment{}}, {"metadata", experiment.Metadata{}}, {"steadyState.probes[]", probe.Config{}},
		{"load (of a probe)", probe.Load{}}, {"http", probe.HTTP{}}, {"tcp", probe.TCP{}}, {"grpc", probe.GRPC{}}, {"command", probe.Command{}}, {"promql", probe.PromQL{}}, {"process", probe.Process{}},
		{"logs", probe.Logs{}}, {"traces", probe.Traces{}},
		{"method[]", experiment.Step{}}, {"method[].target", experiment.Target{}}, {"when (of a step)", experiment.Condition{}},
		{"suspend", experiment.Suspend{}}, {"repeat", experiment.Repeat{}},
		{"blastRadius", experiment.BlastRadius{}}, {"hours", hours.Hours{}},
		{"abort[]", experiment.AbortCondition{}}, {"durations", experiment.Durations{}},
	} {
		fmt.Fprintf(&b, "\n### %s\n\n| field | type | meaning |\n| --- | --- | --- |\n", s.title)
		rows(&b, reflect.TypeOf(s.v))
	}
	b.WriteString("\nsuspend may be written as its message alone.\n")
	b.WriteString("\nhttp, tcp, grpc, promql and process may be written as their first field alone: `http: http://host/healthz`.\n")
	for _, s := range []struct {
		title string
		v     any
	}{{"Schedules", schedule.Schedule{}}, {"entries[] (of a schedule)", schedule.Entry{}}, {"random", schedule.Random{}}} {
		fmt.Fprintf(&b, "\n### %s\n\n| field | type | meaning |\n| --- | --- | --- |\n", s.title)
		rows(&b, reflect.TypeOf(s.v))
	}
	b.WriteString("\n### Faults\n\n| fault | hits | argument | meaning |\n| --- | --- | --- | --- |\n")
	for _, f := range realCatalog() {
		fmt.Fprintf(&b, "| %s | %s | | %s |\n", f.Kind(), f.Hits(), f.Help())
		for _, p := range f.Params() {
			typ := p.Type
			if len(p.OneOf) > 0 {
				typ = strings.Join(p.OneOf, ", ")
			}
			if p.Required {
				typ += ", required"
			} else if p.Default != nil {
				typ += fmt.Sprintf(", default %v", p.Default)
			}
			fmt.Fprintf(&b, "| | | %s | %s (%s) |\n", p.Name, p.Help, typ)
		}
	}
	return b.String()
}

func rows(b *strings.Builder, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("yaml")
		if !ok {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		if option == "inline" {
			rows(b, f.Type)
			continue
		}
		typ := typeName(f.Type)
		if e := f.Tag.Get("enum"); e != "" {
			typ = strings.ReplaceAll(e, ",", ", ")
		}
		if option == "required" {
			typ += ", required"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, typ, strings.ReplaceAll(f.Tag.Get("doc"), "|", `\|`))
	}
}

func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[probe.Expect]():
		return "expectation"
	case reflect.TypeFor[probe.Tolerance]():
		return "number or duration"
	case reflect.TypeFor[probe.Margin]():
		return "number with unit"
	case reflect.TypeFor[*int]():
		return "number"
	case reflect.TypeFor[experiment.Percent]():
		return "share"
	case reflect.TypeFor[*experiment.LoadRef]():
		return "file or load plan"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "map"
	case reflect.Int, reflect.Uint64:
		return "number"
	case reflect.Bool:
		return "true or false"
	}
	return "text"
}
