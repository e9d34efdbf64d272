//go:build !linux

package nft

import (
	"errors"

	"gameday/chaos/hostnet"
)

var errLinux = errors.New("only Linux has nf_tables")

// Available says that nothing is, here.
func Available() []hostnet.Feature {
	return []hostnet.Feature{{Name: "nf_tables", For: "all faults of the host's network", Err: errLinux}}
}

// Lines is empty here.
func (s Spec) Lines() []string { return nil }

// Check fails here.
func (s Spec) Check() error { return errLinux }

// Present reports whether the table is there.
func Present(Undo) (bool, error) { return false, errLinux }

// Remove fails here.
func Remove(Undo) error { return errLinux }

// List fails here.
func List(hostnet.Namespace) ([]string, error) { return nil, errLinux }

func install(Spec) error         { return errLinux }
func pass(Spec) error            { return errLinux }
func renew(Spec) error           { return errLinux }
func count(Spec) (uint64, error) { return 0, errLinux }
