//go:build !linux

package dns

import (
	"errors"
	"syscall"
)

var errNoAddress error = syscall.EADDRNOTAVAIL

func marked(uint32) func(string, string, syscall.RawConn) error {
	return func(string, string, syscall.RawConn) error { return errors.New("only Linux has marks on packets") }
}
