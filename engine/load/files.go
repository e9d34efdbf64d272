package load

import (
	"errors"
	"sort"
	"strings"
)

// Files are the names of the files that the plan reads when it is run: feeds, bodies, descriptions of services. They are
// as they stand in the plan, relative to where it is, each once, sorted. The error says what cannot be listed.
func (p *Plan) Files() ([]string, error) {
	found := map[string]bool{}
	var faults []error
	take := func(name string) {
		if strings.Contains(name, "${") {
			faults = append(faults, errors.New("the name of the file "+name+" depends on a variable"))
		}
		if name != "" {
			found[name] = true
		}
	}
	for _, f := range p.Feeds {
		take(f.File)
	}
	p.eachStep(func(_ *Scenario, _ string, s *Step) {
		take(s.BodyFile)
		for _, part := range s.Multipart {
			take(part.File)
		}
		if s.GRPC != nil {
			take(s.GRPC.Proto)
			take(s.GRPC.DescriptorSet)
			if len(s.GRPC.Imports) > 0 {
				faults = append(faults, errors.New("step "+s.Name+" imports folders of proto files: make a descriptor set of them (protoc -o)"))
			}
		}
	})
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	sort.Strings(names)
	return names, errors.Join(faults...)
}

// Beside is the path of a file that the plan names, from where this process is.
func (p *Plan) Beside(name string) string { return p.beside(name) }
