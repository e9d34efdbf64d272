package keymap

// Scope says where a binding works. A pane's own scope is PaneScope of its ID.
type Scope string

// The scopes. A key is looked for in a scope first and then in those it lies in: a pane's own scope lies in Pane, Pane
// in Global. Prompt, Dialog, List and HelpView lie in nothing but the actions that work everywhere.
const (
	Global   Scope = "global"
	Pane     Scope = "pane"   // inside whichever pane has the cursor
	Paused   Scope = "paused" // while the cockpit stands still; comes before the panes
	Prompt   Scope = "prompt" // a line of text is being typed
	Dialog   Scope = "dialog" // a question that starts something
	List     Scope = "list"   // a list to pick from
	HelpView Scope = "help"
)

// PaneScope is the scope of one pane.
func PaneScope(id string) Scope { return Scope("pane:" + id) }

// Group is the heading an action stands under in the help.
type Group string

// The groups, in the order the help shows them.
const (
	Doing   Group = "do"
	Moving  Group = "move"
	Looking Group = "look closer"
	Timing  Group = "time"
	Screen  Group = "screen"
)

// Groups lists the groups in the order of the help.
func Groups() []Group { return []Group{Doing, Looking, Timing, Moving, Screen} }

// Binding is one action as the registry knows it.
type Binding struct {
	Action     Action
	Scopes     []Scope
	Keys       []string // defaults; the first is the one that the footer shows
	Short      string   // one word or two, for the footer
	Long       string   // one sentence without a full stop, for the help and the palette
	Group      Group
	Danger     bool   // harms a system or takes harm back: shown in the colour of faults
	Everywhere bool   // works in prompts and dialogs too, with those of its keys that type no character
	Palette    bool   // can be chosen from the palette
	Off        string // why it does nothing where it does nothing; "" when it always works or only moves
}

var anyPane = []Scope{Pane}
var global = []Scope{Global}

// readable are the panes whose rows are read whole by a key of its own, because enter leads somewhere.
var readable = []Scope{PaneScope("logs"), PaneScope("slos"), PaneScope("alerts"), PaneScope("scorecard"), PaneScope("processes"), PaneScope("host"),
	PaneScope("sources"), PaneScope("incidents"), PaneScope("events"), PaneScope("experiment")}

var inLoad = []Scope{PaneScope("load")}
var inTraces = []Scope{PaneScope("traces")}
var inBoard = []Scope{PaneScope("dashboard")}

// Registry lists every action with its default keys, in the order of help and footer. The slice is the caller's.
func Registry() []Binding {
	return append(append(append(doing(), looking()...), append(timing(), moving()...)...), append(screen(), overlays()...)...)
}

