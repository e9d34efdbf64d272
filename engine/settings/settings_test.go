package settings_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/settings"
)

func TestEveryFaultIsReportedAtOnceWithItsLine(t *testing.T) {
	_, err := settings.Parse("gameday.yaml", []byte(`apiVersion: gameday/v1
kind: Config
system: {nam: shop}
scrape: {targets: [no-port]}
sources:
  - {kind: lokki, address: "http://127.0.0.1:3100"}
  - {name: lokki, kind: lokki, address: x}
metrics: prometeus
experiments: [missing/*.yaml]
memory: {logs: 12 parsecs}
keys: {preset: nano}
`))
	require.Error(t, err)
	for _, want := range []string{"gameday.yaml:3:", "system.nam", "scrape.targets[0]", "host:port", "sources[0].kind", "sources[1].name", "metrics",
		"experiments[0]", "missing/*.yaml", "memory.logs", "keys.preset"} {
		require.ErrorContains(t, err, want)
	}
}

func TestKeysAreCheckedWhereTheyAreWritten(t *testing.T) {
	_, err := settings.Parse("gameday.yaml", []byte(`apiVersion: gameday/v1
kind: Config
keys:
  preset: vim
  bind:
    note: [e]
    nots: [z]
    theme.next: [f8, ctrl+tt]
    abort: [x]
`))
	require.Error(t, err)
	for _, want := range []string{
		`gameday.yaml:6:5: keys.bind["note"]: key "e" is bound to both experiments and note (scope global)`,
		`gameday.yaml:7:5: keys.bind["nots"]: there is no such action, did you mean note`,
		`gameday.yaml:8:5: keys.bind["theme.next"]: "ctrl+tt" is no key`,
		`gameday.yaml:9:5: keys.bind["abort"]: needs a key that types no character`,
	} {
		require.ErrorContains(t, err, want)
	}
	s, err := settings.Parse("gameday.yaml", []byte("apiVersion: gameday/v1\nkind: Config\nkeys: {preset: vim, bind: {note: [N], mouse: []}}\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"N"}, s.Keys.Bind["note"])
}

func TestDefaultsAreSafe(t *testing.T) {
	s, err := settings.Parse("gameday.yaml", []byte("apiVersion: gameday/v1\nkind: Config\nmemory: {logs: 64MiB, metrics: 10m}\nreceive: {otlpHttp: off}\n"))
	require.NoError(t, err)
	require.Equal(t, "production", s.System.Environment, "who does not say gets asked twice")
	require.Equal(t, "127.0.0.1:4317", s.Receive.OTLPGRPC)
	require.Equal(t, "127.0.0.1:0", s.Receive.OTLPHTTP)
	require.Equal(t, settings.Size(64<<20), s.Memory.Logs)
	require.Equal(t, 10*time.Minute, s.Memory.Metrics)
	require.Equal(t, settings.DefaultFields(), s.Correlation.Fields)
}

func TestTheConfigurationIsFoundInItsPlaces(t *testing.T) {
	here, home := t.TempDir(), t.TempDir()
	t.Chdir(here)
	t.Setenv("GAMEDAY_CONFIG", "")
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("XDG_CONFIG_DIRS", t.TempDir())
	s, err := settings.Read("")
	require.NoError(t, err)
	if s.File() == "" { // unless this machine has one for everybody
		require.Equal(t, "local", s.System.Environment)
	}
	write := func(file, name string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte("apiVersion: gameday/v1\nkind: Config\nsystem: {name: "+name+"}\nexperiments: [e*.yaml]\n"), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), "e1.yaml"), nil, 0o600))
	}
	for _, c := range []struct{ file, name string }{
		{filepath.Join(home, "gameday", "gameday.yaml"), "of-the-user"}, {filepath.Join(here, "gameday.yaml"), "here"},
	} {
		write(c.file, c.name)
		s, err = settings.Read("")
		require.NoError(t, err)
		require.Equal(t, c.name, s.System.Name)
		files, err := s.Files(s.Experiments)
		require.NoError(t, err)
		require.Len(t, files, 1)
	}
	named := filepath.Join(t.TempDir(), "other.yaml")
	write(named, "named")
	t.Setenv("GAMEDAY_CONFIG", named)
	s, err = settings.Read("")
	require.NoError(t, err)
	require.Equal(t, "named", s.System.Name)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("apiVersion: gameday/v1\nkind: Config\nsources: [{kind: loki, address: x, auth: {basic: {user: a, password: '${env:X}'}}}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := settings.Parse("f.yaml", data); err == nil {
			require.NotNil(t, s)
		}
	})
}

func TestASourceCanBeAddedByKindAndAddress(t *testing.T) {
	s := settings.Default()
	require.NoError(t, s.Add("file", "/var/log/*.log"))
	require.NoError(t, s.Add("file", "/tmp/x.log"))
	require.ErrorContains(t, s.Add("fil", "x"), `did you mean "file"`)
	require.ErrorContains(t, s.Add("file", "[x"), "pattern")
	opened, err := s.Open()
	require.NoError(t, err)
	require.Len(t, opened, 2)
	require.NotEqual(t, opened[0].Name, opened[1].Name)
}

// A file that says nothing means what no file means.
func TestAnEmptyFileMeansTheDefaults(t *testing.T) {
	for _, text := range []string{"", "\n\n", "# nothing yet\n#\n", "---\n"} {
		file := filepath.Join(t.TempDir(), settings.FileName)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		s, err := settings.Read(file)
		require.NoError(t, err, "%q", text)
		require.Equal(t, file, s.File())
		want := settings.Default()
		require.Equal(t, []any{want.System, want.Receive, want.Memory, want.Correlation}, []any{s.System, s.Receive, s.Memory, s.Correlation})
		_, err = s.Open()
		require.NoError(t, err)
		all, err := s.Files(s.Dashboards)
		require.NoError(t, err)
		require.Empty(t, all)
	}
	_, err := settings.Parse("x", []byte("kind: Configuration\n"))
	require.Error(t, err, "what says something must say it whole")
}
