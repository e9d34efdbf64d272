// Package testdata carries the demo shop's experiments and load plans, so that the binary needs no other file.
package testdata

import "embed"

// Files holds experiments/*.yaml and load/*.yaml.
//
//go:embed experiments/*.yaml load/*.yaml
var Files embed.FS
