//go:build !linux

package main

import "os"

// watchKey does nothing where keys cannot be read beside signals: the stop file is the kill switch there.
func watchKey(*os.File, byte, func()) (stop func()) { return func() {} }