func doing() []Binding {
	return []Binding{
		{Action: Abort, Scopes: global, Keys: []string{"ctrl+x"}, Short: "ABORT", Group: Doing, Danger: true, Everywhere: true, Palette: true,
			Long: "undo every fault and stop all load, at once, without a question"},
		{Action: Experiments, Scopes: global, Keys: []string{"e"}, Short: "experiments", Group: Doing, Palette: true,
			Long: "pick an experiment, read what it will hit, start it"},
		{Action: Proceed, Scopes: global, Keys: []string{"c"}, Short: "GO ON", Group: Doing, Off: "no experiment waits for a go-ahead", Danger: true, Palette: true,
			Long: "give the go-ahead that an experiment waits for"},
		{Action: LoadPlans, Scopes: global, Keys: []string{"l"}, Short: "load", Group: Doing, Palette: true,
			Long: "pick a load plan and start it"},
		{Action: Switches, Scopes: global, Keys: []string{"p"}, Short: "patterns", Group: Doing, Off: "this system has no switches", Palette: true,
			Long: "turn resilience patterns on and off"},
		{Action: RaiseLoad, Scopes: inLoad, Keys: []string{"u"}, Short: "raise", Group: Doing, Off: "no load runs", Palette: true,
			Long: "raise the rate or the users of the load that runs by a tenth"},
		{Action: LowerLoad, Scopes: inLoad, Keys: []string{"d"}, Short: "lower", Group: Doing, Off: "no load runs", Palette: true,
			Long: "lower the rate or the users of the load that runs by a tenth"},
		{Action: HoldLoad, Scopes: inLoad, Keys: []string{"o"}, Short: "hold", Group: Doing, Off: "no load runs", Palette: true,
			Long: "hold the load that runs: nothing new is sent until it goes on"},
		{Action: ResumeLoad, Scopes: inLoad, Keys: []string{"r"}, Short: "go on", Group: Doing, Off: "no load is held", Palette: true,
			Long: "let a load that is held go on as it was"},
		{Action: StopLoad, Scopes: inLoad, Keys: []string{"s"}, Short: "stop load", Group: Doing, Off: "no load runs", Palette: true,
			Long: "end the load that runs, and leave faults and experiments alone"},
		{Action: Why, Scopes: global, Keys: []string{"w"}, Short: "why", Group: Doing, Palette: true,
			Long: "what changed between before and now: what the bad requests have that the others have not"},
		{Action: Note, Scopes: global, Keys: []string{"n"}, Short: "note", Group: Doing, Palette: true,
			Long: "write a note onto the timeline"},
		{Action: Incidents, Scopes: global, Keys: []string{"i"}, Short: "incident", Group: Doing, Palette: true,
			Long: "open an incident, or acknowledge, escalate, tell about, regrade or resolve one"},
		{Action: Silence, Scopes: []Scope{PaneScope("alerts")}, Keys: []string{"s"}, Short: "silence", Group: Doing,
			Long: "keep the alert quiet for a while, with the reason, or end a silence"},
		{Action: Palette, Scopes: global, Keys: []string{":", "ctrl+p"}, Short: "palette", Group: Doing,
			Long: "find any command, experiment, plan, service, trace or theme by a few letters"},
		{Action: Help, Scopes: []Scope{Global, HelpView}, Keys: []string{"?"}, Short: "help", Group: Doing, Palette: true,
			Long: "every key that works here"},
		{Action: Said, Scopes: global, Keys: []string{"!"}, Short: "said", Group: Doing, Palette: true,
			Long: "what the status line says and said before, whole"},
		{Action: Quit, Scopes: global, Keys: []string{"q", "ctrl+c"}, Short: "quit", Group: Doing, Everywhere: true, Palette: true,
			Long: "leave; faults that are in force are undone first"},
	}
}

