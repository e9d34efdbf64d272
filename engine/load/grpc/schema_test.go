package grpc

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"gameday/engine/load/http2"
	"gameday/engine/load/protocol"
)

// protodescs are the descriptors of the test service.
func protodescs() *descriptorpb.FileDescriptorSet {
	set := &descriptorpb.FileDescriptorSet{}
	for _, f := range []protoreflect.FileDescriptor{
		testpb.File_grpc_testing_empty_proto, testpb.File_grpc_testing_messages_proto, testpb.File_grpc_testing_test_proto,
	} {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	return set
}

// TestDescriptions calls one method by all the ways to describe it.
func TestDescriptions(t *testing.T) {
	dir := t.TempDir()
	set := protodescs()
	b, err := proto.Marshal(set)
	require.NoError(t, err)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	setPath := write("set.pb", string(b))
	write("types/m.proto", `syntax = "proto3"; package grpc.testing; import "google/protobuf/timestamp.proto";
		message SimpleRequest { int32 response_size = 2; google.protobuf.Timestamp at = 90; }
		message SimpleResponse { string username = 2; }`)
	protoPath := write("svc/s.proto", `syntax = "proto3"; package grpc.testing; import "types/m.proto";
		service TestService { rpc UnaryCall(SimpleRequest) returns (SimpleResponse); }`)
	bad := write("bad.proto", "syntax = \"proto3\"; message {")
	_, _, target := serve(t)
	message := `{"responseSize": 1}`
	for name, c := range map[string]*Call{
		"reflection":     {Method: "/grpc.testing.TestService/UnaryCall", Message: message},
		"descriptor set": {Method: "grpc.testing.TestService.UnaryCall", Message: message, DescriptorSet: setPath},
		"proto":          {Method: testMethod + "UnaryCall", Message: `{"responseSize": 1, "at": "{{time iso}}"}`, Proto: protoPath, Imports: []string{dir}},
	} {
		out := do(one(t, target, protocol.Options{}, step(), c))
		require.Equal(t, protocol.OK, out.Kind, "%s: %v", name, out.Err)
		require.Contains(t, string(out.Body), `"username":"user"`)
	}
	p, err := New(target, protocol.Options{}, http2.Sharing{})
	require.NoError(t, err)
	for want, c := range map[string]*Call{
		"write package.Service/Method":        {Method: "nope"},
		"there is no service a.B":             {Method: "a.B/C", DescriptorSet: setPath},
		"has no method Nope":                  {Method: testMethod + "Nope"},
		"give a proto file or a":              {Method: "a.B/C"},
		"no such file":                        {Method: "a.B/C", Proto: "/nonexistent/x.proto"},
		"bad.proto":                           {Method: "a.B/C", Proto: bad},
		"it is no descriptor set":             {Method: "a.B/C", DescriptorSet: bad},
		"not both":                            {Method: "a.B/C", DescriptorSet: bad, Proto: bad},
		"it is no grpc.testing.SimpleRequest": {Method: testMethod + "UnaryCall", Message: `{"nope": 1}`},
		"takes one message":                   {Method: testMethod + "UnaryCall", Repeat: 2},
		"is no status code":                   {Method: testMethod + "UnaryCall", Codes: []string{"FINE"}},
		"unknown":                             {Method: testMethod + "UnaryCall", Message: "{{nope}}"},
		"64 are sent without an interval":     {Method: testMethod + "StreamingInputCall", Message: `{"payload": {"body": "` + strings.Repeat("AAAA", 1000) + `"}}`, Repeat: 100_000},
	} {
		_, err := p.Prepare(step(), c)
		require.ErrorContains(t, err, want)
	}
	_, err = p.Prepare(step(protocol.Header{Name: "grpc-timeout", Value: "1S"}), &Call{Method: testMethod + "UnaryCall"})
	require.ErrorContains(t, err, "gRPC decides it itself")
}

// TestReflectionThatFails says what to do instead.
func TestReflectionThatFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer()
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }() // it ends with Stop
	defer func() { s.Stop(); <-done }()
	p, err := New("grpc://"+l.Addr().String(), protocol.Options{}, http2.Sharing{})
	require.NoError(t, err)
	_, err = p.Prepare(step(), &Call{Method: "a.B/C"})
	require.ErrorContains(t, err, "the target has no reflection service; give a proto file or a descriptorSet instead")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	p, err = New("grpc://"+closed.Addr().String(), protocol.Options{}, http2.Sharing{})
	require.NoError(t, err)
	_, err = p.Prepare(step(), &Call{Method: "a.B/C"})
	require.ErrorContains(t, err, "give a proto file or a descriptorSet instead")
}
