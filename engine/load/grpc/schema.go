package grpc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"gameday/sources/sanitize"
)

const (
	describeTimeout = 10 * time.Second
	maxDescription  = 16 << 20 // bytes of descriptors
)

// schema is the types that a service is described with.
type schema struct {
	files *protoregistry.Files
	types *dynamicpb.Types
}

func newSchema(set *descriptorpb.FileDescriptorSet) (*schema, error) {
	files, err := protodesc.FileOptions{AllowUnresolvable: true}.NewFiles(set)
	if err != nil {
		return nil, errors.New(sanitize.Line(err.Error(), 200))
	}
	return &schema{files: files, types: dynamicpb.NewTypes(files)}, nil
}

// find is a method of the schema.
func (s *schema) find(service protoreflect.FullName, name protoreflect.Name) (protoreflect.MethodDescriptor, error) {
	d, err := s.files.FindDescriptorByName(service)
	sd, ok := d.(protoreflect.ServiceDescriptor)
	if err != nil || !ok {
		return nil, fmt.Errorf("there is no service %s", service)
	}
	m := sd.Methods().ByName(name)
	if m == nil {
		return nil, fmt.Errorf("service %s has no method %s", service, name)
	}
	if m.Input().IsPlaceholder() || m.Output().IsPlaceholder() {
		return nil, fmt.Errorf("the types of %s are not described: include the imports", m.FullName())
	}
	return m, nil
}

// describe finds a step's method. What was read for one step serves the others, too.
func (p *Protocol) describe(c *Call) (*schema, protoreflect.MethodDescriptor, error) {
	service, name, err := splitMethod(c.Method)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), describeTimeout)
	defer cancel()
	key, what := "reflection "+string(service), "ask the target by reflection"
	read := func() (*descriptorpb.FileDescriptorSet, error) { return p.reflect(ctx, service) }
	switch {
	case c.Proto != "":
		key, what = fmt.Sprintf("proto %q %q", c.Proto, c.Imports), fmt.Sprintf("read proto file %q", c.Proto)
		read = func() (*descriptorpb.FileDescriptorSet, error) { return compileProto(ctx, c.Proto, c.Imports) }
	case c.DescriptorSet != "":
		key, what = "set "+c.DescriptorSet, fmt.Sprintf("read descriptor set %q", c.DescriptorSet)
		read = func() (*descriptorpb.FileDescriptorSet, error) { return readSet(c.DescriptorSet) }
	}
	s := p.known[key]
	if s == nil {
		set, err := read()
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", what, err)
		}
		if s, err = newSchema(set); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", what, err)
		}
		p.known[key] = s
	}
	m, err := s.find(service, name)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", what, err)
	}
	return s, m, nil
}

// readSet reads a file of descriptors.
func readSet(path string) (*descriptorpb.FileDescriptorSet, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxDescription {
		return nil, fmt.Errorf("it is larger than %d MiB", maxDescription>>20)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(b, set); err != nil || len(set.File) == 0 {
		return nil, errors.New("it is no descriptor set: write one with protoc --include_imports --descriptor_set_out=FILE")
	}
	return set, nil
}

// compileProto compiles a .proto file and what it imports.
func compileProto(ctx context.Context, path string, imports []string) (*descriptorpb.FileDescriptorSet, error) {
	name, dirs := path, imports
	if len(dirs) == 0 {
		dirs = []string{filepath.Dir(path)}
		name = filepath.Base(path)
	} else {
		name = below(path, dirs)
	}
	if _, err := os.Stat(path); err != nil && name == path {
		return nil, err
	}
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: dirs})}
	files, err := compiler.Compile(ctx, name)
	if err != nil {
		return nil, errors.New(sanitize.Line(err.Error(), 300))
	}
	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] || f.IsPlaceholder() {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	for _, f := range files {
		add(f)
	}
	return set, nil
}

// below is the name of a file as an import has it: relative to the directory that it is in.
func below(path string, dirs []string) string {
	for _, dir := range dirs {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return path
}