func looking() []Binding {
	return []Binding{
		{Action: Open, Scopes: []Scope{Pane, List, Dialog, Prompt}, Keys: []string{"enter"}, Short: "open", Group: Looking,
			Long: "go into what is under the cursor"},
		{Action: Leave, Scopes: []Scope{Global, List, Dialog, Prompt, HelpView}, Keys: []string{"esc"}, Short: "back", Group: Looking,
			Long: "one step back: detail, filter, focus, zoom"},
		{Action: Filter, Scopes: []Scope{Global, List}, Keys: []string{"/"}, Short: "filter", Group: Looking, Off: "there is nothing to filter in this pane", Palette: true,
			Long: "filter what the pane shows"},
		{Action: FocusIt, Scopes: anyPane, Keys: []string{"f"}, Short: "focus", Group: Looking, Off: "the cursor stands on no request",
			Long: "narrow the whole cockpit to the request under the cursor"},
		{Action: Walk, Scopes: anyPane, Keys: []string{"J"}, Short: "walk", Group: Looking, Off: "the cursor stands on nothing that is joined to anything",
			Long: "walk on to what this is joined to: its trace, others with its order or session, the fault that was in force"},
		{Action: FocusBack, Scopes: global, Keys: []string{"alt+left"}, Short: "focus back", Group: Looking, Off: "no focus before this one", Palette: true,
			Long: "back to the focus before"},
		{Action: FocusFwd, Scopes: global, Keys: []string{"alt+right"}, Short: "focus on", Group: Looking, Off: "no focus was left by going back", Palette: true,
			Long: "forward to the focus that was left"},
		{Action: NextError, Scopes: anyPane, Keys: []string{"}"}, Short: "next error", Group: Looking, Off: "no error after this one",
			Long: "to the next error"},
		{Action: PrevError, Scopes: anyPane, Keys: []string{"{"}, Short: "previous error", Group: Looking, Off: "no error before this one",
			Long: "to the error before"},
		{Action: Level, Scopes: []Scope{PaneScope("logs")}, Keys: []string{"v", "L"}, Short: "level", Group: Looking,
			Long: "show fewer levels of log lines: all, info, warn, error"},
		{Action: Detail, Scopes: readable, Keys: []string{"d"}, Short: "detail", Group: Looking, Off: "there is no row",
			Long: "all of a row, however long: a log line as JSON, with where its IDs came from"},
		{Action: Context, Scopes: []Scope{PaneScope("logs")}, Keys: []string{"x"}, Short: "around", Group: Looking, Off: "there is no log line",
			Long: "the lines of the same service around a log line, whatever the filter, and back"},
		{Action: Order, Scopes: []Scope{PaneScope("traces"), PaneScope("map")}, Keys: []string{"o"}, Short: "order", Group: Looking,
			Long: "order traces by recent, slowest, failed; the map's table by call, failures, P95, rate, time"},
		{Action: ServiceMap, Scopes: global, Keys: []string{"M"}, Short: "map", Group: Looking, Palette: true,
			Long: "who calls whom, with rate, failures and P95 of every call and the faults where they act; again for the traces"},
		{Action: MarkTrace, Scopes: inTraces, Keys: []string{"x"}, Short: "mark", Group: Looking, Off: "choose a trace in the list first",
			Long: "mark a trace, to compare others with it; again takes the mark away"},
		{Action: Compare, Scopes: inTraces, Keys: []string{"d"}, Short: "compare", Group: Looking, Off: "mark another trace first",
			Long: "put the trace and the marked one side by side"},
		{Action: Typical, Scopes: inTraces, Keys: []string{"b"}, Short: "with typical", Group: Looking, Off: "choose a trace in the list first",
			Long: "put the trace and a typical healthy one of the same operation side by side"},
		{Action: Exemplars, Scopes: []Scope{PaneScope("metrics"), PaneScope("dashboard")}, Keys: []string{"x"}, Short: "exemplars", Group: Looking, Off: "this chart has no requests behind it",
			Long: "walk through the requests behind the chart"},
		{Action: Ask, Scopes: inBoard, Keys: []string{"a"}, Short: "ask", Group: Looking, Palette: true,
			Long: "ask PromQL and see the answer as a chart while typing"},
		{Action: Variables, Scopes: inBoard, Keys: []string{"v"}, Short: "variables", Group: Looking, Off: "this dashboard has no variables", Palette: true,
			Long: "change a variable of the dashboard"},
		{Action: Dashboards, Scopes: inBoard, Keys: []string{"b"}, Short: "dashboards", Group: Looking, Off: "there is no other dashboard", Palette: true,
			Long: "show another dashboard"},
		{Action: LogAxis, Scopes: inBoard, Keys: []string{"s"}, Short: "log axis", Group: Looking, Off: "the cursor is on no chart with an axis",
			Long: "make the chart's axis logarithmic, and linear again"},
		{Action: OneSeries, Scopes: inBoard, Keys: []string{"o"}, Short: "series off", Group: Looking, Off: "open a chart of several series first",
			Long: "turn the series under the cursor off and on, in a chart that is open"},
		{Action: OnlySeries, Scopes: inBoard, Keys: []string{"O"}, Short: "only this", Group: Looking, Off: "open a chart of several series first",
			Long: "draw only the series under the cursor, and all of them again"},
		{Action: Face, Scopes: []Scope{PaneScope("load"), PaneScope("map")}, Keys: []string{"v"}, Short: "view", Group: Looking, Off: "there is no room for the other view",
			Long: "another view of the load: overview, latency, rows; the map as a graph or as a table"},
		{Action: Copy, Scopes: anyPane, Keys: []string{"y"}, Short: "copy", Group: Looking, Off: "the cursor stands on nothing that can be copied",
			Long: "copy the value under the cursor"},
		{Action: CopyRow, Scopes: anyPane, Keys: []string{"Y"}, Short: "copy row", Group: Looking, Off: "the cursor stands on no row",
			Long: "copy the whole row"},
	}
}

