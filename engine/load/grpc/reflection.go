package grpc

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"gameday/sources/sanitize"
)

// maxFiles bounds what a target may describe itself with.
const maxFiles = 1000

// The methods of the reflection service. The messages of both versions are the same on the wire.
var reflectMethods = []string{
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}

// reflect asks the target what a service looks like. This is no part of the load, so it goes through the ordinary library.
func (p *Protocol) reflect(ctx context.Context, service protoreflect.FullName) (*descriptorpb.FileDescriptorSet, error) {
	secure := insecure.NewCredentials()
	if p.tls != nil {
		secure = credentials.NewTLS(p.tls.Clone())
	}
	conn, err := grpc.NewClient("passthrough:///"+p.address.String(), grpc.WithTransportCredentials(secure))
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	set, err := askAll(ctx, conn, service)
	if closed := conn.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, fmt.Errorf("%w; give a proto file or a descriptorSet instead", err)
	}
	return set, nil
}

func askAll(ctx context.Context, conn *grpc.ClientConn, service protoreflect.FullName) (set *descriptorpb.FileDescriptorSet, err error) {
	for _, method := range reflectMethods {
		set, err = ask(ctx, conn, method, service)
		if status.Code(err) != codes.Unimplemented {
			break
		}
	}
	var told *refusal
	switch {
	case err == nil:
		return set, nil
	case status.Code(err) == codes.Unimplemented:
		return nil, errors.New("the target has no reflection service")
	case errors.As(err, &told):
		return nil, err
	case ctx.Err() != nil:
		return nil, fmt.Errorf("the target did not answer within %v", describeTimeout)
	}
	return nil, errors.New(sanitize.Line(status.Convert(err).Message(), 200))
}

// refusal is an error that the reflection service has answered with, or one that we have with its answer.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// ask fetches the file of a service and the files it imports.
func ask(ctx context.Context, conn *grpc.ClientConn, method string, service protoreflect.FullName) (*descriptorpb.FileDescriptorSet, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return nil, err
	}
	set, known := &descriptorpb.FileDescriptorSet{}, map[string]bool{}
	size := 0
	fetch := func(req *reflection.ServerReflectionRequest) error {
		files, err := exchange(stream, req)
		for _, raw := range files {
			f := &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal(raw, f); err != nil {
				return &refusal{"its description is damaged"}
			}
			if size += len(raw); size > maxDescription || len(set.File) == maxFiles {
				return &refusal{fmt.Sprintf("its description is larger than %d files or %d MiB", maxFiles, maxDescription>>20)}
			}
			if !known[f.GetName()] {
				known[f.GetName()] = true
				set.File = append(set.File, f)
			}
		}
		return err
	}
	if err := fetch(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: string(service)},
	}); err != nil {
		return nil, err
	}
	for i := 0; i < len(set.File); i++ {
		for _, name := range set.File[i].Dependency {
			if known[name] {
				continue
			}
			err := fetch(&reflection.ServerReflectionRequest{
				MessageRequest: &reflection.ServerReflectionRequest_FileByFilename{FileByFilename: name},
			})
			if known[name] {
				continue
			}
			if d, found := protoregistry.GlobalFiles.FindFileByPath(name); found == nil { // the well-known ones
				known[name] = true
				set.File = append(set.File, protodesc.ToFileDescriptorProto(d))
				continue
			}
			if err == nil {
				err = &refusal{fmt.Sprintf("it does not describe %s", sanitize.Line(name, 100))}
			}
			return nil, err
		}
	}
	return set, nil
}

// exchange asks one question.
func exchange(stream grpc.ClientStream, req *reflection.ServerReflectionRequest) ([][]byte, error) {
	if err := stream.SendMsg(req); err != nil {
		// The real reason comes with the answer.
		if got := stream.RecvMsg(&reflection.ServerReflectionResponse{}); got != nil {
			err = got
		}
		return nil, err
	}
	res := &reflection.ServerReflectionResponse{}
	if err := stream.RecvMsg(res); err != nil {
		return nil, err
	}
	if e := res.GetErrorResponse(); e != nil {
		return nil, &refusal{"the target says: " + sanitize.Line(e.GetErrorMessage(), 200)}
	}
	return res.GetFileDescriptorResponse().GetFileDescriptorProto(), nil
}
