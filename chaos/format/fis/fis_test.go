package fis

import (
	"flag"
	"testing"

	"gameday/chaos/format/golden"
)

var update = flag.Bool("update", false, "keep what comes out")

func TestFiles(t *testing.T) { golden.Files(t, "fis", Convert, *update) }

func FuzzFis(f *testing.F) { golden.Fuzz(f, "fis", Convert) }
