package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load"
)

// plainWord needs no quotes in YAML, whatever reads it.
var plainWord = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./-]*$`)

// scalar writes a text so that it is read back as that text.
func scalar(s string) string {
	if plainWord.MatchString(s) {
		switch strings.ToLower(s) {
		case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		default:
			return s
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return `""` // a string always encodes
	}
	quoted := strings.TrimSuffix(b.String(), "\n")
	if strings.Contains(quoted, `\`) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'" // JSON inside of YAML stays legible
	}
	// C1 controls and DEL are legal in JSON and not in YAML.
	var out strings.Builder
	for _, r := range quoted {
		if r >= 0x7f && r < 0xa0 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// YAML is the draft as a document of kind Load.
func (d *Draft) YAML() []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if d.From != "" {
		line("# Made by gameday load convert from %s.", Label(d.From, "a file"))
	}
	line("apiVersion: gameday/v1\nkind: Load\nmetadata:\n  name: %s", scalar(Label(d.Name, "load")))
	if d.Title != "" {
		line("  title: %s", scalar(Label(d.Title, "load")))
	}
	line("target: %s", scalar(d.Target))
	pairs(&b, "", "vars", d.Vars)
	if d.Timeout > 0 {
		line("timeout: %s", d.Timeout)
	}
	if d.Duration > 0 {
		line("duration: %s", d.Duration)
	}
	pairs(&b, "", "headers", d.Headers)
	executor(&b, "", d.Executor)
	line("scenarios:")
	for i := range d.Scenarios {
		d.Scenarios[i].write(&b)
	}
	return b.Bytes()
}

func pairs(b *bytes.Buffer, indent, key string, list []Pair) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "%s%s:\n", indent, key)
	for _, p := range list {
		fmt.Fprintf(b, "%s  %s: %s\n", indent, scalar(p.Name), scalar(p.Value))
	}
}

func executor(b *bytes.Buffer, indent string, e *load.Executor) {
	if e == nil {
		return
	}
	fmt.Fprintf(b, "%sexecutor:\n%s  kind: %s\n", indent, indent, e.Kind)
	if e.Rate > 0 {
		fmt.Fprintf(b, "%s  rate: %s\n", indent, number(e.Rate))
	}
	if e.Users > 0 {
		fmt.Fprintf(b, "%s  users: %d\n", indent, e.Users)
	}
	if e.Spacing != "" {
		fmt.Fprintf(b, "%s  spacing: %s\n", indent, e.Spacing)
	}
	if e.MaxConnections > 0 {
		fmt.Fprintf(b, "%s  maxConnections: %d\n", indent, e.MaxConnections)
	}
	if len(e.Stages) > 0 {
		fmt.Fprintf(b, "%s  stages:\n", indent)
		for _, st := range e.Stages {
			fmt.Fprintf(b, "%s    - {to: %s, for: %s}\n", indent, number(st.To), st.For)
		}
	}
}

func (sc *Scenario) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "  - name: %s\n", scalar(sc.Name))
	if sc.Weight > 0 && sc.Executor == nil {
		fmt.Fprintf(b, "    weight: %s\n", number(sc.Weight))
	}
	executor(b, "    ", sc.Executor)
	key := "steps"
	if sc.Mix {
		key = "mix"
	}
	fmt.Fprintf(b, "    %s:\n", key)
	for i := range sc.Steps {
		sc.Steps[i].write(b, sc.Mix)
	}
}

func (st *Step) write(b *bytes.Buffer, mix bool) {
	fmt.Fprintf(b, "      - name: %s\n", scalar(st.Name))
	if st.Method != "" && st.Method != "GET" {
		fmt.Fprintf(b, "        method: %s\n", st.Method)
	}
	fmt.Fprintf(b, "        path: %s\n", scalar(st.Path))
	if mix && st.Weight > 0 {
		fmt.Fprintf(b, "        weight: %s\n", number(st.Weight))
	}
	pairs(b, "        ", "headers", st.Headers)
	if st.Body != "" {
		fmt.Fprintf(b, "        body: %s\n", scalar(st.Body))
	}
	if st.Timeout > 0 {
		fmt.Fprintf(b, "        timeout: %s\n", st.Timeout)
	}
	if len(st.Status) > 0 {
		quoted := make([]string, len(st.Status))
		for i, s := range st.Status {
			quoted[i] = strconv.Quote(s)
		}
		fmt.Fprintf(b, "        check: {status: [%s]}\n", strings.Join(quoted, ", "))
	}
	if text := think(st.Think); text != "" {
		fmt.Fprintf(b, "        thinkTime: %s\n", text)
	}
}

func think(t load.ThinkTime) string {
	switch {
	case t.Max > 0:
		return fmt.Sprintf("{min: %s, max: %s}", t.Min, t.Max)
	case t.Mean > 0 || t.Deviation > 0:
		return fmt.Sprintf("{mean: %s, deviation: %s}", t.Mean, t.Deviation)
	case t.Constant > 0:
		return t.Constant.Round(time.Millisecond).String()
	}
	return ""
}
