// Package testdata carries the demo shop's experiments, load plans, objectives and dashboards, so that the binary needs no other file.
package testdata

import "embed"

// Files holds experiments/*.yaml, load/*.yaml and slos/*.yaml and dashboards/*.yaml.
//
//go:embed experiments/*.yaml load/*.yaml slos/*.yaml dashboards/*.yaml
var Files embed.FS
