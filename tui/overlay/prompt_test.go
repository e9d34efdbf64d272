package overlay_test

import (
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/overlay"
	"gameday/tui/pane"
	"gameday/tui/widget"
	"gameday/tui/widget/panetest"
)

func look(t *testing.T, width int) overlay.Look {
	return overlay.Look{Pen: widget.Pen{Theme: panetest.Theme(t, "dark")}, Keys: keymap.Default(), Width: width, Height: 24}
}

func typed(p *overlay.Prompt, text string) (last tea.Msg) {
	for _, r := range text {
		if msg := p.Key("", tea.KeyPressMsg{Code: r, Text: string(r)}).Msg; msg != nil {
			last = msg
		}
	}
	return last
}

// TestAPromptCompletesWithWordsThatItKnowsItself: the list stands above the line, tab writes the next one, and the filter follows.
func TestAPromptCompletesWithWordsThatItKnowsItself(t *testing.T) {
	v := pane.Vocabulary{Names: []string{"service="}, Values: func(string) []string { return []string{"cart", "catalog"} }}
	p := overlay.NewPrompt(overlay.Prompt{Label: "filter", Words: v.Complete, Live: func(s string) tea.Msg { return s }, Done: func(s string) tea.Msg { return s }}, "")
	require.Len(t, p.Box(look(t, 80)).Rows, 3)
	require.Equal(t, "se", typed(p, "se"))
	require.Equal(t, "service=", p.Key(keymap.Complete, tea.KeyPressMsg{}).Msg)
	require.Contains(t, ansi.Strip(p.Box(look(t, 80)).Rows[0]), "cart  catalog", "what follows is offered at once")
	require.Equal(t, "service=cart", p.Key(keymap.Complete, tea.KeyPressMsg{}).Msg)
	require.Equal(t, "service=catalog", p.Key(keymap.Complete, tea.KeyPressMsg{}).Msg)
	require.Equal(t, "service=cart", p.Key(keymap.Complete, tea.KeyPressMsg{}).Msg)
	require.Equal(t, "service=cart!", typed(p, "!"))
	box := p.Box(look(t, 80))
	require.Len(t, box.Rows, 2, "nothing goes on from there")
	require.Zero(t, box.Cursor.Y)
	require.Equal(t, overlay.Result{}, p.Key(keymap.Complete, tea.KeyPressMsg{}))
	require.Equal(t, "service=cart!", p.Key(keymap.Open, tea.KeyPressMsg{}).Msg)
}

// TestALongErrorIsReadWhole above the line, which stays where it is.
func TestALongErrorIsReadWhole(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("word ", 30))
	p := overlay.NewPrompt(overlay.Prompt{Label: "filter", Help: "the grammar", Check: func(s string) error {
		if s == "" {
			return nil
		}
		return errors.New(s + ": " + long)
	}, Words: func(string, int) signal.Words { return signal.Words{} }}, "")
	require.Len(t, p.Box(look(t, 80)).Rows, 2)
	require.Nil(t, typed(p, "x"))
	box := p.Box(look(t, 80))
	text := ansi.Strip(strings.Join(box.Rows, "\n"))
	require.Equal(t, 30, strings.Count(text, "word"), text)
	require.Contains(t, box.Rows[len(box.Rows)-1], "the grammar")
	require.Equal(t, len(box.Rows)-2, box.Cursor.Y)
	require.Nil(t, p.Key(keymap.Open, tea.KeyPressMsg{}).Msg, "it cannot be taken")
}

// TestAnEmptyListSaysWhatToDo as a whole: it was cut where the advice began.
func TestAnEmptyListSaysWhatToDo(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("advice ", 20))
	p := overlay.NewPicker(overlay.Picker{Title: "things", Empty: long}, nil)
	text := ansi.Strip(strings.Join(p.Box(look(t, 80)).Rows, "\n"))
	require.Equal(t, 20, strings.Count(text, "advice"), text)
}
