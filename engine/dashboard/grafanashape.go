package dashboard

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gameday/sources/spec"
)

// shape reads what a panel does to its answer: stacking, words for values, overrides, transformations.
func (im *importer) shape(p *Panel, o obj, at string) {
	im.stacking(p, o, at)
	if n := im.mappings(p, o, at); n > 0 {
		im.cover.Add("value mappings", at, spec.Converted, "")
	}
	if text := o.obj("fieldConfig", "defaults").str("displayName"); text != "" {
		im.display(p, text, at)
	}
	for i, t := range o.list("transformations") {
		if !t.bool("disabled") {
			im.transform(p, t, fmt.Sprintf("%s.transformations[%d]", at, i))
		}
	}
	for i, v := range o.obj("fieldConfig").list("overrides") {
		im.overrides(p, v, fmt.Sprintf("%s.fieldConfig.overrides[%d]", at, i))
	}
	if len(o.list("seriesOverrides")) > 0 {
		im.cover.Add("series overrides of a graph", at+".seriesOverrides", spec.Skipped, "they change colours, lines and the side of the axis")
	}
	p.Mappings, p.Overrides, p.Columns = p.Mappings[:min(len(p.Mappings), maxMappings)], p.Overrides[:min(len(p.Overrides), maxOverrides)], p.Columns[:min(len(p.Columns), maxColumns)]
}

func (im *importer) stacking(p *Panel, o obj, at string) {
	mode := o.obj("fieldConfig", "defaults", "custom", "stacking").str("mode")
	if o.bool("stack") {
		if mode = "normal"; o.bool("percentage") {
			mode = "percent"
		}
	}
	if mode != "normal" && mode != "percent" {
		return
	}
	if p.Type != "timeseries" {
		im.cover.Add("stacking", at, spec.Approximated, "drawn side by side")
		return
	}
	p.Stack = mode
	im.cover.Add("stacking", at, spec.Converted, "")
}

// mappings reads words for values, as Grafana has written them since 8, in 7, and in singlestat.
func (im *importer) mappings(p *Panel, o obj, at string) int {
	for _, m := range o.obj("fieldConfig", "defaults").list("mappings") {
		opts := m.obj("options")
		switch m.str("type") {
		case "value":
			for _, k := range slices.Sorted(maps.Keys(opts)) {
				im.mapping(p, Mapping{}, k, opts.obj(k))
			}
		case "range":
			im.mapping(p, Mapping{From: number(opts, "from"), To: number(opts, "to")}, "", opts.obj("result"))
		case "special":
			if match := opts.str("match"); strings.Contains(match, "null") || strings.Contains(match, "nan") || match == "empty" {
				im.mapping(p, Mapping{Null: true}, "", opts.obj("result"))
			}
		case "regex":
			if re, ok := javaScriptIn(opts.str("pattern")); ok {
				im.mapping(p, Mapping{Match: re}, "", opts.obj("result"))
			} else {
				im.cover.Add("value mapping by expression", at, spec.NotConverted, "the expression "+clean(opts.str("pattern"))+" is none of Go's")
			}
		case "1":
			im.mapping(p, Mapping{}, m.str("value"), m)
		case "2":
			im.mapping(p, Mapping{From: number(m, "from"), To: number(m, "to")}, "", m)
		}
	}
	ranges := o.int("mappingType") == 2
	for _, m := range o.list("valueMaps") {
		if !ranges {
			im.mapping(p, Mapping{}, m.str("value"), m)
		}
	}
	for _, m := range o.list("rangeMaps") {
		if ranges {
			im.mapping(p, Mapping{From: number(m, "from"), To: number(m, "to")}, "", m)
		}
	}
	return len(p.Mappings)
}

// mapping adds one, of the value that is written as key when there is one.
func (im *importer) mapping(p *Panel, m Mapping, key string, result obj) {
	m.Text = clean(result.str("text"))
	if c := result.str("color"); c != "" {
		if m.Level = levelOf(c); m.Level == "none" {
			m.Level = ""
		}
	}
	switch key {
	case "":
	case "null", "N/A":
		m.Null = true
	default:
		m.Value = number(obj{"v": key}, "v")
		if m.Value == nil {
			return // a text is mapped, and gameday's values are numbers
		}
	}
	if m.Match != "" {
		m.Text = replaced.ReplaceAllStringFunc(m.Text, func(s string) string {
			switch {
			case s == "$":
				return "$$"
			case s == "$&":
				s = "$0"
			}
			return "${" + s[1:] + "}"
		})
	}
	if m.Value == nil && m.From == nil && m.To == nil && m.Match == "" && !m.Null || m.Text == "" && m.Level == "" {
		return
	}
	p.Mappings = append(p.Mappings, m)
}

