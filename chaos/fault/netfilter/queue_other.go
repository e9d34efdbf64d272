//go:build !linux

package netfilter

import (
	"errors"
	"time"

	"gameday/chaos/hostnet"
)

// holder does nothing here.
type holder struct{}

func queueNumber(string) uint16 { return 0 }

func hold(hostnet.Namespace, uint16, time.Duration, time.Duration, uint64) (*holder, uint16, error) {
	return nil, 0, errors.New("only Linux has queues of packets")
}

func (*holder) release() {}
func (*holder) close()   {}
