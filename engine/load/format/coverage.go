package format

import "gameday/sources/spec"

// Coverage is the table of what became of every element of a file, which every import ends with.
type (
	Coverage = spec.Coverage
	Outcome  = spec.Outcome
)

// The outcomes, from good to bad.
const (
	Converted    = spec.Converted
	Skipped      = spec.Skipped
	Approximated = spec.Approximated
	NotConverted = spec.NotConverted
)
