// Package pane says what a pane is: something that turns a frame into rows, and actions into wishes.
//
// A pane does no I/O and keeps no signal: it reads the frame it is handed, remembers a cursor and a filter, and sends
// what it wishes for as messages that the root model carries out.
package pane

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// Context is all that a pane may look at while it draws.
type Context struct {
	Frame         *signal.Frame
	Theme         *themes.Theme
	Width, Height int             // of the area inside the border; at least 1
	Active        bool            // the pane has the cursor
	ASCII         bool            // the terminal has no braille and no box drawing
	Replay        bool            // what is shown was: nothing can be started, opened or changed
	Names         *widget.Colours // of services
}

// Pen draws for this pane.
func (c Context) Pen() widget.Pen { return widget.Pen{Theme: c.Theme, ASCII: c.ASCII, Names: c.Names} }

// Receiver is where services may send OTLP, as the end of a sentence: " to 127.0.0.1:4317 (gRPC)"; "" where nothing is received.
func (c Context) Receiver() string {
	if c.Frame == nil || c.Replay {
		return ""
	}
	for i := range c.Frame.Health {
		if h := &c.Frame.Health[i]; h.Kind == "otlp" && h.Name == "otlp" && h.Address != "" {
			return " to " + h.Address + " (gRPC)"
		}
	}
	return ""
}

// Pane is one rectangle of the cockpit.
type Pane interface {
	// ID is fixed and unique: "metrics", "traces", "logs", "experiment".
	ID() string
	// Title stands in the border: what is shown, with filter and counts. No escape sequences.
	Title(ctx Context) string
	// Update takes an Action, a Text, a Mouse or a Frame message and returns wishes. It runs on the UI goroutine and does no I/O.
	Update(ctx Context, msg tea.Msg) tea.Cmd
	// View returns exactly ctx.Height rows, each exactly ctx.Width cells wide, styled.
	View(ctx Context) []string
	// Want adds to the view what this pane needs in the next frame.
	Want(v *signal.View)
	// Keys are the actions that do something here and now, in the order the footer should offer them.
	Keys(ctx Context) []keymap.Action
}

// ActionMsg tells the active pane what the operator asked for.
type ActionMsg struct{ Action keymap.Action }

// FrameMsg tells a pane that is on the screen that ctx.Frame is a new one.
type FrameMsg struct{}

// FilterMsg hands the active pane its new filter; "" clears it.
type FilterMsg struct{ Text string }

// Filterer is a pane that can be filtered.
type Filterer interface {
	Filter() string
	FilterHelp() string // the grammar in one line, shown under the prompt
	CheckFilter(text string) error
}

// ClickMsg is a click at a cell inside the pane; Double is true for the second of two.
type ClickMsg struct {
	X, Y   int
	Double bool
}

// WheelMsg is the mouse wheel over the pane: rows to move, negative upwards.
type WheelMsg struct{ Rows int }

// FocusMsg is the wish to narrow the whole cockpit to one correlation ID ("" leaves the focus).
type FocusMsg struct{ ID signal.CorrelationID }

// OpenTraceMsg is the wish to see one trace with its log lines: the cockpit focuses it, and the traces pane shows its waterfall.
type OpenTraceMsg struct{ ID signal.TraceID }

// FilterPaneMsg is the wish to filter another pane and to go there.
type FilterPaneMsg struct{ Pane, Text string }

// StatusMsg is one sentence for the operator in the line above the footer.
type StatusMsg struct {
	Text string
	Role themes.Role
}

// CopyMsg is the wish to put text into the operator's clipboard (OSC 52).
type CopyMsg struct{ Text string }

// MomentMsg is the wish to pause the cockpit at an instant.
type MomentMsg struct{ At time.Time }

// Shown is a pane that wants what costs something, and only while it is on the screen.
type Shown interface {
	// WantShown adds to the view what the pane needs in the next frame.
	WantShown(v *signal.View)
}

// PromptMsg is the wish to ask for one line of text. What is typed comes back to the pane as TypedMsg.
type PromptMsg struct {
	Pane, ID    string // whose question it is, and which
	Label, Help string
	Text        string // to start with
	Words       bool   // offer the frame's board words while text is typed
}

// TypedMsg is what stands in a prompt that the pane asked for: while it is typed, when it is Done, and as it was before when
// the operator left it (Undone).
type TypedMsg struct {
	ID, Text     string
	Cursor       int // in bytes of Text
	Done, Undone bool
}

// PickMsg is the wish to let the operator pick from a list. What is picked comes back as PickedMsg.
type PickMsg struct {
	Pane, ID           string
	Title, Verb, Empty string
	Items              []PickItem
	Stay               bool // picking does not close it
	Typed              bool // letters search at once
	Refresh            bool // put new items into the list that is open under this ID; nothing when it is not
}

// PickItem is one row of such a list.
type PickItem struct{ ID, Title, Note, Hint string }

// PickedMsg is the row that was picked.
type PickedMsg struct{ ID, Item string }

// Wish wraps a message as a command.
func Wish(msg tea.Msg) tea.Cmd { return func() tea.Msg { return msg } }
