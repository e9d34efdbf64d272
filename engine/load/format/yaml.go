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
	if d.Cookies != "" {
		line("cookies: %s", d.Cookies)
	}
	feeds(&b, d.Feeds)
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
	if e.Iterations > 0 {
		fmt.Fprintf(b, "%s  iterations: %d\n", indent, e.Iterations)
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
