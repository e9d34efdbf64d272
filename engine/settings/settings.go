// Package settings reads gameday.yaml: which sources there are and how they are reached, what joins signals, which files
// belong to the system, and how the cockpit looks.
//
// The format is apiVersion gameday/v1, kind Config. Every fault in a file is reported at once, with its line and the
// nearest known word. Secrets stand in it by reference and are looked up when they are needed.
package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gameday/chaos/size"
	"gameday/keymap"
	"gameday/sources/spec"
)

// FileName is what a configuration is called.
const FileName = "gameday.yaml"

// Kind is what stands at kind: in it.
const Kind = "Config"

// Settings is one configuration.
type Settings struct {
	APIVersion  string      `yaml:"apiVersion,required" enum:"gameday/v1" doc:"gameday/v1"`
	Kind        string      `yaml:"kind,required" enum:"Config" doc:"Config"`
	System      System      `yaml:"system" doc:"What is watched."`
	Theme       string      `yaml:"theme" doc:"Name of a theme, or a file with one."`
	Keys        Keys        `yaml:"keys" doc:"Other keys than the usual ones."`
	Correlation Correlation `yaml:"correlation" doc:"What joins signals besides the trace ID."`
	Receive     Receive     `yaml:"receive" doc:"Where signals may be sent."`
	Scrape      Scrape      `yaml:"scrape" doc:"What the embedded metric memory scrapes."`
	Metrics     string      `yaml:"metrics" doc:"Name of the source that charts and probes ask; the embedded memory when not given, or the only source that answers PromQL when nothing is scraped."`
	Sources     []Source    `yaml:"sources" doc:"The systems that signals are read from."`
	Experiments []string    `yaml:"experiments" doc:"Files with experiments; may hold * and **."`
	Load        []string    `yaml:"load" doc:"Files with load plans."`
	Dashboards  []string    `yaml:"dashboards" doc:"Files with dashboards, gameday's own or Grafana's."`
	Rules       []string    `yaml:"rules" doc:"Files with Prometheus alert rules that the embedded engine evaluates."`
	SLOs        []string    `yaml:"slos" doc:"Files with service level objectives."`
	Memory      Memory      `yaml:"memory" doc:"How much is kept."`

	file string
	doc  *spec.Document
}

// System is what is watched.
type System struct {
	Name        string `yaml:"name" doc:"What it is called in the header. Default: system."`
	Environment string `yaml:"environment" doc:"Which environment it is; in production harmful things need a typed word. Default: production, so that nothing harmful starts lightly."`
}

// Keys are other keys than the usual ones.
type Keys struct {
	Preset string              `yaml:"preset" enum:"default,vim,emacs" doc:"Where one starts from."`
	Bind   map[string][]string `yaml:"bind" doc:"Keys by action, as gameday keys lists them; an empty list unbinds."`
}

// Correlation is what joins signals besides the trace ID.
type Correlation struct {
	Fields []string `yaml:"fields" doc:"Attributes whose values join signals, the strongest first. Default: request_id, x-correlation-id, correlation_id, order_id."`
}

// Receive is where signals may be sent.
type Receive struct {
	OTLPGRPC string `yaml:"otlpGrpc" doc:"Address for OTLP over gRPC. Default: 127.0.0.1:4317; off: none but a free port of its own."`
	OTLPHTTP string `yaml:"otlpHttp" doc:"Address for OTLP over HTTP. Default: 127.0.0.1:4318."`
}

// Scrape is what the embedded metric memory scrapes.
type Scrape struct {
	Every   time.Duration `yaml:"every" doc:"How often. Default 1s."`
	Targets []string      `yaml:"targets" doc:"Addresses, host:port."`
}

// Memory is how much is kept.
type Memory struct {
	Logs    Size          `yaml:"logs" doc:"Log records. Default 128MiB, about a million of them."`
	Spans   Size          `yaml:"spans" doc:"Spans. Default 24MiB, about 230,000 of them."`
	Metrics time.Duration `yaml:"metrics" doc:"How far back metrics reach. Default 1h."`
}

// Size is a number of bytes, such as 256MiB.
type Size int64

// UnmarshalScalar reads it.
func (s *Size) UnmarshalScalar(text string) error {
	n, err := size.Parse(text)
	if err != nil {
		return err
	}
	*s = Size(min(n, 1<<40))
	return nil
}

// JSONSchema says what a document may have in its place.
func (*Size) JSONSchema() map[string]any {
	return map[string]any{"type": []string{"string", "integer"}}
}

// Demo is the environment of gameday's own shop. Nothing else may call itself that: questions before something harmful are
// easier there.
const Demo = "demo"

// DefaultFields join signals when a configuration names none.
func DefaultFields() []string {
	return []string{"request_id", "x-correlation-id", "correlation_id", "order_id"}
}

// Default is the configuration of somebody who has none.
func Default() *Settings {
	s := &Settings{APIVersion: "gameday/v1", Kind: Kind, System: System{Name: "system", Environment: "local"}}
	s.complete()
	return s
}

// Load reads a file.
func Load(file string) (*Settings, error) {
	doc, err := spec.Load(file)
	if spec.IsEmpty(err) {
		return nothing(file), nil
	}
	if err != nil {
		return nil, err
	}
	return read(doc, file)
}

// Parse reads a configuration that is not, or not yet, in a file.
func Parse(file string, data []byte) (*Settings, error) {
	doc, err := spec.Parse(file, data)
	if spec.IsEmpty(err) {
		return nothing(file), nil
	}
	if err != nil {
		return nil, err
	}
	return read(doc, file)
}

