package toolkit

import (
	"flag"
	"testing"

	"gameday/chaos/format/golden"
)

var update = flag.Bool("update", false, "keep what comes out")

func TestFiles(t *testing.T) { golden.Files(t, "toolkit", Convert, *update) }

func FuzzToolkit(f *testing.F) { golden.Fuzz(f, "toolkit", Convert) }
