package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLooks(t *testing.T) {
	for _, c := range []struct {
		env  string
		says []string
		bad  string
	}{
		{"TERM=xterm-256color COLORTERM=truecolor LANG=C.UTF-8", []string{"16 million", "braille: LANG=C.UTF-8", "OSC 52"}, ""},
		{"TERM=xterm-256color LANG=C.UTF-8", []string{"256 (TERM=xterm-256color)"}, ""},
		{"TERM=linux LANG=C.UTF-8", []string{"16 (TERM=linux)", "blocks: the Linux console"}, ""},
		{"TERM=xterm NO_COLOR=1 LANG=C", []string{"NO_COLOR is set", "ascii: LANG=C is not UTF-8"}, "symbols"},
		{"TERM=dumb LANG=C.UTF-8", []string{"TERM is dumb"}, "colours"},
		{"TERM=tmux-256color TMUX=x LANG=C.UTF-8", []string{"set-clipboard on"}, ""},
		{"TERM=screen STY=1 LANG=C.UTF-8", []string{"through screen"}, ""},
	} {
		environ := strings.Fields(c.env)
		getenv := func(key string) string {
			for _, kv := range environ {
				if k, v, _ := strings.Cut(kv, "="); k == key {
					return v
				}
			}
			return ""
		}
		said, bad := "", ""
		for _, f := range looks(getenv, environ) {
			said += f.Says + "\n"
			if !f.OK {
				bad += f.Name
			}
		}
		for _, want := range c.says {
			require.Contains(t, said, want, c.env)
		}
		require.Equal(t, c.bad, bad, c.env)
	}
}
