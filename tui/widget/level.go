package widget

import (
	"hash/fnv"

	"gameday/sources/signal"
	"gameday/themes"
)

// ServiceRole gives a service the same colour wherever its name stands.
func ServiceRole(service string) themes.Role {
	h := fnv.New32a()
	h.Write([]byte(service))
	return themes.Series0 + themes.Role(h.Sum32()%8)
}

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
