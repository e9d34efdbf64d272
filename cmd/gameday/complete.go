package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"gameday/keymap"
	"gameday/themes"
)

// completionCmd prints what a shell needs to complete gameday's commands and flags.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says where the output goes.
func (completionCmd) Help() string {
	return "bash: gameday completion bash >~/.local/share/bash-completion/completions/gameday\n\n" +
		"zsh:  gameday completion zsh >_gameday, in a directory of $fpath\n\n" +
		"fish: gameday completion fish >~/.config/fish/completions/gameday.fish"
}

// Run writes the script, made of the very commands that are parsed.
func (c completionCmd) Run(app *kong.Context, w io.Writer) error {
	var b strings.Builder
	nodes := commands(app.Model.Node, "")
	switch c.Shell {
	case "bash":
		bashCompletion(&b, nodes)
	case "zsh":
		zshCompletion(&b, nodes)
	default:
		fishCompletion(&b, nodes)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// command is one command with all that may follow it.
type command struct {
	path  string // "load import"; "" for gameday itself
	help  string
	subs  []command // only names and help
	flags []flag
	files bool // takes arguments
	words []string
}

type flag struct {
	name, short, help string
	value             bool // a word follows
	files             bool // that names a file or a directory
	words             []string
}

// commands lists a command and all below it, none of them hidden.
func commands(n *kong.Node, path string) []command {
	c := command{path: path, help: oneLine(n.Help), files: len(n.Positional) > 0}
	for _, p := range n.Positional {
		c.words = append(c.words, choicesOf(p)...)
	}
	for p := n; p != nil; p = p.Parent {
		for _, f := range p.Flags {
			if f.Hidden || p != n && f.Name == "help" {
				continue
			}
			one := flag{name: f.Name, help: oneLine(f.Help), value: !f.IsBool() && !f.IsCounter(), files: namesFile(f), words: choicesOf(f.Value)}
			if f.Short != 0 {
				one.short = string(f.Short)
			}
			switch f.Name {
			case "theme":
				one.words = themes.Names()
			case "keys-preset":
				one.words = keymap.Presets()
			}
			c.flags = append(c.flags, one)
		}
	}
	out := []command{c}
	for _, sub := range n.Children {
		if sub.Hidden || sub.Type != kong.CommandNode {
			continue
		}
		out[0].subs = append(out[0].subs, command{path: sub.Name, help: oneLine(sub.Help)})
		out = append(out, commands(sub, strings.TrimSpace(path+" "+sub.Name))...)
	}
	return out
}

// namesFile reports whether a flag's value is a path, by its type or by how its help writes it.
func namesFile(f *kong.Flag) bool {
	switch f.Tag.Type {
	case "path", "existingfile", "existingdir", "existingpath":
		return true
	}
	return strings.Contains(f.PlaceHolder, "FILE") || strings.Contains(f.PlaceHolder, "DIR") || strings.Contains(f.PlaceHolder, "PATH")
}

// choicesOf are the values that a flag or argument may have, when it has only a few.
func choicesOf(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	var out []string
	for _, w := range strings.Split(v.Enum, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// quoted is a word within single quotes, for all three shells.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// patterns are all commands as the alternatives of a case statement: the functions of bash and zsh begin by finding the
// command that has been typed so far.
func patterns(nodes []command) string {
	var out []string
	for _, n := range nodes {
		if n.path != "" {
			out = append(out, quoted(n.path))
		}
	}
	return strings.Join(out, "|")
}

func bashCompletion(b *strings.Builder, nodes []command) {
	fmt.Fprintf(b, `# bash completion for gameday, written by: gameday completion bash
_gameday() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at= next words= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="${at:+$at }${COMP_WORDS[i]}"
    case "$next" in %s) at=$next ;; esac
  done
  [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}
  [[ $cur == = ]] && cur=
  case "$at $prev" in
`, patterns(nodes))
	for _, n := range nodes {
		for _, f := range n.flags {
			if f.value {
				files := "compopt +o default 2>/dev/null; "
				if f.files {
					files = ""
				}
				fmt.Fprintf(b, "    %s) %swords=%s; [[ -z $words ]] && return; COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return ;;\n", quoted(n.path+" --"+f.name), files, quoted(strings.Join(f.words, " ")))
			}
		}
	}
	b.WriteString("  esac\n  case \"$at\" in\n")
	for _, n := range nodes {
		fmt.Fprintf(b, "    %s) words=%s ;;\n", quoted(n.path), quoted(strings.Join(n.all(), " ")))
	}
	b.WriteString("  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _gameday gameday\n")
}

// all is every word that may follow the command.
func (c command) all() []string {
	out := append([]string{}, c.words...)
	for _, s := range c.subs {
		out = append(out, s.path)
	}
	for _, f := range c.flags {
		out = append(out, "--"+f.name)
	}
	return out
}

func zshCompletion(b *strings.Builder, nodes []command) {
	fmt.Fprintf(b, `#compdef gameday
# zsh completion for gameday, written by: gameday completion zsh
_gameday() {
  local at= next i before=${words[CURRENT-1]} args=
  local -a subs flags
  for ((i = 2; i < CURRENT; i++)); do
    next="${at:+$at }${words[i]}"
    case "$next" in %s) at=$next ;; esac
  done
  if [[ ${words[CURRENT]} == --*=* ]]; then
    before=${words[CURRENT]%%%%=*}
    compset -P 1 '*='
  fi
  case "$at $before" in
`, patterns(nodes))
	for _, n := range nodes {
		for _, f := range n.flags {
			if !f.value {
				continue
			}
			do := ""
			if len(f.words) > 0 {
				do += "compadd -- " + strings.Join(f.words, " ") + "; "
			}
			if f.files {
				do += "_files; "
			}
			fmt.Fprintf(b, "    %s) %sreturn ;;\n", quoted(n.path+" --"+f.name), do)
		}
	}
	b.WriteString("  esac\n  case \"$at\" in\n")
	colon := func(s string) string { return strings.ReplaceAll(s, ":", `\:`) }
	for _, n := range nodes {
		fmt.Fprintf(b, "    %s)\n      subs=(", quoted(n.path))
		for _, w := range n.words {
			fmt.Fprintf(b, " %s", quoted(w))
		}
		for _, s := range n.subs {
			fmt.Fprintf(b, " %s", quoted(s.path+":"+colon(s.help)))
		}
		b.WriteString(" )\n      flags=(")
		for _, f := range n.flags {
			fmt.Fprintf(b, " %s", quoted("--"+f.name+":"+colon(f.help)))
		}
		b.WriteString(" )")
		if n.files && len(n.words) == 0 {
			b.WriteString("\n      args=files")
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString("  esac\n  if [[ ${words[CURRENT]} == -* ]]; then\n    _describe -o flag flags\n  else\n    (( $#subs )) && _describe command subs\n    [[ -n $args ]] && _files\n  fi\n}\n_gameday \"$@\"\n")
}

func fishCompletion(b *strings.Builder, nodes []command) {
	b.WriteString("# fish completion for gameday, written by: gameday completion fish\nfunction __gameday_at\n  set -l at ''\n  for word in (commandline -opc)[2..]\n" +
		"    switch (string trim -- \"$at $word\")\n      case")
	for _, n := range nodes {
		if n.path != "" {
			b.WriteString(" " + quoted(n.path))
		}
	}
	b.WriteString("\n        set at (string trim -- \"$at $word\")\n    end\n  end\n  test \"$at\" = \"$argv[1]\"\nend\n")
	for _, n := range nodes {
		where := "complete -c gameday -n " + quoted(`__gameday_at "`+n.path+`"`)
		for _, s := range n.subs {
			fmt.Fprintf(b, "%s -f -a %s -d %s\n", where, quoted(s.path), quoted(s.help))
		}
		for _, w := range n.words {
			fmt.Fprintf(b, "%s -f -a %s\n", where, quoted(w))
		}
		if !n.files || len(n.words) > 0 {
			b.WriteString(where + " -f\n")
		}
		for _, f := range n.flags {
			fmt.Fprintf(b, "%s -l %s -d %s", where, f.name, quoted(f.help))
			if f.short != "" {
				b.WriteString(" -s " + f.short)
			}
			switch {
			case f.files:
				b.WriteString(" -r -F")
			case f.value:
				b.WriteString(" -x")
			}
			if len(f.words) > 0 {
				b.WriteString(" -a " + quoted(strings.Join(f.words, `\t"" `)+`\t""`)) // or each had the flag's own help beside it
			}
			b.WriteString("\n")
		}
	}
}
