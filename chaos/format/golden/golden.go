// Package golden is the test that all converters share: files in, experiments and coverage tables out, as they are kept
// beside the files.
package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/chaos/fault"
	"gameday/chaos/format"
)

// Folder is where the files of all formats lie, from the folder of a converter.
const Folder = "../../../testdata/experiments/formats/"

// Convert is what the converters export.
type Convert func([]*format.Node, format.Options) (*format.Result, error)

// Files converts every file of a format and compares. With update what came out is kept instead.
func Files(t *testing.T, kind string, convert Convert, update bool) {
	t.Helper()
	files, err := filepath.Glob(Folder + kind + "/*")
	require.NoError(t, err)
	seen := 0
	for _, file := range files {
		if strings.HasSuffix(file, ".golden") {
			continue
		}
		seen++
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			docs, err := format.Read(file, data)
			require.NoError(t, err)
			require.Equal(t, kind, format.Kind(docs), "it is told what the file is")
			res, err := convert(docs, format.Options{Name: "file", Faults: fault.Catalog(fault.Parts{})})
			require.NoError(t, err)
			got := string(res.YAML) + "---\n" + res.Coverage.String() + res.Plan()
			if update {
				require.NoError(t, os.WriteFile(file+".golden", []byte(got), 0o644))
			}
			want, err := os.ReadFile(file + ".golden")
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
	require.NotZero(t, seen)
}

// Fuzz converts anything: whatever a file holds, there is an error or an experiment that the catalog accepts.
func Fuzz(f *testing.F, kind string, convert Convert) {
	files, err := filepath.Glob(Folder + kind + "/*")
	require.NoError(f, err)
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && !strings.HasSuffix(file, ".golden") {
			f.Add(data)
		}
	}
	catalog := fault.Catalog(fault.Parts{})
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := format.Read("fuzz", data)
		if err != nil {
			return
		}
		res, err := convert(docs, format.Options{Name: "fuzz", Chaos: "/usr/bin/chaos", Dir: "/tmp"})
		if err != nil {
			return
		}
		require.NotNil(t, res.Coverage)
		if res.YAML == nil {
			require.NotEmpty(t, res.Needs)
			require.Error(t, res.Refuse(true))
		}
		_, _ = convert(docs, format.Options{Faults: catalog}) // a value beyond a fault's bounds is an error, not a panic
	})
}
