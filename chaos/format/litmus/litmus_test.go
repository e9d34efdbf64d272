package litmus

import (
	"flag"
	"testing"

	"gameday/chaos/format/golden"
)

var update = flag.Bool("update", false, "keep what comes out")

func TestFiles(t *testing.T) { golden.Files(t, "litmus", Convert, *update) }

func FuzzLitmus(f *testing.F) { golden.Fuzz(f, "litmus", Convert) }
