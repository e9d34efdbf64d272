package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	loadgrpc "gameday/engine/load/grpc"
	"gameday/engine/load/histogram"
	"gameday/engine/load/http2"
	"gameday/engine/load/protocol"
)

const (
	method  = "grpc.testing.TestService/UnaryCall"
	message = `{"responseSize": 2}`

	// describedBy names the environment variable with the path of the service's descriptor set.
	describedBy = "BENCH_DESCRIPTORS"
)

// describe writes the service's descriptor set.
func describe(path string) error {
	set := &descriptorpb.FileDescriptorSet{}
	for _, f := range []protoreflect.FileDescriptor{
		testpb.File_grpc_testing_empty_proto, testpb.File_grpc_testing_messages_proto, testpb.File_grpc_testing_test_proto,
	} {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	b, err := proto.Marshal(set)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

type service struct {
	testpb.UnimplementedTestServiceServer
}

func (service) UnaryCall(_ context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	return &testpb.SimpleResponse{Payload: &testpb.Payload{Body: make([]byte, in.ResponseSize)}}, nil
}

// serveTarget is net/http's server, grpc-go's, or frames only. It ends with its standard input.
func serveTarget(kind string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println(l.Addr())
	switch kind {
	case "http2", "grpc":
		return serveFrames(l, answers[kind])
	case "grpc-go":
		s := grpc.NewServer()
		testpb.RegisterTestServiceServer(s, service{})
		return s.Serve(l)
	}
	s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok")) // a client that is gone counts on its own side
	})}
	s.Protocols.SetUnencryptedHTTP2(true)
	return s.Serve(l)
}

// generate is a closed loop of workers, and says what came of it.
func generate(kind string, l task) error {
	if path := os.Getenv("BENCH_PROFILE"); path != "" {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	next, err := worker(kind, l)
	if err != nil {
		return err
	}
	var o outcome
	shards := make([]shard, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	until := time.Now().Add(l.span)
	var over atomic.Bool
	for n := range l.connections * l.streams {
		do, end := next(n)
		wg.Go(func() {
			defer end()
			for !over.Load() {
				shards[n%len(shards)].record(do())
			}
		})
	}
	time.Sleep(time.Until(until))
	over.Store(true)
	wg.Wait()
	var all histogram.Histogram
	for i := range shards {
		all.Merge(&shards[i].took)
		o.Done, o.Failed = o.Done+shards[i].done, o.Failed+shards[i].failed
	}
	o.P99 = all.Quantile(0.99)
	return json.NewEncoder(os.Stdout).Encode(o)
}

// shard is what workers record, one for each core.
type shard struct {
	mu           sync.Mutex
	took         histogram.Histogram
	done, failed uint64
}

func (s *shard) record(took time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took.Record(took)
	if s.done++; !ok {
		s.failed++
	}
}

// worker makes the workers of one kind of client: what one request of the nth is, and how it ends.
func worker(kind string, l task) (func(n int) (do func() (time.Duration, bool), end func()), error) {
	var p protocol.Protocol
	sharing := http2.Sharing{Connections: l.connections, Streams: l.streams}
	step := protocol.Step{Name: "s", Timeout: 30 * time.Second}
	switch kind {
	case "grpc-go":
		return plainGRPC(l)
	case "grpc":
		made, err := loadgrpc.New("grpc://"+l.target, protocol.Options{}, sharing)
		if err != nil {
			return nil, err
		}
		if _, err := made.Prepare(step, &loadgrpc.Call{Method: method, Message: message, DescriptorSet: os.Getenv(describedBy)}); err != nil {
			return nil, err
		}
		p = made
	default:
		made, err := http2.New("h2c://"+l.target, protocol.Options{}, sharing)
		if err != nil {
			return nil, err
		}
		if _, err := made.Prepare(protocol.Request{Step: step, Method: "GET", Path: "/"}); err != nil {
			return nil, err
		}
		p = made
	}
	epoch := time.Now()
	return func(n int) (func() (time.Duration, bool), func()) {
		c := p.NewClient(context.Background(), epoch)
		fresh := rand.New(rand.NewPCG(1, uint64(n)))
		call, out := &protocol.Call{}, &protocol.Outcome{}
		return func() (time.Duration, bool) {
			identify(call.Trace[:], call.Span[:], fresh)
			c.Do(call, out)
			return out.Done - out.Start, out.Kind == protocol.OK
		}, c.Close
	}, nil
}

// identify makes IDs as the engine does.
func identify(trace, span []byte, fresh *rand.Rand) {
	binary.BigEndian.PutUint64(trace, fresh.Uint64())
	binary.BigEndian.PutUint64(trace[8:], fresh.Uint64()|1)
	binary.BigEndian.PutUint64(span, fresh.Uint64()|1)
}

// plainGRPC is what one would write around grpc-go by hand.
func plainGRPC(l task) (func(n int) (func() (time.Duration, bool), func()), error) {
	conns := make([]*grpc.ClientConn, l.connections)
	for i := range conns {
		c, err := grpc.NewClient("passthrough:///"+l.target, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		conns[i] = c
	}
	in := &testpb.SimpleRequest{ResponseSize: 2}
	return func(n int) (func() (time.Duration, bool), func()) {
		c := testpb.NewTestServiceClient(conns[n%len(conns)])
		fresh := rand.New(rand.NewPCG(1, uint64(n)))
		var trace [16]byte
		var span [8]byte
		return func() (time.Duration, bool) {
			identify(trace[:], span[:], fresh)
			id := hex.EncodeToString(trace[:])
			ctx := metadata.AppendToOutgoingContext(context.Background(),
				"traceparent", "00-"+id+"-"+hex.EncodeToString(span[:])+"-00", "x-correlation-id", id)
			start := time.Now()
			_, err := c.UnaryCall(ctx, in)
			return time.Since(start), err == nil
		}, func() {}
	}, nil
}