var fieldLabel = regexp.MustCompile(`\$\{__field\.labels(?:\.([A-Za-z_][A-Za-z0-9_]*)|\["([^"]+)"\])\}`)

// display is what all series are called.
func (im *importer) display(p *Panel, text, at string) {
	legend := fieldLabel.ReplaceAllString(text, "{{$1$2}}")
	if strings.Contains(legend, "${__") {
		im.cover.Add("display name", at, spec.Approximated, "the series' own names are shown: "+clean(text)+" is not known")
		return
	}
	for i := range p.Targets {
		p.Targets[i].Legend = clean(legend)
	}
	im.cover.Add("display name", at, spec.Converted, "")
}

// fitting puts into an override which series a matcher means; ok is false for a matcher of another sort. Those of the wrong type are
// none.
func (im *importer) fitting(out *Override, m obj) (ok, none bool) {
	text := m.str("options")
	switch m.str("id") {
	case "byName":
		out.Series = regexp.QuoteMeta(text)
		return text != "", false
	case "byRegexp":
		out.Series, ok = javaScript(text)
		return ok, false
	case "byNames":
		var names []string
		for _, n := range words(m.obj("options")["names"]) {
			names = append(names, regexp.QuoteMeta(n))
		}
		out.Series, out.Others = strings.Join(names, "|"), m.obj("options").str("mode") == "exclude"
		return len(names) > 0, false
	case "byType": // all series are numbers over time
		out.Series = ".*"
		return text == "number", text != "number" && text != ""
	case "numeric":
		out.Series = ".*"
		return true, false
	case "byFrameRefID":
		out.Series, out.Query = ".*", im.queries[text]
		return out.Query > 0, false
	}
	return false, false
}

// javaScriptIn makes an expression that is looked for within a text of one of JavaScript's; one that stands between no slashes is of
// the whole text.
func javaScriptIn(text string) (string, bool) {
	if !strings.HasPrefix(text, "/") {
		_, err := wholeName(text)
		return "^(?:" + text + ")$", err == nil && text != ""
	}
	i := strings.LastIndexByte(text, '/')
	if i < 2 {
		return "", false
	}
	pattern := text[1:i]
	if strings.Contains(text[i+1:], "i") {
		pattern = "(?i)" + pattern
	}
	_, err := regexp.Compile(pattern)
	return pattern, err == nil
}

// javaScript makes an expression of whole names of one of JavaScript's that is looked for within a name.
func javaScript(text string) (string, bool) {
	flags := ""
	if strings.HasPrefix(text, "/") {
		if i := strings.LastIndexByte(text, '/'); i > 0 {
			if strings.Contains(text[i+1:], "i") {
				flags = "(?i)"
			}
			text = text[1:i]
		}
	}
	if text == "" {
		return "", false
	}
	if !strings.HasPrefix(text, "^") && !strings.HasPrefix(text, ".*") {
		text = ".*?" + text
	}
	if !strings.HasSuffix(text, "$") && !strings.HasSuffix(text, ".*") && !strings.HasSuffix(text, "(.*)") {
		text += ".*"
	}
	pattern := flags + text
	_, err := wholeName(pattern)
	return pattern, err == nil
}

// looks are properties of an override that only change how it looks.
var looks = regexp.MustCompile(`^(color|links|custom\.(line|fill|point|draw|span|bar|grad|axis|align|width|cell|display|inspect|filterable|minWidth|transform|hideFrom$|scale|show|insert|spanNulls).*|noValue|thresholds|description)$`)

// overrides reads one override.
func (im *importer) overrides(p *Panel, o obj, at string) {
	m := o.obj("matcher")
	var out Override
	useful, hide := false, false
	var lost []string
	for _, prop := range o.list("properties") {
		id := prop.str("id")
		switch {
		case id == "unit":
			out.Unit, useful = clean(prop.str("value")), true
		case id == "displayName":
			out.Name, useful = strings.ReplaceAll(clean(prop.str("value")), "$", "$$"), true
		case id == "decimals":
			if d, ok := prop.num("value"); ok && d >= 0 && d <= 10 {
				n := int(d)
				out.Decimals, useful = &n, true
			}
		case id == "custom.hideFrom":
			hide = prop.obj("value").bool("viz")
		case id == "custom.hidden":
			hide = prop.bool("value")
		case !looks.MatchString(id):
			lost = append(lost, clean(id))
		}
	}
	out.Hide = hide
	useful = useful || hide
	name, _ := m["options"].(string)
	ok, none := im.fitting(&out, m)
	switch {
	case !useful && len(lost) == 0:
		im.cover.Add("overrides for single series", at, spec.Skipped, "they change colours and lines")
		return
	case !useful:
		im.cover.Add("overrides for single series", at, spec.NotConverted, "not heeded: "+strings.Join(lost, ", "))
		return
	case p.Type == "table" && m.str("id") == "byName":
		im.column(p, name, strings.ReplaceAll(out.Name, "$$", "$"), hide)
		if strings.HasPrefix(name, "Value") {
			if out.Unit != "" {
				p.Unit = out.Unit
			}
			if out.Decimals != nil {
				p.Decimals = out.Decimals
			}
		}
	case none:
		im.cover.Add("overrides for single series", at, spec.Skipped, "no series is of the type "+clean(name))
		return
	case !ok:
		im.cover.Add("overrides for single series", at, spec.NotConverted, "series are not found by "+clean(m.str("id")))
		return
	default:
		p.Overrides = append(p.Overrides, out)
	}
	if len(lost) > 0 {
		im.cover.Add("overrides for single series", at, spec.Approximated, "not heeded: "+strings.Join(lost, ", "))
		return
	}
	im.cover.Add("overrides for single series", at, spec.Converted, "")
}