// nothing is what a file means that says nothing: the defaults, as if it were not there.
func nothing(file string) *Settings {
	s := Default()
	s.file = file
	return s
}

func read(doc *spec.Document, file string) (*Settings, error) {
	s := &Settings{file: file, doc: doc}
	doc.Decode(s)
	s.complete()
	s.check(doc)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Settings) complete() {
	for _, d := range []struct {
		v   *string
		def string
	}{{&s.System.Name, "system"}, {&s.System.Environment, "production"}, {&s.Receive.OTLPGRPC, "127.0.0.1:4317"}, {&s.Receive.OTLPHTTP, "127.0.0.1:4318"}} {
		if *d.v == "" {
			*d.v = d.def
		}
	}
	for _, a := range []*string{&s.Receive.OTLPGRPC, &s.Receive.OTLPHTTP} {
		if *a == "off" {
			*a = "127.0.0.1:0"
		}
	}
	if s.Correlation.Fields == nil {
		s.Correlation.Fields = DefaultFields()
	}
}

// check reports what only the whole shows. Sources are checked by opening them: that reaches for nothing.
func (s *Settings) check(doc *spec.Document) {
	for i, f := range s.Correlation.Fields {
		if strings.TrimSpace(f) == "" {
			doc.Reportf(fmt.Sprintf("correlation.fields[%d]", i), "is empty: name an attribute such as request_id")
		}
	}
	if s.System.Environment == Demo {
		doc.Reportf("system.environment", "demo is gameday's own shop, where nothing can be harmed: say local, staging, production or a name of your own")
	}
	for i, a := range s.Scrape.Targets {
		if _, _, err := net.SplitHostPort(a); err != nil {
			doc.Reportf(fmt.Sprintf("scrape.targets[%d]", i), "%v; write it as host:port", err)
		}
	}
	for _, f := range keymap.Faults(s.Keys.Preset, s.Keys.Bind) {
		doc.Reportf(fmt.Sprintf("keys.bind[%q]", f.Action), "%s", f.Says)
	}
	var names []string
	for i := range s.Sources {
		src := &s.Sources[i]
		at := fmt.Sprintf("sources[%d]", i)
		if src.Name == "" {
			src.Name = src.Kind
		}
		if slices.Contains(names, src.Name) {
			doc.Reportf(at+".name", "there is another source %s: give each a name of its own", spec.Quote(src.Name))
		}
		names = append(names, src.Name)
		src.open(doc, at, s.Correlation.Fields)
	}
	if s.Metrics != "" && !slices.Contains(names, s.Metrics) {
		doc.Reportf("metrics", "there is no source %s%s", spec.Quote(s.Metrics), spec.DidYouMean(s.Metrics, names))
	}
	for _, list := range []struct {
		path  string
		files []string
	}{{"experiments", s.Experiments}, {"load", s.Load}, {"dashboards", s.Dashboards}, {"rules", s.Rules}, {"slos", s.SLOs}} {
		for i, pattern := range list.files {
			if _, err := s.files(pattern); err != nil {
				doc.Reportf(fmt.Sprintf("%s[%d]", list.path, i), "%v", err)
			}
		}
	}
}

// File is where the configuration was read from; "" when there is none.
func (s *Settings) File() string { return s.file }

// Files are the files that patterns of the configuration stand for, found from where the configuration is.
func (s *Settings) Files(patterns []string) ([]string, error) {
	var out []string
	for _, p := range patterns {
		found, err := s.files(p)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out, nil
}

// files expands one pattern. A pattern that fits nothing is an error: a name with a typing mistake must not go unnoticed.
func (s *Settings) files(pattern string) ([]string, error) {
	full := pattern
	if !filepath.IsAbs(full) {
		full = filepath.Join(filepath.Dir(s.file), full)
	}
	found, err := filepath.Glob(full)
	if err != nil {
		return nil, fmt.Errorf("%s is no pattern of files: %w", spec.Quote(pattern), err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no file %s", spec.Quote(pattern))
	}
	return found, nil
}

// Find is the configuration that is used when none is named: $GAMEDAY_CONFIG, gameday.yaml here, then in the XDG
// directories. file is "" when there is none.
func Find() (file string, err error) {
	if named := os.Getenv("GAMEDAY_CONFIG"); named != "" {
		return named, nil
	}
	for _, dir := range Dirs() {
		file := filepath.Join(dir, FileName)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file, nil
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("look for a configuration: %w", err)
		}
	}
	return "", nil
}

// Dirs are the directories where a configuration is looked for, in their order.
func Dirs() []string {
	dirs := []string{"."}
	if d := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(d) {
		dirs = append(dirs, filepath.Join(d, "gameday"))
	} else if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".config", "gameday"))
	}
	system := os.Getenv("XDG_CONFIG_DIRS")
	if system == "" {
		system = "/etc/xdg"
	}
	for _, d := range filepath.SplitList(system) {
		if filepath.IsAbs(d) {
			dirs = append(dirs, filepath.Join(d, "gameday"))
		}
	}
	return append(dirs, "/etc/gameday")
}

// Read is the configuration of that file, or the one that is found when none is named, or the default.
func Read(file string) (*Settings, error) {
	if file == "" {
		found, err := Find()
		if err != nil {
			return nil, err
		}
		if found == "" {
			return Default(), nil
		}
		file = found
	}
	return Load(file)
}

// Schema is the JSON Schema of the format, for editors.
func Schema() ([]byte, error) { return spec.Schema("gameday configuration", &Settings{}) }
