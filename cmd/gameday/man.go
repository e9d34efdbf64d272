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
	for i, p := range strings.Split(app.Model.Help, "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		fmt.Fprintf(&b, "%s\n", manText(oneLine(p)))
	}
	b.WriteString(".SH COMMANDS\n")
	manCommands(&b, app.Model.Node, "gameday")
	b.WriteString(".SH KEYS\nThe cockpit's own; the key\n.B ?\nshows those that work where you are, and\n.B gameday keys\nall of them.\n")
	for _, bind := range keymap.Default().All() {
		if len(bind.Keys) > 0 && (bind.Group == keymap.Doing || bind.Group == keymap.Looking || bind.Group == keymap.Timing) {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s (%s)\n", manText(strings.Join(bind.Keys, ", ")), manText(bind.Long), manText(bind.Where()))
		}
	}
	b.WriteString(".SH EXIT STATUS\n")
	for code, what := range []string{"all went well; the hypothesis held", "the hypothesis did not hold",
		"bad input, or something that is needed is not there", "ended early by the operator, a signal or an abort condition",
		"a fault could not be undone; the command that remains was printed"} {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", code, what)
	}
	b.WriteString("Some commands have more to say about theirs:\n.B triage\nends with 1 when every source answered and none knows the ID.\n")
	manList(&b, "FILES", [][2]string{
		{"gameday.yaml", "the configuration: in this directory, or in gameday/ below $XDG_CONFIG_HOME (~/.config), $XDG_CONFIG_DIRS (/etc/xdg) and /etc"},
		{"~/.config/gameday/authorized_keys", "who may come in to gameday serve"},
		{"~/.config/gameday/allowed_signers", "whose approvals count in production"},
		{"~/.local/state/gameday/", "journals of faults, kept runs, layouts, the log, crash reports, and the host key of gameday serve"},
	})
	manList(&b, "ENVIRONMENT", [][2]string{
		{"GAMEDAY_CONFIG", "the configuration to read, when --config is not given"},
		{"NO_COLOR", "when it is not empty, no colours: glyphs, words and weight carry the meaning"},
		{"COLORTERM, TERM", "how many colours there are, and whether the terminal is a console without braille"},
		{"LC_ALL, LC_CTYPE, LANG", "a locale that is not UTF-8 makes the cockpit plain ASCII"},
		{"XDG_CONFIG_HOME, XDG_CONFIG_DIRS", "where the configuration is looked for"},
		{"XDG_STATE_HOME", "where journals, kept runs and logs lie; ~/.local/state when not set"},
		{"TMUX, STY", "copies are passed on to the terminal behind tmux and screen"},
	})
	_, err := io.WriteString(w, b.String())
	return err
}

// manList is a section of terms, each with a sentence.
func manList(b *strings.Builder, title string, list [][2]string) {
	fmt.Fprintf(b, ".SH %s\n", title)
	for _, v := range list {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", manText(v[0]), manText(v[1]))
	}
}

func manCommands(b *strings.Builder, n *kong.Node, path string) {
	for _, sub := range n.Children {
		if sub.Hidden || sub.Type != kong.CommandNode {
			continue
		}
		name := path + " " + sub.Name
		title := name
		for _, p := range sub.Positional {
			title += " " + p.Summary()
		}
		fmt.Fprintf(b, ".SS %s\n%s\n", manQuoted(title), manText(oneLine(sub.Help+" "+sub.Detail)))
		for _, p := range sub.Positional {
			if p.Help != "" {
				fmt.Fprintf(b, ".TP\n.I %s\n%s\n", manText(p.Name), manText(oneLine(p.Help)))
			}
		}
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
