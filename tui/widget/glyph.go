package widget

// Glyph is a sign of the screen's own, with a stand-in for terminals that only have ASCII. Each takes one cell.
type Glyph uint8

// The glyphs.
const (
	Ellipsis Glyph = iota
	Passed
	Failed
	Unknown
	Pending
	Aborted
	Alarm
	Exemplar       // a measured request in a chart
	ExemplarPicked // the one under the cursor
	FocusMark
	Closed // a tree node with hidden children
	Opened
	Branch
	Cursor
	BarFull
	BarMedium
	BarLight
	BarLeftHalf  // the left half of a cell
	BarRightHalf // the right half of a cell
	Rule         // horizontal
	Wall         // vertical
	Thumb        // of a scroll bar
	Dotted       // a limit in a chart
	Tick         // on the y axis
	Dot          // between facts
	Info
	Warn
	UpTri
	DownTri
	Enter
	Link
	Near // it may belong, or not
	Arrow
	LeftTri
	RightTri
	Back // a call that leads back
	numGlyphs
)

var glyphs = [numGlyphs][2]string{
	Ellipsis: {"…", "~"}, Passed: {"✔", "+"}, Failed: {"✘", "x"}, Unknown: {"?", "?"}, Pending: {"·", "."},
	Aborted: {"■", "#"}, Alarm: {"!", "!"}, Exemplar: {"◇", "o"}, ExemplarPicked: {"◆", "@"}, FocusMark: {"⌖", "@"},
	Closed: {"▸", ">"}, Opened: {"▾", "v"}, Branch: {"└", "`"}, Cursor: {"▌", ">"},
	BarFull: {"█", "#"}, BarMedium: {"▓", "="}, BarLight: {"░", "-"}, BarLeftHalf: {"▌", "#"}, BarRightHalf: {"▐", "#"},
	Rule: {"─", "-"}, Wall: {"│", "|"}, Thumb: {"┃", "#"}, Dotted: {"┄", "-"}, Tick: {"┤", "|"}, Dot: {"·", "."},
	Info: {"•", " "}, Warn: {"▲", "!"}, UpTri: {"▲", "^"}, DownTri: {"▼", "v"}, Enter: {"⏎", ">"}, Link: {"⇢", ">"}, Near: {"≈", "~"},
	Arrow: {"→", ">"}, LeftTri: {"◂", "<"}, RightTri: {"▸", ">"}, Back: {"↳", "`"},
}

// Bolt is the sign of a fault. It takes two cells where the terminal has one, and is no Glyph for that.
func (p Pen) Bolt() string {
	if p.ASCII {
		return "!"
	}
	return "⚡"
}

// Glyph is the sign as this pen's terminal can show it.
func (p Pen) Glyph(g Glyph) string {
	if p.ASCII {
		return glyphs[g][1]
	}
	return glyphs[g][0]
}
