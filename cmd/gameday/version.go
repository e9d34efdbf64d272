package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is set by the linker for releases: -ldflags "-X main.version=v1.2.3".
var version = ""

// versionCmd prints what this binary is.
type versionCmd struct{}

// Run prints the version, the revision it was built from and the Go version.
func (versionCmd) Run(stdout io.Writer) error {
	_, err := fmt.Fprintf(stdout, "gameday %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// buildVersion is the version with the revision it was built from.
func buildVersion() string {
	v, revision := version, ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				revision = " " + s.Value[:12]
			}
		}
	}
	if v == "" || v == "(devel)" {
		v = "development"
	}
	return v + revision
}
