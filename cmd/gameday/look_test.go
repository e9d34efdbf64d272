package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/themes"
	"gameday/tui"
)

func TestChooseTheme(t *testing.T) {
	c, err := chooseTheme("light")
	require.NoError(t, err)
	require.Equal(t, "light", c.name)
	_, err = chooseTheme("midnight")
	require.ErrorContains(t, err, "choose one of dark, light")
	_, err = chooseTheme("./midnight.toml")
	require.ErrorContains(t, err, "midnight.toml")
	file := filepath.Join(t.TempDir(), "dark.toml")
	require.NoError(t, os.WriteFile(file, []byte("[roles]\nok = \"#00ff00\""), 0o600))
	c, err = chooseTheme(file)
	require.NoError(t, err)
	require.Len(t, c.all, len(themes.All()), "a file takes the place of the embedded theme of its name")
	require.Equal(t, "#00ff00", c.all[len(c.all)-1].Styles[themes.OK].FG)
}

func TestAThemesFileIsFollowed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.yaml")
	save := func(text string) {
		require.NoError(t, os.WriteFile(file+".new", []byte(text), 0o600))
		require.NoError(t, os.Rename(file+".new", file))
	}
	save("roles: {ok: \"#00ff00\"}")
	c, err := chooseTheme(file)
	require.NoError(t, err)
	saved, stop := c.follow(t.Context())
	next := func() tui.Restyled {
		select {
		case r := <-saved:
			return r
		case <-time.After(time.Minute):
			t.Fatal("the file was saved, and nobody said so")
			return tui.Restyled{}
		}
	}
	save("name: other\nroles: {ok: \"#00ffff\"}")
	r := next()
	require.NoError(t, r.Err)
	require.Equal(t, "mine", r.Of)
	require.Equal(t, "#00ffff", r.Theme.Styles[themes.OK].FG)
	save("roles: {okk: \"#00ffff\"}")
	r = next()
	require.ErrorContains(t, r.Err, "did you mean ok")
	save("name: other\nroles: {ok: \"#00ffff\"}")
	r = next()
	require.NoError(t, r.Err, "what was mended is told of, also when it is as it was before")
	require.Equal(t, "other", r.Of)
	stop()
	_, open := <-saved
	require.False(t, open)
}
