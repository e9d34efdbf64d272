package fault

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/hostnet"
)

func TestCatalogIsCompleteAndDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Catalog(Parts{}) {
		kind := f.Kind()
		require.False(t, seen[kind], "%s is there twice", kind)
		seen[kind] = true
		require.NotEmpty(t, f.Help(), kind)
		require.NotEmpty(t, Of(f).Undo, kind)
		require.NotEmpty(t, f.Hits(), kind)
		_, hasRemedy := f.(chaos.Remedier)
		require.True(t, hasRemedy || !f.Reversible() || kind == "process.kill", "%s names no command for the last resort", kind)
		for _, p := range f.Params() {
			require.NotEmpty(t, p.Help, "%s %s", kind, p.Name)
		}
	}
	for kind := range about {
		require.True(t, seen[kind], "%s is described and does not exist", kind)
	}
	for _, family := range []string{"network", "dependency", "process", "zone", "region", "host", "dns", "compute", "storage", "container"} {
		require.True(t, func() bool {
			for k := range seen {
				if strings.HasPrefix(k, family+".") {
					return true
				}
			}
			return false
		}(), family)
	}
}

// A feature of the kernel that is missing is told for the faults that need it, and for no others.
func TestReadyNamesWhatIsMissing(t *testing.T) {
	missing := errors.New("not available: kernel has no sch_netem")
	features := []hostnet.Feature{{Name: "sch_netem", For: "host.netem", Err: missing}, {Name: "x", For: "host.loss, and shares below 100%", Err: errors.New("no numbers")}}
	for _, f := range Catalog(Parts{}) {
		switch f.Kind() {
		case "host.netem":
			require.ErrorIs(t, Ready(f, features), missing)
		case "host.loss", "process.loss":
			require.ErrorContains(t, Ready(f, features), "no numbers")
		case "host.partition", "network.latency":
			require.NoError(t, Ready(f, features), f.Kind())
		}
	}
}
