//go:build !linux || !(amd64 || arm64)

package load

import (
	"errors"

	"gameday/engine/load/http1"
)

// fastPath does not exist on this platform.
type fastPath struct{}

func newFastPath(*http1.Protocol) (*fastPath, error) {
	return nil, errors.New("epoll loops are there on Linux only, on amd64 and arm64")
}

func (*fastPath) execute(*Run) error { return nil }
