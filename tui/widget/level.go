package widget

import (
	"gameday/sources/signal"
	"gameday/themes"
)

// LevelGlyph is the sign and the role of a log record's level.
func LevelGlyph(s signal.Severity) (Glyph, themes.Role) {
	switch {
	case s >= signal.SeverityFatal:
		return Aborted, themes.Failed
	case s >= signal.SeverityError:
		return Failed, themes.Failed
	case s >= signal.SeverityWarn:
		return Warn, themes.Warning
	case s >= signal.SeverityInfo:
		return Info, themes.Text
	}
	return Pending, themes.Muted
}
