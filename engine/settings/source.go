package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gameday/sources"
	"gameday/sources/all"
	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/spec"
)

// Source is one system that signals are read from.
type Source struct {
	Name    string            `yaml:"name" doc:"What you call it. Default: its kind."`
	Kind    string            `yaml:"kind,required" doc:"What it is: prometheus, loki, jaeger, ...; gameday sources lists them."`
	Address string            `yaml:"address" doc:"Where it is: a URL, host:port or a path, as the kind has it."`
	Off     bool              `yaml:"off" doc:"Leave it out."`
	Fields  []string          `yaml:"fields" doc:"Attributes whose values join signals here, instead of correlation.fields."`
	Rename  map[string]string `yaml:"rename" doc:"The system's own names for service, severity, trace_id, span_id, body and time."`
	Every   time.Duration     `yaml:"every" doc:"How often it is asked what it does not push, such as alerts. Default 5s."`
	Options *spec.Document    `yaml:"options" doc:"What the kind alone knows."`

	Client client.Config `yaml:",inline"`

	opened driver.Driver
}

// open makes the driver and reports what is wrong with its settings.
func (s *Source) open(doc *spec.Document, at string, fields []string) {
	kind, ok := all.Find(s.Kind)
	if !ok {
		if s.Kind != "" { // else it is reported already
			doc.Reportf(at+".kind", "there is no kind of source %s%s", spec.Quote(s.Kind), spec.DidYouMean(s.Kind, kinds()))
		}
		return
	}
	if s.Address == "" {
		s.Address = kind.Usual
	}
	if s.Address == "" {
		doc.Reportf(at+".address", "is missing: say where %s is", s.Name)
		return
	}
	if s.Fields != nil {
		fields = s.Fields
	}
	if err := s.Client.Validate(); err != nil {
		for line := range strings.Lines(err.Error()) {
			doc.Reportf(at, "%s", strings.TrimSpace(line))
		}
		return
	}
	d, err := kind.Open(driver.Settings{Name: s.Name, Address: s.Address, Client: s.Client, Every: s.Every, Fields: fields, Rename: s.Rename, Options: s.Options})
	if err != nil {
		doc.Reportf(at, "%v", err)
		return
	}
	s.opened = d
}

// Add is one more source with nothing but a kind and an address.
func (s *Settings) Add(kind, address string) error {
	doc, err := spec.Parse("", []byte("{}"))
	if err != nil {
		return err
	}
	src := Source{Name: kind, Kind: kind, Address: address}
	for n := 2; slices.ContainsFunc(s.Sources, func(o Source) bool { return o.Name == src.Name }); n++ {
		src.Name = fmt.Sprint(kind, n)
	}
	src.open(doc, "source", s.Correlation.Fields)
	if src.opened == nil {
		var problems *spec.Problems
		if errors.As(doc.Err(), &problems) && len(problems.List) > 0 {
			return errors.New(problems.List[0].Message)
		}
		return doc.Err()
	}
	s.Sources = append(s.Sources, src)
	return nil
}

func kinds() []string {
	var out []string
	for _, k := range all.Kinds() {
		out = append(out, k.Name)
	}
	return out
}

// Open hands out the drivers of the sources that are on. They have reached for nothing yet. A secret that cannot be looked
// up is an error that names its reference.
func (s *Settings) Open() ([]sources.Source, error) {
	var out []sources.Source
	for i := range s.Sources {
		src := &s.Sources[i]
		if src.Off || src.opened == nil {
			continue
		}
		secrets, err := src.secrets()
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", src.Name, err)
		}
		out = append(out, sources.Source{Name: src.Name, Kind: src.Kind, Address: src.Address, Driver: src.opened, Secrets: secrets})
	}
	return out, nil
}

// secrets are the texts that must not be in any message.
func (s *Source) secrets() ([]string, error) {
	var out []string
	for _, secret := range s.Client.Secrets() {
		text, err := secret.Reveal()
		if err != nil {
			return nil, err
		}
		if text != "" {
			out = append(out, text)
		}
	}
	return out, nil
}