func timing() []Binding {
	return []Binding{
		{Action: Pause, Scopes: global, Keys: []string{"space"}, Short: "pause", Group: Timing, Palette: true,
			Long: "stand still, and live again"},
		{Action: EarlierStep, Scopes: []Scope{Paused}, Keys: []string{"left"}, Short: "earlier", Group: Timing,
			Long: "while paused: a little earlier"},
		{Action: LaterStep, Scopes: []Scope{Paused}, Keys: []string{"right"}, Short: "later", Group: Timing,
			Long: "while paused: a little later"},
		{Action: EarlierLeap, Scopes: global, Keys: []string{"<"}, Short: "back in time", Group: Timing, Palette: true,
			Long: "a quarter of the window earlier; pauses"},
		{Action: LaterLeap, Scopes: global, Keys: []string{">"}, Short: "on in time", Group: Timing, Palette: true,
			Long: "a quarter of the window later"},
		{Action: WindowLess, Scopes: global, Keys: []string{"["}, Short: "shorter", Group: Timing, Palette: true,
			Long: "a shorter window of time"},
		{Action: WindowMore, Scopes: global, Keys: []string{"]"}, Short: "longer", Group: Timing, Palette: true,
			Long: "a longer window of time"},
		{Action: Faster, Scopes: global, Keys: []string{"."}, Short: "faster", Group: Timing, Palette: true,
			Long: "in a replay: play faster"},
		{Action: Slower, Scopes: global, Keys: []string{","}, Short: "slower", Group: Timing, Palette: true,
			Long: "in a replay: play slower"},
	}
}

func moving() []Binding {
	inPane := []Scope{Pane, List, HelpView}
	return []Binding{
		{Action: NextPane, Scopes: global, Keys: []string{"tab"}, Short: "pane", Group: Moving, Long: "to the next pane"},
		{Action: PrevPane, Scopes: global, Keys: []string{"shift+tab"}, Short: "pane before", Group: Moving, Long: "to the pane before"},
		{Action: PaneLeft, Scopes: global, Keys: []string{"ctrl+h"}, Short: "pane left", Group: Moving, Long: "to the pane on the left"},
		{Action: PaneDown, Scopes: global, Keys: []string{"ctrl+j"}, Short: "pane below", Group: Moving, Long: "to the pane below"},
		{Action: PaneUp, Scopes: global, Keys: []string{"ctrl+k"}, Short: "pane above", Group: Moving, Long: "to the pane above"},
		{Action: PaneRight, Scopes: global, Keys: []string{"ctrl+l"}, Short: "pane right", Group: Moving, Long: "to the pane on the right"},
		{Action: Up, Scopes: inPane, Keys: []string{"up", "k"}, Short: "up", Group: Moving, Long: "up"},
		{Action: Down, Scopes: inPane, Keys: []string{"down", "j"}, Short: "down", Group: Moving, Long: "down"},
		{Action: Left, Scopes: anyPane, Keys: []string{"left", "h", "shift+left"}, Short: "left", Group: Moving,
			Long: "left (while paused the bare arrow moves the time)"},
		{Action: Right, Scopes: anyPane, Keys: []string{"right", "shift+right"}, Short: "right", Group: Moving,
			Long: "right (while paused the bare arrow moves the time)"},
		{Action: PageUp, Scopes: inPane, Keys: []string{"pgup", "ctrl+u"}, Short: "page up", Group: Moving, Long: "a page up"},
		{Action: PageDown, Scopes: inPane, Keys: []string{"pgdown", "ctrl+d"}, Short: "page down", Group: Moving, Long: "a page down"},
		{Action: Top, Scopes: inPane, Keys: []string{"g", "home"}, Short: "top", Group: Moving, Long: "to the first row"},
		{Action: Bottom, Scopes: inPane, Keys: []string{"G", "end"}, Short: "bottom", Group: Moving, Long: "to the last row; a log follows again"},
	}
}

