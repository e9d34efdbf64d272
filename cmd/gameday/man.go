package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"gameday/keymap"
)

// manCmd prints the manual page.
type manCmd struct{}

// Run writes roff, made of the commands that are parsed and of the keys that the cockpit works by.
func (manCmd) Run(app *kong.Context, w io.Writer) error {
	var b strings.Builder
	version := buildVersion()
	fmt.Fprintf(&b, ".TH GAMEDAY 1 \"\" %s \"User Commands\"\n", manQuoted("gameday "+version))
	b.WriteString(".SH NAME\ngameday \\- a cockpit for game days\n.SH SYNOPSIS\n.B gameday\n.I command\n.RI [ flags ]\n.SH DESCRIPTION\n")
	for _, p := range strings.Split(app.Model.Help, "\n\n") {
		fmt.Fprintf(&b, ".PP\n%s\n", manText(oneLine(p)))
	}
	b.WriteString(".SH COMMANDS\n")
	manCommands(&b, app.Model.Node, "gameday")
	b.WriteString(".SH KEYS\nThe cockpit's own; the key\n.B ?\nshows those that work where you are, and\n.B gameday keys\nall of them.\n")
	for _, bind := range keymap.Default().All() {
		if len(bind.Keys) > 0 && (bind.Group == keymap.Doing || bind.Group == keymap.Looking || bind.Group == keymap.Timing) {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", manText(strings.Join(bind.Keys, ", ")), manText(bind.Long))
		}
	}
	b.WriteString(".SH EXIT STATUS\n")
	for code, what := range []string{"all went well; the hypothesis held", "the hypothesis did not hold",
		"bad input, or something that is needed is not there", "ended early by the operator, a signal or an abort condition",
		"a fault could not be undone; the command that remains was printed"} {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", code, what)
	}
	b.WriteString(".SH ENVIRONMENT\n")
	for _, v := range [][2]string{
		{"NO_COLOR", "when it is not empty, no colours: glyphs, words and weight carry the meaning"},
		{"COLORTERM, TERM", "how many colours there are, and whether the terminal is a console without braille"},
		{"LC_ALL, LC_CTYPE, LANG", "a locale that is not UTF\\-8 makes the cockpit plain ASCII"},
		{"XDG_STATE_HOME", "where journals, kept runs and logs lie; ~/.local/state when not set"},
		{"TMUX, STY", "copies are passed on to the terminal behind tmux and screen"},
	} {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", v[0], v[1])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func manCommands(b *strings.Builder, n *kong.Node, path string) {
	for _, sub := range n.Children {
		if sub.Hidden || sub.Type != kong.CommandNode {
			continue
		}
		name := path + " " + sub.Name
		fmt.Fprintf(b, ".SS %s", manQuoted(name))
		b.WriteString("\n")
		for _, p := range sub.Positional {
			fmt.Fprintf(b, ".RI [ %s ]\n", manQuoted(p.Name))
		}
		if len(sub.Positional) > 0 {
			b.WriteString(".PP\n")
		}
		fmt.Fprintf(b, "%s\n", manText(oneLine(sub.Help+" "+sub.Detail)))
		for _, f := range sub.Flags {
			if f.Hidden || f.Name == "help" {
				continue
			}
			value := ""
			if !f.IsBool() && !f.IsCounter() {
				value = "=" + f.FormatPlaceHolder()
			}
			fmt.Fprintf(b, ".TP\n.B %s\n%s\n", manText("--"+f.Name+value), manText(oneLine(f.Help)))
		}
		manCommands(b, sub, name)
	}
}

// manText makes a text harmless for roff: no escapes, no requests, and hyphens that can be searched and pasted.
func manText(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

func manQuoted(s string) string { return `"` + strings.ReplaceAll(manText(s), `"`, `\(dq`) + `"` }
