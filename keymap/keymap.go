// Package keymap is the one origin of keys: the actions there are, the scope each works in, and what it is bound to.
// Help, footer, palette and docs are generated from it. It imports nothing of ours.
package keymap

// Action is a verb of the cockpit. Panes act on actions, never on keys.
type Action string

// The actions.
const (
	NextPane    Action = "pane.next"
	PrevPane    Action = "pane.prev"
	PaneLeft    Action = "pane.left"
	PaneDown    Action = "pane.down"
	PaneUp      Action = "pane.up"
	PaneRight   Action = "pane.right"
	Zoom        Action = "pane.zoom"
	Filter      Action = "filter"
	FocusIt     Action = "focus"
	Open        Action = "open"  // enter: go into what is under the cursor
	Leave       Action = "leave" // esc: one step back: prompt, detail, filter, focus
	FocusBack   Action = "focus.back"
	FocusFwd    Action = "focus.forward"
	Pause       Action = "pause"
	EarlierStep Action = "time.earlier"
	LaterStep   Action = "time.later"
	EarlierLeap Action = "time.earlier.leap"
	LaterLeap   Action = "time.later.leap"
	Up          Action = "cursor.up"
	Down        Action = "cursor.down"
	Left        Action = "cursor.left"
	Right       Action = "cursor.right"
	PageUp      Action = "cursor.pageup"
	PageDown    Action = "cursor.pagedown"
	Top         Action = "cursor.top"
	Bottom      Action = "cursor.bottom"
	Experiments Action = "experiments"
	LoadPlans   Action = "load"
	Abort       Action = "abort"
	Proceed     Action = "proceed" // give the go-ahead that an experiment waits for
	Why         Action = "why"     // what changed
	Note        Action = "note"
	Incidents   Action = "incidents"
	Copy        Action = "copy"
	CopyRow     Action = "copy.row"
	NextTheme   Action = "theme.next"
	Palette     Action = "palette"
	Help        Action = "help"
	Said        Action = "said" // what the status line said, whole
	Quit        Action = "quit"
	Switches    Action = "switches" // turn resilience patterns on and off
	Level       Action = "logs.level"
	NextError   Action = "next.error"
	PrevError   Action = "prev.error"
	Detail      Action = "logs.detail"
	Context     Action = "logs.context"
	Order       Action = "traces.order"   // recent, slowest, failed
	MarkTrace   Action = "traces.mark"    // to compare another one with
	Compare     Action = "traces.compare" // with the one that is marked
	Typical     Action = "traces.typical" // compare with a healthy one of the same kind
	ServiceMap  Action = "map"
	Walk        Action = "walk"    // to what the thing under the cursor is joined to
	Silence     Action = "silence" // keep an alert quiet, with a reason
	Exemplars   Action = "metrics.exemplars"
	RaiseLoad   Action = "load.raise" // by a tenth
	LowerLoad   Action = "load.lower"
	HoldLoad    Action = "load.hold"
	ResumeLoad  Action = "load.resume"
	StopLoad    Action = "load.stop"
	Face        Action = "load.face" // overview, latency, rows
	Workspace1  Action = "workspace.1"
	Workspace2  Action = "workspace.2"
	Workspace3  Action = "workspace.3"
	Workspace4  Action = "workspace.4"
	Workspace5  Action = "workspace.5"
	Workspace6  Action = "workspace.6"
	Workspace7  Action = "workspace.7"
	Workspace8  Action = "workspace.8"
	WindowLess  Action = "window.shorter"
	WindowMore  Action = "window.longer"
	Slower      Action = "replay.slower"
	Faster      Action = "replay.faster"
	Grow        Action = "pane.grow"
	Shrink      Action = "pane.shrink"
	Even        Action = "pane.even" // the workspace as it came
	PushLeft    Action = "pane.push.left"
	PushRight   Action = "pane.push.right"
	PushUp      Action = "pane.push.up"
	PushDown    Action = "pane.push.down"
	Arrange     Action = "workspace.arrange" // its next arrangement
	Mouse       Action = "mouse"             // let go of the mouse, so that the terminal selects text
	Dashboards  Action = "metrics.dashboard"
	Variables   Action = "metrics.variable"
	Ask         Action = "metrics.ask"
	LogAxis     Action = "metrics.log"
	OneSeries   Action = "metrics.series"
	OnlySeries  Action = "metrics.series.only"
	Complete    Action = "complete" // what is being typed
	Toggle      Action = "toggle"   // turn the switch under the cursor
)
