package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readers are the command lines that read a file, which comes last.
var readers = []string{
	"run", "run --dry-run --demo", "load run", "load convert", "load read", "load manifest --shards=2", "check", "rules check", "import",
	"approve --as=me --for=8h", "schedule", "replay", "snapshot --replay", "snapshot --theme", "watch --experiment", "watch --load", "watch --config",
	"doctor --config", "triage 4bf92f3577b34da6a3ce929d0e0e4736 --config", "serve --demo --keys",
}

// TestFilesThatCannotBeReadAreNamedOnce by every command, with what is wrong with them, in one line.
func TestFilesThatCannotBeReadAreNamedOnce(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder")
	require.NoError(t, os.Mkdir(folder, 0o700))
	locked := filepath.Join(dir, "locked")
	require.NoError(t, os.WriteFile(locked, []byte("x"), 0o000))
	for file, says := range map[string]string{
		filepath.Join(dir, "missing.yaml"):         "no such file",
		filepath.Join(dir, "nowhere", "plan.yaml"): "no such file",
		folder: "folder|no regular file",
		locked: "permission denied",
	} {
		if file == locked && os.Geteuid() == 0 {
			t.Log("root may read everything: files without permission are not tried")
			continue
		}
		for _, line := range readers {
			got := call(append(strings.Fields(line), file)...)
			require.Equal(t, exitCannotRun, got.code, "%s: %s", line, got.stderr)
			require.Empty(t, got.stdout, line)
			require.Equal(t, 1, strings.Count(got.stderr, file), "%s names it once: %s", line, got.stderr)
			require.Regexp(t, says, got.stderr, line)
			require.NotContains(t, got.stderr, "stat ", line)
			require.Equal(t, 1, strings.Count(got.stderr, "\n"), "%s: %s", line, got.stderr)
		}
	}
}

// TestAFileThatWasMistypedIsOffered where one of nearly that name is.
func TestAFileThatWasMistypedIsOffered(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"payment-slow.yaml", "catalog-pause.yaml"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	got := call("run", filepath.Join(dir, "payment-slwo.yaml"))
	require.Contains(t, got.stderr, "did you mean "+filepath.Join(dir, "payment-slow.yaml")+"?")
	require.NotContains(t, call("run", filepath.Join(dir, "zebra.yaml")).stderr, "did you mean")
	require.Contains(t, call("run", filepath.Join(dir, "none", "x.yaml")).stderr, "; its folder "+filepath.Join(dir, "none")+" is not there")
	t.Chdir(dir)
	require.Contains(t, call("run", "payment-slwo.yaml").stderr, "did you mean payment-slow.yaml?")
}

// TestManyFilesAreAllReported: one that is not there keeps nobody from hearing about the others.
func TestManyFilesAreAllReported(t *testing.T) {
	dir := t.TempDir()
	empty, none := filepath.Join(dir, "empty.yaml"), filepath.Join(dir, "none.yaml")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	got := call("check", none, empty, "../../testdata/experiments/payment-slow.yaml")
	require.Equal(t, exitCannotRun, got.code)
	require.Contains(t, got.stderr, "there is no such file: "+none)
	require.Contains(t, got.stderr, empty+":1:1: the file is empty")
	require.Contains(t, got.stdout, "payment-slow.yaml: experiment is well-formed")
	got = call("rules", "check", none, empty)
	require.Contains(t, got.stderr, "there is no such file: "+none)
	require.Contains(t, got.stdout, empty)
}

// TestFilesOfFlagsMayBeSeveral, after each flag and after a comma, and a home folder in them is found.
func TestFilesOfFlagsMayBeSeveral(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	require.NoError(t, os.WriteFile(filepath.Join(home, "a.yaml"), nil, 0o600))
	none := filepath.Join(home, "none.yaml")
	got := call("watch", "--experiment=~/a.yaml,"+none, "--experiment", filepath.Join(home, "a.yaml"))
	require.Contains(t, got.stderr, "there is no such file: "+none)
	got = call("watch", "--experiment=~/a.yaml", "--experiment", none)
	require.Contains(t, got.stderr, "there is no such file: "+none)
}

// TestOtherToolsFilesThatAreNoneSaySo: what an unknown file was taken for at last is not what it was meant to be.
func TestOtherToolsFilesThatAreNoneSaySo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "junk")
	require.NoError(t, os.WriteFile(file, []byte("\xff\xfe\x00 no text at all"), 0o600))
	require.Contains(t, call("load", "convert", file).stderr, "it is no JMeter plan, no HAR file and not an OpenAPI document")
	require.Contains(t, call("load", "read", file).stderr, "it is no simulation.log and no JSON, and as a JTL: ")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Contains(t, call("load", "read", file).stderr, "it is empty")
	require.Contains(t, call("import", file).stderr, "it is empty")
	require.Contains(t, call("snapshot", "--replay", file).stderr, "this is no recording of gameday: --record FILE makes one")
}
