//go:build !linux || !amd64

package clock

import (
	"context"
	"errors"
	"runtime"
	"time"

	"gameday/chaos/proc"
)

const tagSize = 16

var errNotHere = errors.New("not available on " + runtime.GOOS + "/" + runtime.GOARCH + ": it changes the vDSO of Linux on amd64")

func available() error { return errNotHere }

func pristine(proc.ID) error { return errNotHere }

func tagged(proc.ID, string) bool { return false }

func shift(context.Context, proc.ID, string, time.Duration) error { return errNotHere }

func repair(context.Context, proc.ID, string) error { return errNotHere }
