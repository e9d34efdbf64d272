// Package legend names the lines of a chart, so that they read the same whichever source they come from.
package legend

import (
	"sort"
	"strings"

	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

const (
	nameLabel = "__name__"
	maxLegend = 80
)

// Name gives each series its legend, harmless and at most 80 bytes: what tells it from the others. With one differing label its value is enough; a
// series alone is called by its metric, else by its labels, else by the query.
func Name(out []signal.Series, query string) {
	keys := differing(out)
	for i := range out {
		s := &out[i]
		var legend string
		switch {
		case len(keys) == 1:
			legend = s.Labels.Get(keys[0])
			if legend == "" {
				legend = "no " + keys[0]
			}
		case len(keys) > 1:
			legend = pairs(s.Labels, keys)
		default:
			legend = alone(s.Labels)
		}
		if legend == "" {
			legend = query
		}
		s.Name = sanitize.Line(legend, maxLegend)
	}
}

func alone(ls signal.Attrs) string {
	if n := ls.Get(nameLabel); n != "" {
		return n
	}
	var b strings.Builder
	for _, l := range ls {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(l.Value)
	}
	return b.String()
}

func pairs(ls signal.Attrs, keys []string) string {
	var b strings.Builder
	for _, k := range keys {
		v := ls.Get(k)
		if v == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		if k == nameLabel {
			b.WriteString(v)
			continue
		}
		b.WriteString(k + "=" + v)
	}
	return b.String()
}

// differing lists the label keys whose values are not the same in all series, the metric's name first, then by name.
func differing(out []signal.Series) []string {
	if len(out) < 2 {
		return nil
	}
	seen := map[string]bool{}
	var keys []string
	for i := range out {
		for _, l := range out[i].Labels {
			if seen[l.Key] {
				continue
			}
			seen[l.Key] = true
			for j := range out {
				if out[j].Labels.Get(l.Key) != l.Value {
					keys = append(keys, l.Key)
					break
				}
			}
		}
	}
	sortKeys(keys)
	return keys
}

func sortKeys(keys []string) {
	sort.Slice(keys, func(i, j int) bool {
		if (keys[i] == nameLabel) != (keys[j] == nameLabel) {
			return keys[i] == nameLabel
		}
		return keys[i] < keys[j]
	})
}
