package load

import (
	"time"

	"gameday/engine/load/answer"
	"gameday/engine/load/web"
)

// Step is one request, or a block of steps.
type Step struct {
	Name      string            `yaml:"name" doc:"Name, used in labels. Default: method and path."`
	Target    string            `yaml:"target" doc:"Instead of the plan's: where this request goes."`
	Method    string            `yaml:"method" enum:"GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS,TRACE" doc:"Default GET."`
	Path      string            `yaml:"path" doc:"Starts with /; may hold {{n}}, {{uuid}}, {{random 1 100}}, {{pick a b}}, {{variable}}."`
	Headers   map[string]string `yaml:"headers" doc:"Headers of this request."`
	Body      string            `yaml:"body" doc:"May hold the same values as the path."`
	BodyFile  string            `yaml:"bodyFile" doc:"A file that is sent as it is, instead of a body."`
	Multipart []Part            `yaml:"multipart" doc:"A form with files, instead of a body."`
	Weight    float64           `yaml:"weight" doc:"In a mix or a random block: its share. Default 1."`
	Check     Check             `yaml:"check" doc:"What a good answer is. Default: any status below 400."`
	Extract   []Extract         `yaml:"extract" doc:"Variables that are taken out of the answer."`
	Timeout   time.Duration     `yaml:"timeout" doc:"Overrides the plan's."`
	ThinkTime *ThinkTime        `yaml:"thinkTime" doc:"Overrides the scenario's."`
	HTTP      *web.Config       `yaml:"http" doc:"How HTTP is spoken; what it holds goes before the scenario's and the plan's."`

	Speaks `yaml:",inline"`

	Set    map[string]string `yaml:"set" doc:"Block: gives variables values, which may hold {{values}}."`
	Pause  *ThinkTime        `yaml:"pause" doc:"Block: waits."`
	Group  *Group            `yaml:"group" doc:"Block: steps whose time is also measured as one (a transaction)."`
	Repeat *Repeat           `yaml:"repeat" doc:"Block: steps made several times."`
	If     *Branch           `yaml:"if" doc:"Block: steps made only when a condition holds."`
	While  *While            `yaml:"while" doc:"Block: steps made for as long as a condition holds."`
	Once   []Step            `yaml:"once" doc:"Block: steps a user makes in its first iteration only."`
	Random []Step            `yaml:"random" doc:"Block: one of the steps, by weight."`
	Share  *Portion          `yaml:"share" doc:"Block: steps that only a share of the iterations makes."`

	Turns   []Step `yaml:"turns" doc:"Block: a user makes one of the steps each time it comes here: the next in turn."`
	Shuffle []Step `yaml:"shuffle" doc:"Block: all of the steps, in an order drawn each time. At most 62."`
}

// Check says what a good answer is.
type Check struct {
	Status  StatusSet      `yaml:"status" doc:"Expected status: 200, 2xx, or a list of such."`
	That    []answer.Check `yaml:"that" doc:"Conditions on the body, a header, or a value in them."`
	Within  time.Duration  `yaml:"within" doc:"An answer that takes longer is a failure, although it came."`
	MaxSize int64          `yaml:"maxSize" doc:"An answer with a larger body is a failure. In bytes."`
	MinSize int64          `yaml:"minSize" doc:"An answer with a smaller body is a failure. In bytes."`
}

// Extract takes a variable out of an answer.
type Extract struct {
	Name          string `yaml:"name,required" doc:"The variable: {{name}} in later steps."`
	answer.Source `yaml:",inline"`
	Which         string  `yaml:"which" enum:"first,last,second,third" doc:"Of several values. Default first."`
	Default       *string `yaml:"default" doc:"The value when nothing is found. Without it, steps that need the variable fail."`
}

// Part is one field of a multipart form.
type Part struct {
	Name  string `yaml:"name,required" doc:"Name of the field."`
	Value string `yaml:"value" doc:"Its value; may hold {{values}}."`
	File  string `yaml:"file" doc:"Or a file."`
	Type  string `yaml:"type" doc:"Its Content-Type. Default of files: application/octet-stream."`
}

