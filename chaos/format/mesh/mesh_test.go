package mesh

import (
	"flag"
	"testing"

	"gameday/chaos/format/golden"
)

var update = flag.Bool("update", false, "keep what comes out")

func TestFiles(t *testing.T) { golden.Files(t, "mesh", Convert, *update) }

func FuzzMesh(f *testing.F) { golden.Fuzz(f, "mesh", Convert) }