// column renames or hides a column of a table.
func (im *importer) column(p *Panel, name, title string, hide bool) {
	if strings.HasPrefix(name, "Value") {
		name = valueColumn
	}
	for i := range p.Columns {
		if c := &p.Columns[i]; c.Name == name {
			c.Hide = c.Hide || hide
			if title != "" {
				c.Title = title
			}
			return
		}
	}
	if name != "" && name != "Time" {
		p.Columns = append(p.Columns, Column{Name: name, Title: clean(title), Hide: hide})
	}
}

// valueColumn is the name of the column with the values.
const valueColumn = "Value"

// replaced is what stands for a group, or for the whole, in what JavaScript puts in place of a match; any other $ is one.
var replaced = regexp.MustCompile(`\$(?:&|\d+)?`)

var group = regexp.MustCompile(`\$(\d+)`)

// transform reads one transformation.
func (im *importer) transform(p *Panel, t obj, at string) {
	what, opts := "transformation "+clean(t.str("id")), t.obj("options")
	table := p.Type == "table"
	switch t.str("id") {
	case "organize":
		for _, name := range slices.Sorted(maps.Keys(opts.obj("excludeByName"))) {
			if opts.obj("excludeByName").bool(name) {
				im.renamed(p, name, "", true)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(opts.obj("renameByName"))) {
			if to := opts.obj("renameByName").str(name); to != "" {
				im.renamed(p, name, clean(to), false)
			}
		}
		im.cover.Add(what, at, spec.Converted, "")
	case "renameByRegex":
		pattern, ok := javaScript(opts.str("regex"))
		if !ok || table {
			im.cover.Add(what, at, spec.NotConverted, "the names stay as they are")
			return
		}
		p.Overrides = append(p.Overrides, Override{Series: pattern, Name: group.ReplaceAllString(clean(opts.str("renamePattern")), "$${$1}")})
		im.cover.Add(what, at, spec.Converted, "")
	case "filterFieldsByName":
		im.filter(p, opts, what, at)
	case "merge", "labelsToFields", "seriesToRows", "seriesToColumns", "joinByField", "sortBy", "reduce":
		if table {
			im.cover.Add(what, at, spec.Approximated, "the table has a row for each series, with its labels as columns, the largest value first")
			return
		}
		fallthrough
	default:
		im.cover.Add(what, at, spec.NotConverted, "the queries' own answers are shown")
	}
}

func (im *importer) renamed(p *Panel, name, to string, hide bool) {
	if p.Type == "table" {
		im.column(p, name, to, hide)
		return
	}
	if name != "Time" {
		p.Overrides = append(p.Overrides, Override{Series: regexp.QuoteMeta(name), Name: strings.ReplaceAll(to, "$", "$$"), Hide: hide})
	}
}

// filter keeps the series that are named, and leaves out those that are to be left out.
func (im *importer) filter(p *Panel, opts obj, what, at string) {
	done := false
	for _, part := range []string{"include", "exclude"} {
		o := opts.obj(part)
		var patterns []string
		for _, n := range words(o["names"]) {
			if n != "Time" {
				patterns = append(patterns, regexp.QuoteMeta(n))
			}
		}
		if re, ok := javaScript(o.str("pattern")); ok {
			patterns = append(patterns, re)
		}
		if len(patterns) == 0 {
			continue
		}
		if p.Type == "table" {
			if part == "exclude" {
				for _, n := range words(o["names"]) {
					im.column(p, n, "", true)
				}
				done = true
			}
			continue
		}
		p.Overrides = append(p.Overrides, Override{Series: strings.Join(patterns, "|"), Hide: true, Others: part == "include"})
		done = true
	}
	if !done {
		im.cover.Add(what, at, spec.NotConverted, "all of the answer is shown")
		return
	}
	im.cover.Add(what, at, spec.Converted, "")
}
