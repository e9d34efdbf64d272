//go:build !linux && !darwin

package main

import "os"

// singleKeys takes no keys on systems whose terminals it does not know.
func singleKeys(*os.File, chan<- byte) (give func(), ok bool) { return nil, false }
