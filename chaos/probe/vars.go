package probe

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"gameday/sources/reference"
	"gameday/sources/spec"
)

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// texts are the fields in which variables may stand.
func (m *Measure) texts() map[string]*string {
	out := map[string]*string{}
	switch {
	case m.PromQL != nil:
		out["promql"] = &m.PromQL.Query
	case m.HTTP != nil:
		out["http"] = &m.HTTP.URL
	case m.TCP != nil:
		out["tcp"] = &m.TCP.Address
	case m.GRPC != nil:
		out["grpc"] = &m.GRPC.Address
	case m.Command != nil:
		for i := range m.Command.Run {
			out[fmt.Sprintf("command.run[%d]", i)] = &m.Command.Run[i]
		}
	case m.Logs != nil:
		out["logs.filter"] = &m.Logs.Filter
	case m.Traces != nil:
		out["traces.filter"] = &m.Traces.Filter
	}
	return out
}

// CheckVars reports variables that are not among the known ones.
func (m *Measure) CheckVars(known []string, report func(path, format string, args ...any)) {
	for path, text := range m.texts() {
		for _, found := range variable.FindAllStringSubmatch(*text, -1) {
			if reference.Is(found[1]) {
				if err := reference.Check(found[0]); err != nil {
					report(path, "%s", err)
				}
				continue
			}
			if !slices.Contains(known, found[1]) {
				report(path, "the variable %s is not known%s", spec.Quote("${"+found[1]+"}"), spec.DidYouMean(found[1], known))
			}
		}
	}
}

// expand fills variables in. It leaves what m pointed to as it was: an experiment may run more than once.
func (m *Measure) expand(vars map[string]string) error {
	known := make([]string, 0, len(vars))
	for k := range vars {
		known = append(known, k)
	}
	slices.Sort(known)
	var err error
	m.CheckVars(known, func(_, format string, args ...any) { err = fmt.Errorf(format, args...) })
	if err != nil {
		return err
	}
	m.copy()
	for _, text := range m.texts() {
		*text = variable.ReplaceAllStringFunc(*text, func(s string) string {
			if name := s[2 : len(s)-1]; !reference.Is(name) {
				return vars[name]
			}
			return s
		})
	}
	if err := m.resolve(); err != nil {
		return err
	}
	switch {
	case m.HTTP != nil:
		return checkURL(m.HTTP.URL)
	case m.TCP != nil:
		return checkAddress(m.TCP.Address)
	case m.GRPC != nil:
		return checkAddress(m.GRPC.Address)
	}
	return nil
}

// resolve fills in what is only referred to: ${env:NAME} and ${file:/path}, in the texts above, in headers and bodies and
// in a program's environment.
func (m *Measure) resolve() error {
	texts := slices.Collect(maps.Values(m.texts()))
	var sets []map[string]string
	switch {
	case m.HTTP != nil:
		texts, sets = append(texts, &m.HTTP.Body), append(sets, m.HTTP.Headers)
	case m.Command != nil:
		sets = append(sets, m.Command.Env)
	}
	for _, text := range texts {
		filled, err := reference.Expand(*text)
		if err != nil {
			return err
		}
		*text = filled
	}
	for _, set := range sets {
		for name, text := range set {
			filled, err := reference.Expand(text)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			set[name] = filled
		}
	}
	return nil
}

func (m *Measure) copy() {
	m.PromQL, m.Load, m.HTTP, m.TCP = clone(m.PromQL), clone(m.Load), clone(m.HTTP), clone(m.TCP)
	m.GRPC, m.Command = clone(m.GRPC), clone(m.Command)
	m.Process, m.Logs, m.Traces = clone(m.Process), clone(m.Logs), clone(m.Traces)
	if m.Command != nil {
		m.Command.Run, m.Command.Env = slices.Clone(m.Command.Run), maps.Clone(m.Command.Env)
	}
	if m.HTTP != nil {
		m.HTTP.Headers = maps.Clone(m.HTTP.Headers)
	}
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