// Group is steps whose time is measured as one.
type Group struct {
	Name  string `yaml:"name,required" doc:"Name, used in labels."`
	Steps []Step `yaml:"steps,required" doc:"What is measured as one, from when the first is due to when the last is answered; pauses count."`
}

// Repeat is steps made several times.
type Repeat struct {
	Times int    `yaml:"times,required" doc:"How often."`
	Steps []Step `yaml:"steps,required" doc:"What is repeated."`
}

// Condition compares a text that may hold {{values}}. Exactly one comparison is given.
type Condition struct {
	Value    string   `yaml:"value,required" doc:"What is looked at, such as {{state}}."`
	Equals   *string  `yaml:"equals" doc:"It is exactly this."`
	Contains string   `yaml:"contains" doc:"It holds this text."`
	Matches  string   `yaml:"matches" doc:"It matches this regular expression (RE2)."`
	Above    *float64 `yaml:"above" doc:"It is a number above this."`
	Below    *float64 `yaml:"below" doc:"It is a number below this."`
	Not      bool     `yaml:"not" doc:"The comparison must not hold."`
}

// Branch is steps made only when a condition holds.
type Branch struct {
	Condition `yaml:",inline"`
	Steps     []Step `yaml:"steps,required" doc:"When it holds."`
	Else      []Step `yaml:"else" doc:"When it does not."`
}

// While is steps made for as long as a condition holds, looked at before each time.
type While struct {
	Condition `yaml:",inline"`
	Max       int    `yaml:"max" doc:"Most times. Default 1000."`
	Steps     []Step `yaml:"steps,required" doc:"What is repeated."`
}

// Portion is steps that only a share of the iterations makes.
type Portion struct {
	Of    Share  `yaml:"of,required" doc:"Share of the iterations, such as 20%."`
	Steps []Step `yaml:"steps,required" doc:"What they make."`
}

// blocks lists the kinds of block that are given, by their YAML names.
func (s *Step) blocks() (names []string) {
	for _, b := range []struct {
		name  string
		given bool
	}{
		{"set", len(s.Set) > 0}, {"pause", s.Pause != nil}, {"group", s.Group != nil}, {"repeat", s.Repeat != nil}, {"if", s.If != nil},
		{"while", s.While != nil}, {"once", len(s.Once) > 0}, {"random", len(s.Random) > 0}, {"share", s.Share != nil},
		{"turns", len(s.Turns) > 0}, {"shuffle", len(s.Shuffle) > 0},
	} {
		if b.given {
			names = append(names, b.name)
		}
	}
	return names
}

// children are the steps inside a block, with their YAML paths.
func (s *Step) children() []stepList {
	var out []stepList
	add := func(path string, steps []Step) {
		if len(steps) > 0 {
			out = append(out, stepList{path, steps})
		}
	}
	if s.Group != nil {
		add(".group.steps", s.Group.Steps)
	}
	if s.Repeat != nil {
		add(".repeat.steps", s.Repeat.Steps)
	}
	if s.If != nil {
		add(".if.steps", s.If.Steps)
		add(".if.else", s.If.Else)
	}
	if s.While != nil {
		add(".while.steps", s.While.Steps)
	}
	add(".once", s.Once)
	add(".random", s.Random)
	if s.Share != nil {
		add(".share.steps", s.Share.Steps)
	}
	add(".turns", s.Turns)
	add(".shuffle", s.Shuffle)
	return out
}

// stepList is steps and where they stand.
type stepList struct {
	path  string
	steps []Step
}

// each calls f with every step of a list, blocks and what is inside them included.
func each(steps []Step, path string, f func(path string, s *Step)) {
	for i := range steps {
		at := indexed(path, i)
		f(at, &steps[i])
		for _, c := range steps[i].children() {
			each(c.steps, at+c.path, f)
		}
	}
}
