package format

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/answer"
	"gameday/engine/load/feed"
	"gameday/engine/load/http1"
	"gameday/engine/load/web"
	"gameday/sources/sanitize"
)

// Pair is a name with a value: a header or a variable.
type Pair struct{ Name, Value string }

// Draft is a load plan on its way to YAML. Texts in it are in the plan's notation: ${name} and {{value}} have their
// meaning, and what is to stand for itself went through Literal.
type Draft struct {
	From      string // what it was made of, for the comment on top
	Name      string
	Title     string
	Target    string
	Vars      []Pair
	Headers   []Pair
	Timeout   time.Duration
	Duration  time.Duration
	Feeds     []feed.Config
	Cookies   load.CookiePolicy
	HTTP      *web.Config
	Executor  *load.Executor
	Scenarios []Scenario
}

// Scenario is one scenario of a draft; Mix makes its steps alternatives.
type Scenario struct {
	Name      string
	Weight    float64
	Executor  *load.Executor
	OnFailure string
	Steps     []Step
	Mix       bool
}

// Step is one request of a draft, or a block of steps.
type Step struct {
	Name, Method, Path string
	Target             string // instead of the draft's
	Headers            []Pair
	Body, BodyFile     string
	Parts              []load.Part
	Weight             float64
	Status             []string // such as 200 or 2xx
	That               []answer.Check
	Within             time.Duration
	MinSize, MaxSize   int64
	Extract            []load.Extract
	Timeout            time.Duration
	Think              load.ThinkTime
	HTTP               *web.Config
	Block              *Block // makes it a block: of the above only Weight counts
}

// Block is steps under one rule. Kind is the block's name in a plan, and says which of the fields count.
type Block struct {
	Kind  string
	Name  string         // of a group
	Set   []Pair         // of set
	Pause load.ThinkTime // of a pause
	Times int            // of repeat; of while: the most
	If    load.Condition // of if and while
	Share float64        // of share, 0 to 1
	Steps []Step
	Else  []Step // of if
}

// Each calls f with every step of a list, blocks and what is inside them included.
func Each(steps []Step, f func(*Step)) {
	for i := range steps {
		f(&steps[i])
		if b := steps[i].Block; b != nil {
			Each(b.Steps, f)
			Each(b.Else, f)
		}
	}
}

// Methods are what a plan can ask with.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}

// Method brings a method into the plan's form; false means that no plan can use it.
func Method(m string) (string, bool) {
	m = strings.ToUpper(strings.TrimSpace(m))
	return m, slices.Contains(methods, m)
}

// Literal escapes a text that is to stand for itself in a plan.
func Literal(s string) string {
	if strings.Contains(s, "{{") {
		s = strings.ReplaceAll(s, "{{", "{{pick {{}}")
	}
	return strings.ReplaceAll(s, "${", "$${")
}

// SetVar sets a variable unless it is set already.
func (d *Draft) SetVar(name, value string) {
	for _, v := range d.Vars {
		if v.Name == name {
			return
		}
	}
	d.Vars = append(d.Vars, Pair{name, value})
}

// Label makes a name of somebody's text: one harmless line, not too long, never empty.
func Label(s, otherwise string) string {
	s = strings.TrimSpace(sanitize.Line(s, 80))
	if s == "" {
		return otherwise
	}
	return s
}

// uniqueNames numbers scenarios and steps that are called the same.
func (d *Draft) uniqueNames() {
	seen := map[string]bool{}
	for i := range d.Scenarios {
		sc := &d.Scenarios[i]
		sc.Name = unique(Label(sc.Name, "scenario"), seen)
		steps := map[string]bool{}
		Each(sc.Steps, func(st *Step) {
			switch {
			case st.Block == nil:
				st.Name = unique(Label(st.Name, st.Method+" "+Label(st.Path, "/")), steps)
			case st.Block.Kind == "group":
				st.Block.Name = unique(Label(st.Block.Name, "group"), steps)
			}
		})
	}
}

func unique(name string, seen map[string]bool) string {
	out := name
	for n := 2; seen[out]; n++ {
		out = fmt.Sprintf("%s #%d", name, n)
	}
	seen[out] = true
	return out
}

// secretHeaders carry what must not stand in a file.
var secretHeaders = []string{"authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "x-csrf-token", "x-xsrf-token"}

// recordedOnly are headers of one connection, which a plan does not carry.
var recordedOnly = []string{"keep-alive", "proxy-connection", "te", "trailer", "tracestate", "baggage", "http2-settings"}

// SetHeader puts a header that stood in a file into a list, or tells the table why not. The value is in the plan's
// notation. A secret becomes a variable of the environment. A header of the same name is replaced.
func SetHeader(list []Pair, name, value, path string, c *Coverage) []Pair {
	name = strings.TrimSpace(name)
	lower := strings.ToLower(name)
	if strings.HasPrefix(name, ":") || slices.Contains(recordedOnly, lower) {
		c.Add("header "+lower, path, Skipped, "belongs to one connection")
		return list
	}
	if slices.Contains(secretHeaders, lower) && !strings.Contains(value, "${") && !carried(value) {
		env := "LOAD_" + strings.ToUpper(strings.ReplaceAll(lower, "-", "_"))
		value = "${env:" + env + "}"
		c.Add("header "+lower, path, Approximated, "a secret does not belong into a plan: taken from the environment variable "+env+", which must be set")
	}
	if err := http1.CheckHeader(name, value); err != nil {
		outcome := NotConverted
		if name != "" && strings.Contains(err.Error(), "cannot be set") {
			outcome = Skipped // the engine sets it itself
		}
		c.Add("header "+Label(lower, "without a name"), path, outcome, err.Error())
		return list
	}
	for i := range list {
		if strings.EqualFold(list[i].Name, name) {
			list[i].Value = value
			return list
		}
	}
	return append(list, Pair{name, value})
}

var liveValue = regexp.MustCompile(`\{\{[^{}]+\}\}`)

// carried reports whether a header's value comes from an answer: what stands around it is a word such as Bearer.
func carried(value string) bool {
	const word = 16
	rest := liveValue.ReplaceAllString(value, "")
	return rest != value && len(rest) <= word && !strings.Contains(rest, "{{")
}

// HasHeader reports whether a header is in a list.
func HasHeader(list []Pair, name string) bool {
	return slices.ContainsFunc(list, func(p Pair) bool { return strings.EqualFold(p.Name, name) })
}
