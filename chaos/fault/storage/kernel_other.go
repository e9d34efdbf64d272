//go:build !linux

package storage

import (
	"errors"
	"os"
)

var errNotLinux = errors.New("this needs Linux")

func deviceOf(string) (string, error)       { return "", errNotLinux }
func allocate(*os.File, int64, int64) error { return errCannotAllocate }
func setReadOnly(string, bool) error        { return errNotLinux }
func detach(string) error                   { return errNotLinux }
func detachForced(string) error             { return errNotLinux }
func tagFile(*os.File, string)              {}
func mayMount() error                       { return errNotLinux }
