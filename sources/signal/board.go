package signal

import (
	"encoding/json"
	"regexp"
	"strconv"
	"time"
)

// BoardView says which dashboard is looked at, and how. The zero value asks for none.
type BoardView struct {
	Wanted bool   // a dashboard is on the screen
	Name   string // which; "" is the first
	Chosen string // values of variables, as Choices writes them; what is not there goes by the dashboard
	// From and To are the panels that are on the screen, by their place, To not included: only they are evaluated.
	From, To int
	Query    string // PromQL asked for at once; "" for none
	Source   string // whom Query asks; "" is the session's own choice
	// Typed is what is being typed into a prompt for PromQL, up to the cursor: the frame has words that go on from it.
	Typed string
}

// Choices writes values of variables, by name, as one text, so that views can be compared. Equal ones have the same text.
func Choices(values map[string][]string) string {
	if len(values) == 0 {
		return ""
	}
	out, err := json.Marshal(values)
	if err != nil {
		return "" // strings can always be written
	}
	return string(out)
}

// Values are what Choices wrote; nil for a text that it did not write.
func (v BoardView) Values() map[string][]string {
	var out map[string][]string
	if json.Unmarshal([]byte(v.Chosen), &out) != nil {
		return nil
	}
	return out
}

// Board is a dashboard, with the panels that the view asked for evaluated.
type Board struct {
	Name   string
	Title  string
	All    []BoardName // every dashboard there is
	Vars   []BoardVar
	Panels []BoardPanel // in the order of the screen
	Query  *BoardPanel  // what BoardView.Query gave; nil when nothing was asked for
	Words  Words
}

// BoardName is one dashboard of those there are.
type BoardName struct {
	Name, Title, Detail string
}

// BoardVar is a variable with its values.
type BoardVar struct {
	Name, Label string
	Type        string // "query", "custom", "interval", "constant", "textbox", "datasource"
	Multi       bool   // several may be chosen
	All         bool   // all may be chosen, which is the value "$__all"
	Hidden      bool
	Chosen      []string
	Options     []BoardOption
	Err         string // why there are no values, or not all
}

// BoardOption is one value of a variable.
type BoardOption struct{ Text, Value string }

// BoardKind is how a panel is drawn.
type BoardKind uint8

// The kinds of panel. Unknown are those that gameday does not draw; Foreign names them.
const (
	BoardSeries BoardKind = iota
	BoardStat
	BoardGauge
	BoardBars
	BoardHeatmap
	BoardTable
	BoardLogs
	BoardText
	BoardUnknown
)

// BoardPanel is one panel of a dashboard.
type BoardPanel struct {
	ID      int // its place among all, from 0; -1 is the query of a prompt
	Kind    BoardKind
	Row     string // the heading, of the first panel below it; "" for the others
	NewRow  bool   // it is the first of a row
	Foreign string // what another tool calls its type
	Text    string
	Panel   // title, first query, unit, series, and why it is empty
	// Values are one figure for each series, in their order: of a stat, a gauge, bars, a table.
	Values     []float64
	Min, Max   *float64
	Log        bool
	Decimals   *int
	Thresholds []BoardThreshold // by From
	Records    []Record         // of a logs panel, oldest first
	Width      int              // of 24
	Height     int              // 0 goes by the kind
	Evaluated  bool             // false: it was not on the screen, or is being evaluated for the first time
	Stacked    bool             // the series stand on one another: each is drawn as the sum of those up to it; Values are their own
	Mappings   []BoardMapping
	Formats    []BoardFormat // by series, where they differ from the panel's; nil when none does
	Columns    []BoardColumn // of a table, those that have another title or are hidden
}

// Keep is Panel.Keep with what belongs to the series that are taken over: their figures, their formats, and how they stand.
func (p *BoardPanel) Keep(last BoardPanel, at time.Time, w Window) bool {
	if !p.Panel.Keep(last.Panel, at, w) {
		return false
	}
	p.Values, p.Formats, p.Stacked, p.Unit = last.Values, last.Formats, last.Stacked, last.Unit
	return true
}

// BoardMapping writes a word in place of the values from From to To, of those that Match fits, or of no value.
type BoardMapping struct {
	From, To float64
	Match    *regexp.Regexp // of the value as a plain decimal number; Text stands in place of what fits, ${1} for its first group
	Null     bool
	Text     string // "" leaves the value
	Level    Outcome
}

// BoardFormat is how the values of one series are written; the zero value is as the panel says.
type BoardFormat struct {
	Unit     string
	Decimals *int
}

// BoardColumn is a column of a table: a label, or "Value".
type BoardColumn struct {
	Name, Title string
	Hidden      bool
}

// Mapping is what is written in place of a value; nil when it is the value itself.
func (p *BoardPanel) Mapping(v float64) *BoardMapping {
	for i := range p.Mappings {
		m := &p.Mappings[i]
		if m.Match != nil {
			if out := m.fitted(v); out != nil {
				return out
			}
			continue
		}
		if v != v && m.Null || v == v && !m.Null && v >= m.From && v <= m.To {
			return m
		}
	}
	return nil
}

// fitted is the mapping with its text made for a value that Match fits; nil when it does not.
func (m *BoardMapping) fitted(v float64) *BoardMapping {
	if v != v {
		return nil
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	at := m.Match.FindStringSubmatchIndex(text)
	if at == nil {
		return nil
	}
	out := *m
	if m.Text != "" {
		out.Text = text[:at[0]] + string(m.Match.ExpandString(nil, m.Text, text, at)) + text[at[1]:]
	}
	return &out
}

// BoardThreshold begins a range of values; the first may begin at -Inf.
type BoardThreshold struct {
	From  float64
	Level Outcome
}

// Level is the outcome of a value; Neutral when neither a mapping nor a threshold says otherwise.
func (p *BoardPanel) Level(v float64) Outcome {
	out := Neutral
	if m := p.Mapping(v); m != nil && m.Level != Neutral {
		return m.Level
	}
	for _, t := range p.Thresholds {
		if v >= t.From {
			out = t.Level
		}
	}
	return out
}

// Words go on from what is being typed.
type Words struct {
	Typed string   // what they go on from
	From  int      // the byte of Typed at which the word begins that they take the place of
	List  []string // at most some dozens; nil when none is known
	Says  string   // what the metric is that was typed: its type, what it stands for, its unit; "" when nobody knows
}
