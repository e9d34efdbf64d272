//go:build !crashtest

package main

// armCrash does nothing: only the binary of the end-to-end tests can be made to panic.
func armCrash() {}
