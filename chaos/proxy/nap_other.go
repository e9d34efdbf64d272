//go:build !linux

package proxy

import "time"

func nap(due time.Time) { time.Sleep(time.Until(due)) }
