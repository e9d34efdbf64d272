package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"

	"gameday/sources/spec"
)

// maxGrafana is how many bytes of JSON a dashboard may have; the largest that are published have about 1 MiB.
const maxGrafana = 8 << 20

// The schema versions of Grafana that this reader was made for.
const (
	oldestSchema = 14
	newestSchema = 41
)

// obj is a JSON object, read with tolerance: people publish what their Grafana let pass.
type obj map[string]any

func (o obj) str(key string) string {
	switch v := o[key].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (o obj) num(key string) (float64, bool) {
	switch v := o[key].(type) {
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case string:
		f, err := json.Number(strings.TrimSpace(v)).Float64()
		return f, err == nil
	}
	return 0, false
}

func (o obj) int(key string) int {
	f, _ := o.num(key)
	return int(min(max(f, -1e6), 1e6))
}

func (o obj) bool(key string) bool {
	b, _ := o[key].(bool)
	return b
}

func (o obj) obj(keys ...string) obj {
	for _, k := range keys {
		next, _ := o[k].(map[string]any)
		o = next
	}
	return o
}

func (o obj) list(key string) []obj {
	all, _ := o[key].([]any)
	var out []obj
	for _, v := range all {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// words are a string or a list of strings.
func words(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case json.Number:
		return []string{v.String()}
	case []any:
		var out []string
		for _, one := range v {
			out = append(out, words(one)...)
		}
		return out
	}
	return nil
}

// IsGrafana reports whether a file looks like a dashboard of Grafana's.
func IsGrafana(data []byte) bool {
	o, err := readJSON("", data)
	return err == nil && looksLike(o)
}

func looksLike(o obj) bool {
	_, panels := o["panels"].([]any)
	_, rows := o["rows"].([]any)
	_, version := o["schemaVersion"]
	_, templating := o["templating"].(map[string]any)
	return (panels || rows) && (version || templating || o["title"] != nil)
}

func readJSON(file string, data []byte) (obj, error) {
	if len(data) > maxGrafana {
		return nil, fmt.Errorf("read %s: %d bytes are more than the %d MiB that a dashboard may have", file, len(data), maxGrafana>>20)
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	var o obj
	if err := d.Decode(&o); err != nil {
		return nil, fmt.Errorf("read %s: not JSON: %w", file, err)
	}
	if inner := o.obj("dashboard"); inner != nil && !looksLike(o) { // as Grafana's API hands it out
		o = inner
	}
	return o, nil
}

// importer turns Grafana's JSON into a dashboard, and counts what became of each part.
type importer struct {
	out     *Dashboard
	cover   *spec.Coverage
	sources map[string]bool // variables and inputs that name sources
	row     *Row
	panels  int
	queries map[string]int // the current panel's, by the letter that Grafana gave them: their number, from 1
}

// FromGrafana makes a dashboard of Grafana's JSON: what Share and Export write, what grafana.com has, or what the API
// answers. name is what it is called when it has no name of its own. What became of every panel, variable and setting is in
// the coverage.
func FromGrafana(file, name string, data []byte) (*Dashboard, *spec.Coverage, error) {
	o, err := readJSON(file, data)
	if err != nil {
		return nil, nil, err
	}
	if s := o.str("apiVersion"); strings.HasPrefix(s, "dashboard.grafana.app/v2") {
		return nil, nil, fmt.Errorf("read %s: %s is Grafana's new schema: export it as \"Classic\" JSON", file, s)
	}
	if !looksLike(o) {
		return nil, nil, fmt.Errorf("read %s: no dashboard of Grafana's: it has neither panels nor rows", file)
	}
	im := &importer{out: &Dashboard{APIVersion: "gameday/v1", Kind: Kind}, cover: &spec.Coverage{}, sources: map[string]bool{}}
	im.out.Metadata = Metadata{Name: slug(o.str("title"), name), Title: clean(o.str("title")), Description: clean(o.str("description"))}
	for _, t := range words(o["tags"]) {
		im.out.Metadata.Tags = append(im.out.Metadata.Tags, clean(t))
	}
	if v, ok := o.num("schemaVersion"); ok && (v < oldestSchema || v > newestSchema) {
		im.cover.Add("schemaVersion "+o.str("schemaVersion"), "schemaVersion", spec.Approximated, fmt.Sprintf("read as one of %d to %d, which are known", oldestSchema, newestSchema))
	}
	for i, in := range o.list("__inputs") {
		im.sources[in.str("name")] = true
		im.cover.Add("input "+in.str("name"), fmt.Sprintf("__inputs[%d]", i), spec.Converted, "the session's own source is asked")
	}
	im.variables(o.obj("templating").list("list"))
	im.content(o)
	for i, a := range o.obj("annotations").list("list") {
		if a["builtIn"] == nil {
			im.cover.Add("annotation query", fmt.Sprintf("annotations.list[%d]", i), spec.NotConverted, "the cockpit's own timeline is drawn instead")
		}
	}
	if n := len(o.list("links")); n > 0 {
		im.cover.Add("links", "links", spec.Skipped, "")
	}
	if im.panels == 0 {
		return nil, im.cover, fmt.Errorf("read %s: the dashboard has no panels", file)
	}
	if _, err := order(im.out.Variables); err != nil {
		return nil, im.cover, fmt.Errorf("read %s: %w", file, err)
	}
	im.out.complete()
	return im.out, im.cover, nil
}

// Read reads a dashboard of either kind; what became of Grafana's is in the coverage, which is nil for one of gameday's own.
func Read(file, name string, data []byte) (*Dashboard, *spec.Coverage, error) {
	trimmed := strings.TrimSpace(string(data[:min(len(data), 512)]))
	if strings.HasPrefix(strings.TrimPrefix(trimmed, "\ufeff"), "{") {
		if o, err := readJSON(file, data); err != nil || o.str("kind") != Kind || looksLike(o) {
			return FromGrafana(file, name, data)
		}
	}
	d, err := Parse(file, data)
	return d, nil, err
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

func slug(title, name string) string {
	s := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(title), "-"), "-")
	if len(s) > 60 {
		s = strings.Trim(s[:60], "-")
	}
	if s == "" {
		s = name
	}
	if s == "" {
		s = "dashboard"
	}
	return s
}

// content walks rows, old and new, and panels in the order of the screen.
func (im *importer) content(o obj) {
	for i, row := range o.list("rows") { // until schema 16
		at := fmt.Sprintf("rows[%d]", i)
		im.begin(clean(row.str("title")), !row.bool("showTitle") && row["showTitle"] != nil)
		if im.copied("row", at, row) {
			continue
		}
		im.row.Repeat = im.repeats("row", at, row)
		for j, p := range row.list("panels") {
			im.panel(p, fmt.Sprintf("%s.panels[%d]", at, j))
		}
	}
	all := o.list("panels")
	sort.SliceStable(all, func(i, j int) bool {
		a, b := all[i].obj("gridPos"), all[j].obj("gridPos")
		if a.int("y") != b.int("y") {
			return a.int("y") < b.int("y")
		}
		return a.int("x") < b.int("x")
	})
	copied := false // the row that the panels belong to is a copy
	for i, p := range all {
		at := fmt.Sprintf("panels[%d]", i)
		if p.str("type") != "row" {
			if !copied {
				im.panel(p, at)
			}
			continue
		}
		if copied = im.copied("row", at, p); copied {
			continue
		}
		im.begin(clean(p.str("title")), false)
		im.row.Repeat = im.repeats("row", at, p)
		for j, inner := range p.list("panels") { // of one that is folded up
			im.panel(inner, fmt.Sprintf("%s.panels[%d]", at, j))
		}
	}
	rows := im.out.Rows[:0]
	for _, r := range im.out.Rows {
		if len(r.Panels) > 0 {
			rows = append(rows, r)
		}
	}
	im.out.Rows = rows
}

func (im *importer) begin(title string, hidden bool) {
	if hidden {
		title = ""
	}
	im.out.Rows = append(im.out.Rows, Row{Title: title})
	im.row = &im.out.Rows[len(im.out.Rows)-1]
}

// repeats is the variable that a row or panel comes once for each value of.
func (im *importer) repeats(what, at string, o obj) string {
	v := o.str("repeat")
	switch {
	case v == "":
		return ""
	case !im.has(v):
		im.cover.Add(what+" repeated for each value", at+".repeat", spec.NotConverted, "there is no variable "+spec.Quote(v)+": it is shown once")
		return ""
	}
	im.cover.Add(what+" repeated for each value", at+".repeat", spec.Converted, "")
	return v
}

// copied reports whether something is the copy that Grafana made of a row or panel for one value when it was saved.
func (im *importer) copied(what, at string, o obj) bool {
	if o.str("repeat") != "" || o["scopedVars"] == nil || o["repeatPanelId"] == nil && o["repeatIteration"] == nil {
		return false
	}
	im.cover.Add("copy of a "+what+" that repeats", at, spec.Skipped, "the "+what+" itself repeats")
	return true
}

var errTooMany = errors.New("more panels than a dashboard may have")

// panelTypes are those that gameday draws, by what Grafana calls them.
var panelTypes = map[string]struct{ kind, why string }{
	"timeseries": {"timeseries", ""}, "graph": {"timeseries", ""}, "stat": {"stat", ""}, "singlestat": {"stat", ""}, "gauge": {"gauge", ""},
	"bargauge": {"bargauge", ""}, "heatmap": {"heatmap", ""}, "table": {"table", ""}, "table-old": {"table", ""}, "logs": {"logs", ""}, "text": {"text", ""},
	"piechart": {"bargauge", "drawn as bars"}, "grafana-piechart-panel": {"bargauge", "drawn as bars"}, "barchart": {"bargauge", "drawn as bars"},
	"histogram": {"bargauge", "drawn as bars of the series' figures"}, "state-timeline": {"timeseries", "drawn as lines"}, "status-history": {"timeseries", "drawn as lines"},
	"trend": {"timeseries", "drawn over time"},
}

func (im *importer) panel(o obj, at string) {
	typ := clean(o.str("type"))
	name := typ + " panel"
	if im.copied("panel", at, o) {
		return
	}
	if im.panels >= maxPanels {
		im.cover.Add(name, at, spec.NotConverted, errTooMany.Error())
		return
	}
	im.panels++
	if im.row == nil {
		im.begin("", false)
	}
	p := Panel{Title: clean(o.str("title")), Type: "timeseries"}
	im.size(&p, o)
	known, ok := panelTypes[typ]
	if !ok {
		p.Type, p.Foreign = "unknown", typ
		im.row.Panels = append(im.row.Panels, p)
		im.cover.Add(name, at, spec.NotConverted, "gameday does not draw this type; it is shown with its name")
		return
	}
	p.Type = known.kind
	if typ == "singlestat" && o.obj("gauge").bool("show") {
		p.Type = "gauge"
	}
	if p.Type == "text" {
		p.Text = clean(o.str("content") + o.obj("options").str("content"))
	}
	im.field(&p, o, at)
	lost := im.targets(&p, o, at)
	p.Repeat = im.repeats("panel", at, o)
	im.shape(&p, o, at)
	outcome, why := spec.Converted, known.why
	if why != "" {
		outcome = spec.Approximated
	}
	switch {
	case p.Type != "text" && len(p.Targets) == 0:
		p.Type, p.Foreign, p.Stack = "unknown", typ, ""
		outcome, why = spec.NotConverted, "it has no query that gameday can ask"
		if lost != "" {
			why += ": " + lost
		}
	case lost != "":
		outcome, why = spec.Approximated, lost
	}
	im.row.Panels = append(im.row.Panels, p)
	im.cover.Add(name, at, outcome, why)
	im.extras(o, at)
}

// extras are what a panel has besides, and what becomes of it.
func (im *importer) extras(o obj, at string) {
	if o["alert"] != nil {
		im.cover.Add("alert of a panel", at+".alert", spec.NotConverted, "write it as a Prometheus rule")
	}
}

// size is the panel's share of the screen.
func (im *importer) size(p *Panel, o obj) {
	if g := o.obj("gridPos"); g != nil {
		p.Width, p.Height = min(max(g.int("w"), 1), 24), min(max(g.int("h"), 0), 100)
	} else if span := o.int("span"); span > 0 { // of 12
		p.Width = min(2*span, 24)
	}
}

// targets are the panel's queries; lost says what of them could not be asked.
func (im *importer) targets(p *Panel, o obj, at string) (lost string) {
	im.queries = nil
	for _, t := range o.list("targets") {
		if t.bool("hide") {
			continue
		}
		expr := strings.TrimSpace(t.str("expr"))
		source := t["datasource"]
		if source == nil {
			source = o["datasource"]
		}
		switch kind := sourceType(source); {
		case expr == "":
			what := kind
			if what == "" {
				what = "another kind of source"
			}
			lost = "a query is for " + clean(what)
			continue
		case kind == "loki" && p.Type != "logs":
			lost = "a LogQL query that counts is not asked"
			continue
		case len(p.Targets) == maxTargets:
			return "more queries than a panel may have"
		}
		if im.queries == nil {
			im.queries = map[string]int{}
		}
		im.queries[t.str("refId")] = len(p.Targets) + 1
		p.Targets = append(p.Targets, Target{Expr: expr, Legend: clean(t.str("legendFormat")), Source: im.source(source), Instant: t.bool("instant") && p.Type != "timeseries" && p.Type != "heatmap"})
		if d, ok := promDuration(t.str("interval")); ok {
			p.Step = max(p.Step, d)
		}
	}
	if d, ok := promDuration(o.str("interval")); ok {
		p.Step = max(p.Step, d)
	}
	return lost
}

// sourceType is what kind of source is meant, where that is said.
func sourceType(v any) string {
	o, _ := v.(map[string]any)
	return obj(o).str("type")
}

// source is the variable that names the source; other names are those of somebody else's Grafana.
func (im *importer) source(v any) string {
	name, _ := v.(string)
	if o, ok := v.(map[string]any); ok {
		name = obj(o).str("uid")
	}
	for _, m := range mentioned(name) {
		if im.isSourceVariable(m) {
			return "$" + m
		}
	}
	return ""
}

func (im *importer) isSourceVariable(name string) bool {
	for i := range im.out.Variables {
		if im.out.Variables[i].Name == name && im.out.Variables[i].Type == "datasource" {
			return true
		}
	}
	return false
}
