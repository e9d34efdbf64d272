//go:build !linux

package proxy

import "time"

// napper sleeps as precisely as the runtime does.
type napper struct{}

func newNapper() *napper { return nil }

func (*napper) until(due time.Time) { time.Sleep(time.Until(due)) }

func (*napper) close() {}
