package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"google.golang.org/grpc/grpclog"
)

// logFile is the log's name in the state directory.
const logFile = "gameday.log"

// quietGRPC has gRPC write its errors into the log instead of across the screen, and nothing else. It belongs to the whole program,
// and has to be called before anything in it speaks gRPC.
func quietGRPC() {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, grpcErrors{}))
}

// grpcErrors appends to the log of whoever runs the program. The file is opened for each of the few errors there are: which one
// it is may not be known yet, and no session may hold what belongs to the program.
type grpcErrors struct{}

// Write implements io.Writer.
func (grpcErrors) Write(p []byte) (int, error) {
	state, err := stateDir()
	if err != nil {
		return 0, err
	}
	f, err := os.OpenFile(filepath.Join(state, logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := f.Write(p)
	return n, errors.Join(err, f.Close())
}
