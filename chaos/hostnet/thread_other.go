//go:build !linux

package hostnet

import (
	"errors"
	"os"
)

var errLinux = errors.New("only Linux has network namespaces")

// Do fails: there are no network namespaces here.
func Do(*os.File, func() error) error { return errLinux }

// Scratch fails: there are no network namespaces here.
func Scratch(func(*os.File) error) error { return errLinux }

// May says what this process lacks to change the network.
func May() error { return errors.New("it needs Linux") }
