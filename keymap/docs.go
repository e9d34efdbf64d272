package keymap

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Where says in words where a binding works.
func (b Binding) Where() string {
	if b.Everywhere {
		return "everywhere"
	}
	var out []string
	for _, s := range b.Scopes {
		switch {
		case s == Global:
			out = append(out, "cockpit")
		case s == Pane:
			out = append(out, "panes")
		case s == Paused:
			out = append(out, "while paused")
		case s == List:
			out = append(out, "lists")
		case s == Dialog:
			out = append(out, "questions")
		case s == Prompt:
			out = append(out, "prompts")
		case s == HelpView:
			out = append(out, "help")
		default:
			out = append(out, strings.TrimPrefix(string(s), "pane:"))
		}
	}
	return strings.Join(out, ", ")
}

// Text writes every key of a map for a terminal, by group.
func Text(out io.Writer, m *Map) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, group := range Groups() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, strings.ToUpper(string(group)))
		for _, b := range m.All() {
			if b.Group != group {
				continue
			}
			keys := strings.Join(b.Keys, "  ")
			if keys == "" {
				keys = "(none)" // a dash is a key
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\n", keys, b.Long, b.Action)
		}
	}
	return w.Flush()
}

// Markdown writes every action with its keys in each of the maps, a column a map, by group. The names are the columns'.
func Markdown(out io.Writer, names []string, maps []*Map) error {
	var b strings.Builder
	for _, group := range Groups() {
		fmt.Fprintf(&b, "## %s\n\n| action |", title(string(group)))
		for _, n := range names {
			fmt.Fprintf(&b, " %s |", n)
		}
		b.WriteString(" does | works in | when it does nothing |\n|" + strings.Repeat(" --- |", len(names)+4) + "\n")
		for _, bind := range maps[0].All() {
			if bind.Group != group {
				continue
			}
			long := escape(bind.Long)
			if bind.Danger {
				long = "**" + long + "**"
			}
			fmt.Fprintf(&b, "| `%s` |", bind.Action)
			for i, m := range maps {
				own, _ := m.Lookup(bind.Action)
				if i > 0 && slices.Equal(own.Keys, bind.Keys) {
					b.WriteString("  |")
					continue
				}
				fmt.Fprintf(&b, " %s |", keysMarkdown(own.Keys))
			}
			fmt.Fprintf(&b, " %s | %s | %s |\n", long, bind.Where(), escape(bind.Off))
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(out, strings.TrimSuffix(b.String(), "\n"))
	return err
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// escape makes a text fit for a cell of a table.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "\n", " ").Replace(s)
}

func keysMarkdown(keys []string) string {
	if len(keys) == 0 {
		return "unbound"
	}
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = "`" + k + "`"
		if strings.ContainsAny(k, "`|") { // neither can stand in a cell between backquotes
			out[i] = "<code>" + strings.NewReplacer("|", "&#124;", "`", "&#96;").Replace(k) + "</code>"
		}
	}
	return strings.Join(out, " ")
}

// pageHead is what docs/keys.md says before the tables.
const pageHead = `# Keys

This page is written by ` + "`gameday keys --markdown`" + `, from the registry that the cockpit itself works by; a test fails
when it is out of date. In the cockpit ` + "`?`" + ` shows the keys that work where you are, and ` + "`:`" + ` finds any command by a few
letters.

Three sets of keys are built in: ` + "`default`" + `, ` + "`vim`" + ` and ` + "`emacs`" + `; choose one with ` + "`--keys-preset`" + `. A column of a set is
empty where it has the same keys as ` + "`default`" + `. No set uses ctrl+b or ctrl+a, by which tmux and screen take the next key
for themselves, and **abort is ctrl+x in all of them**: whoever comes to the keyboard in a bad moment must not have to ask.

Any action can have other keys, or none, in gameday.yaml; an action that is named there has those keys and no others:

` + "```yaml" + `
keys:
  preset: vim
  bind:
    note: [N]
    theme.next: [f8, ctrl+t]
    mouse: []            # unbound; the palette still has it
` + "```" + `

A key is written as ` + "`x`" + `, ` + "`G`" + `, ` + "`space`" + `, ` + "`f5`" + `, ` + "`ctrl+x`" + `, ` + "`alt+left`" + `, ` + "`shift+tab`" + `. What is wrong is said all at once, before the
cockpit opens: actions that do not exist, keys that are none, a key that two actions would answer in the same place, and
an abort, answer or way back that a prompt would swallow as text. Help, footer, palette and ` + "`gameday keys`" + ` follow.

A question before something harmful stands on **back** (but for gameday's own demo shop): a second key (tab or an arrow) moves to
the harmful answer, enter gives it, and it is only taken after a quarter of a second in which no key was pressed. Keys typed ahead start nothing.

Bold actions harm a system or take harm back.

`

// Page writes docs/keys.md: every action with its keys in all presets.
func Page(w io.Writer) error {
	if _, err := io.WriteString(w, pageHead); err != nil {
		return err
	}
	var maps []*Map
	for _, name := range Presets() {
		m, err := New(name, nil)
		if err != nil {
			return err
		}
		maps = append(maps, m)
	}
	return Markdown(w, Presets(), maps)
}
