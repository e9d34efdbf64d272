package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gameday/chaos/probe"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

const (
	maxActivities  = 100
	defaultTimeout = 5 * time.Second
	maxTimeout     = 10 * time.Minute
)

// activity is one command or request, and what it must end with.
type activity struct {
	Name    string            `yaml:"name" doc:"what it is called on the timeline"`
	Run     []string          `yaml:"run" doc:"the program and its arguments"`
	Shell   string            `yaml:"shell" doc:"a line for /bin/sh instead"`
	Dir     string            `yaml:"dir" doc:"the folder to run it in"`
	Env     map[string]string `yaml:"env" doc:"variables to set"`
	Inherit []string          `yaml:"inherit" doc:"variables to pass on"`
	HTTP    *request          `yaml:"http" doc:"a request"`
	Expect  probe.Expect      `yaml:"expect" doc:"what the exit code or the status must be; = 0 and < 400 when not given"`
	Timeout time.Duration     `yaml:"timeout" doc:"5s when not given"`
	MayFail bool              `yaml:"mayFail" doc:"whatever becomes of it, the experiment goes on"`
}

type request struct {
	URL     string            `yaml:"url,required"`
	Method  string            `yaml:"method" enum:"GET,HEAD,OPTIONS,POST,PUT,PATCH,DELETE"`
	Headers map[string]string `yaml:"headers"`
	Body    string            `yaml:"body"`
}

// check says what is wrong with a list of activities.
func check(list []any) error {
	if len(list) == 0 {
		return errors.New("is empty")
	}
	_, err := parse(list)
	return err
}

// parse reads activities from plain values, as strictly as a document.
func parse(list []any) ([]activity, error) {
	if len(list) > maxActivities {
		return nil, fmt.Errorf("%d activities are more than %d", len(list), maxActivities)
	}
	var out []activity
	for i, v := range list {
		a, err := parseOne(v)
		if err != nil {
			return nil, fmt.Errorf("activity %d: %w", i+1, err)
		}
		out = append(out, a)
	}
	return out, nil
}

func parseOne(v any) (a activity, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return a, fmt.Errorf("it is no value that can be written: %w", err)
	}
	doc, err := spec.Parse("", text)
	if err == nil {
		doc.Decode(&a)
		err = doc.Err()
	}
	var bad *spec.Problems
	if errors.As(err, &bad) && len(bad.List) > 0 { // lines and columns would be those of our own text
		return a, fmt.Errorf("%s: %s", bad.List[0].Path, bad.List[0].Message)
	}
	if err != nil {
		return a, err
	}
	if a.Timeout < 0 || a.Timeout > maxTimeout {
		return a, fmt.Errorf("timeout: %s is outside 0s to %s", a.Timeout, maxTimeout)
	}
	if a.HTTP != nil && (len(a.Run) > 0 || a.Shell != "") {
		return a, errors.New("has a request and a command; give one of them")
	}
	var faults []string
	c := a.config()
	c.Check(func(path, format string, args ...any) {
		faults = append(faults, strings.TrimPrefix(path+": ", ": ")+fmt.Sprintf(format, args...))
	})
	c.CheckVars(nil, func(path, format string, args ...any) {
		faults = append(faults, path+": "+fmt.Sprintf(format, args...))
	})
	if len(faults) > 0 {
		return a, errors.New(strings.Join(faults, "; "))
	}
	return a, nil
}

func (a *activity) timeout() time.Duration {
	if a.Timeout > 0 {
		return a.Timeout
	}
	return defaultTimeout
}

// config is the activity as a measurement that is taken once: its exit code or its status.
func (a *activity) config() probe.Config {
	c := probe.Config{Name: a.title(), Expect: a.Expect, Timeout: a.timeout()}
	want := "= 0"
	if a.HTTP != nil {
		want = "< 400"
		c.HTTP = &probe.HTTP{URL: a.HTTP.URL, Method: a.HTTP.Method, Headers: a.HTTP.Headers, Body: a.HTTP.Body}
	} else {
		c.Command = &probe.Command{Run: a.Run, Shell: a.Shell, Dir: a.Dir, Env: a.Env, Inherit: a.Inherit}
	}
	if c.Expect.IsZero() {
		if e, err := probe.ParseExpect(want); err == nil { // both are right
			c.Expect = e
		}
	}
	return c
}

// run carries the activity out. References are filled in now.
func (a *activity) run(ctx context.Context) error {
	p, err := probe.New(a.config(), nil, nil)
	if err != nil {
		return err
	}
	r := p.Measure(ctx)
	if a.MayFail {
		return ctx.Err()
	}
	switch p.Config().Expect.Judge(r) {
	case signal.CheckPassed:
		return nil
	case signal.CheckFailed:
		if r.Err != "" {
			return fmt.Errorf("%s ended with %s: %s", a.title(), orNothing(r.Text), r.Err)
		}
		return fmt.Errorf("%s ended with %s, expected %s", a.title(), orNothing(r.Text), p.Config().Expect)
	}
	return fmt.Errorf("%s: %s", a.title(), r.Err)
}

func orNothing(s string) string {
	if s == "" {
		return "no answer"
	}
	return s
}

func (a *activity) title() string {
	if a.Name != "" {
		return spec.Line(a.Name, 80)
	}
	return spec.Line(a.String(), 80)
}

// String is the command or the request, without what may be secret.
func (a *activity) String() string {
	switch {
	case a.HTTP != nil:
		method := a.HTTP.Method
		if method == "" {
			method = "GET"
		}
		return spec.Line(method+" "+a.HTTP.URL, 200)
	case a.Shell != "":
		return spec.Line("sh -c "+a.Shell, 200)
	}
	return spec.Line(strings.Join(a.Run, " "), 200)
}
