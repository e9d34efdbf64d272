//go:build !linux

package storage

func serve(string, string, *injector) error { return errNotLinux }
