// Package testdata carries the demo shop's experiments, load plans and objectives, so that the binary needs no other file.
package testdata

import "embed"

// Files holds experiments/*.yaml, load/*.yaml and slos/*.yaml.
//
//go:embed experiments/*.yaml load/*.yaml slos/*.yaml
var Files embed.FS
