package otlp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // registers the decompressor that exporters use
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// serveGRPC serves until ctx ends. The three services are registered as streams of one message each way, which is the
// same on the wire, because only a stream lets the handler wait for its turn before the message is read into memory.
func (in *intake) serveGRPC(ctx context.Context, l net.Listener) error {
	srv := grpc.NewServer(
		//lint:ignore SA1019 what would replace it is registered for the whole program, and in an init only
		grpc.RPCDecompressor(unpacker{in.cfg.MaxBody}),
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.MaxRecvMsgSize(int(in.cfg.MaxBody)),
		grpc.MaxConcurrentStreams(64),
		grpc.ConnectionTimeout(in.cfg.Read),
		grpc.MaxHeaderListSize(64<<10),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true), // nothing is emitted after Run
	)
	for _, kind := range []signalKind{kindTraces, kindLogs, kindMetrics} {
		srv.RegisterService(&grpc.ServiceDesc{
			ServiceName: kind.service(), HandlerType: (*any)(nil),
			Streams: []grpc.StreamDesc{{StreamName: "Export", ClientStreams: true, ServerStreams: true,
				Handler: func(_ any, s grpc.ServerStream) error { return in.export(kind, s) }}},
		}, nil)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		force := time.AfterFunc(in.cfg.Grace, srv.Stop)
		defer force.Stop()
		srv.GracefulStop()
	}()
	err := srv.Serve(l)
	if ctx.Err() == nil {
		srv.Stop()
		return fmt.Errorf("otlp: serve gRPC on %s: %w", in.grpcAddr, err)
	}
	<-done
	return nil
}

// export answers one request.
func (in *intake) export(kind signalKind, s grpc.ServerStream) error {
	if err := in.enter(s.Context()); err != nil {
		return in.grpcError(err)
	}
	defer in.leave()
	body, err := in.receive(s)
	if err != nil {
		return in.grpcError(err)
	}
	answer, err := in.take(kind, body, false)
	if err != nil {
		return in.grpcError(err)
	}
	return s.SendMsg(&answer)
}

// receive reads the message; a client that opens a request and then keeps silent must not hold its slot for ever. The
// goroutine ends with the stream, which ends when the handler returns.
func (in *intake) receive(s grpc.ServerStream) ([]byte, error) {
	type result struct {
		body []byte
		err  error
	}
	got := make(chan result, 1)
	go func() {
		var body []byte
		err := s.RecvMsg(&body)
		got <- result{body, err}
	}()
	timer := time.NewTimer(in.cfg.Read)
	defer timer.Stop()
	select {
	case r := <-got:
		return r.body, r.err
	case <-timer.C:
		return nil, status.Errorf(codes.DeadlineExceeded, "no message within %s", in.cfg.Read)
	case <-in.stop:
		// What has arrived whole is still taken.
		select {
		case r := <-got:
			return r.body, r.err
		case <-time.After(in.cfg.Grace / 2):
			return nil, errStopping
		}
	}
}

// grpcError chooses the code that tells an exporter whether to send again.
func (in *intake) grpcError(err error) error {
	switch {
	case errors.Is(err, errBusy):
		st, detailErr := status.New(codes.ResourceExhausted, err.Error()).
			WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
		if detailErr != nil {
			return status.Error(codes.ResourceExhausted, err.Error())
		}
		return st.Err()
	case errors.Is(err, errStopping):
		return status.Error(codes.Unavailable, err.Error())
	case errors.Is(err, errTooLarge):
		return status.Error(codes.InvalidArgument, err.Error()) // without retry info: the same request would fail again
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	}
	if st, ok := status.FromError(err); ok {
		if st.Code() == codes.ResourceExhausted {
			in.counts.tooLarge.Add(1)
		}
		return err
	}
	return status.Error(codes.InvalidArgument, err.Error())
}

// rawCodec hands messages over as bytes: decoding them is ours, with its checks before it.
type rawCodec struct{}

var _ encoding.CodecV2 = rawCodec{}

// Name is that of protobuf, which the bytes are.
func (rawCodec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2 for *[]byte.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("marshal %T: not bytes", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
}

// Unmarshal implements encoding.CodecV2 for *[]byte.
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("unmarshal into %T: not bytes", v)
	}
	*b = data.Materialize()
	return nil
}