func screen() []Binding {
	b := []Binding{
		{Action: Zoom, Scopes: global, Keys: []string{"z"}, Short: "zoom", Group: Screen, Palette: true, Long: "the pane alone, and back"},
		{Action: Grow, Scopes: global, Keys: []string{"+"}, Short: "grow", Group: Screen, Palette: true, Long: "make the pane larger"},
		{Action: Shrink, Scopes: global, Keys: []string{"-", "_"}, Short: "shrink", Group: Screen, Palette: true, Long: "make the pane smaller"},
		{Action: PushLeft, Scopes: global, Keys: []string{"ctrl+left"}, Short: "border left", Group: Screen, Palette: true, Long: "move the pane's border to the left"},
		{Action: PushRight, Scopes: global, Keys: []string{"ctrl+right"}, Short: "border right", Group: Screen, Palette: true, Long: "move the pane's border to the right"},
		{Action: PushUp, Scopes: global, Keys: []string{"ctrl+up"}, Short: "border up", Group: Screen, Palette: true, Long: "move the pane's border up"},
		{Action: PushDown, Scopes: global, Keys: []string{"ctrl+down"}, Short: "border down", Group: Screen, Palette: true, Long: "move the pane's border down"},
		{Action: Arrange, Scopes: global, Keys: []string{"A"}, Short: "arrange", Group: Screen, Palette: true, Long: "the workspace's next arrangement of panes"},
		{Action: Even, Scopes: global, Keys: []string{"="}, Short: "as it came", Group: Screen, Palette: true, Long: "the workspace as it came: its first arrangement, at its first sizes"},
		{Action: NextTheme, Scopes: global, Keys: []string{"t"}, Short: "theme", Group: Screen, Palette: true, Long: "the next theme"},
		{Action: Mouse, Scopes: global, Keys: []string{"m"}, Short: "mouse", Group: Screen, Palette: true,
			Long: "let go of the mouse, so that the terminal selects text, and take it again"},
	}
	spaces := []Action{Workspace1, Workspace2, Workspace3, Workspace4, Workspace5, Workspace6, Workspace7, Workspace8}
	for i, name := range WorkspaceNames() {
		b = append(b, Binding{Action: spaces[i], Scopes: global, Keys: []string{string(rune('1' + i))}, Short: name, Group: Screen,
			Palette: true, Long: "workspace " + name})
	}
	return b
}

// WorkspaceNames are the names behind the number keys 1 to 8.
func WorkspaceNames() []string {
	return []string{"cockpit", "load", "chaos", "traces", "logs", "metrics", "reliability", "incident"}
}

func overlays() []Binding {
	return []Binding{
		{Action: Complete, Scopes: []Scope{Prompt}, Keys: []string{"tab"}, Short: "complete", Group: Doing, Off: "there is nothing to complete", Long: "complete the word that is being typed; again takes the next one"},
		{Action: Toggle, Scopes: []Scope{List}, Keys: []string{"space"}, Short: "turn", Group: Doing, Long: "turn the switch under the cursor"},
	}
}
