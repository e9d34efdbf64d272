// Package fis reads experiment templates of the AWS Fault Injection Service
// (https://docs.aws.amazon.com/fis/latest/userguide/experiment-templates.html), as JSON or YAML.
//
// Actions that do to a task, a pod or an instance what can be done to a process are done here, to what the tags of their
// targets name. All others are planned and shown. The order is that of startAfter: it becomes a time for each.
package fis

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gameday/chaos/format"
)

type converter struct {
	cov     *format.Coverage
	draft   *format.Draft
	actions *format.Node
	targets *format.Node
	ends    map[string]time.Duration
	in      map[string]bool
}

const (
	maxActions = 200
	moment     = time.Second // how long an action takes that says no duration
)

// Convert reads one template. The error says why nothing can be made of it.
func Convert(docs []*format.Node, o format.Options) (*format.Result, error) {
	if len(docs) != 1 || !docs[0].IsMap() {
		return nil, errors.New("not a FIS template: it is no single map")
	}
	n := docs[0]
	if t := n.Get("experimentTemplate"); t.IsMap() { // as the command line tool prints it
		n = t
	}
	c := &converter{cov: &format.Coverage{Engines: true}, draft: &format.Draft{From: "an AWS FIS template", Name: o.Name}, ends: map[string]time.Duration{}, in: map[string]bool{}}
	c.draft.Title, c.draft.Description = n.Of("description"), n.Of("description")
	c.draft.Labels = format.MapOf(n.Get("tags").Pairs())
	n.Skip(c.cov, "belongs to the cloud", "roleArn", "id", "arn", "creationTime", "lastUpdateTime", "logConfiguration", "experimentReportConfiguration", "targetAccountConfigurationsCount")
	n.Skip(c.cov, "an action without a target is an error here", "experimentOptions")
	for _, s := range n.Get("stopConditions").Items() {
		if s.Of("source") == "none" {
			continue
		}
		alarm := s.Of("value")
		c.draft.Need(c.cov, "stopCondition", s.Path, "aws", "the stop condition "+s.Of("source")+" "+alarm[strings.LastIndexByte(alarm, ':')+1:]+"; write an abort condition instead", 0, 0)
	}
	c.actions, c.targets = n.Get("actions"), n.Get("targets")
	keys := c.actions.Keys()
	if len(keys) > maxActions {
		return nil, fmt.Errorf("it has %d actions, more than %d", len(keys), maxActions)
	}
	for _, k := range keys {
		if _, err := c.end(k); err != nil {
			return nil, err
		}
	}
	for _, k := range keys {
		c.action(k)
	}
	n.Rest(c.cov)
	return format.Finish(c.draft, c.cov, o)
}

// end is when an action is over: it begins when all that it starts after are.
func (c *converter) end(name string) (time.Duration, error) {
	if d, ok := c.ends[name]; ok {
		return d, nil
	}
	if c.in[name] {
		return 0, fmt.Errorf("the action %s starts after itself", format.Label(name, "without a name"))
	}
	c.in[name] = true
	defer delete(c.in, name)
	begin, err := c.begin(name)
	if err != nil {
		return 0, err
	}
	a := c.actions.Get(name)
	d := begin + max(c.lasts(a), moment)
	if d > format.MaxMethod {
		return 0, fmt.Errorf("the actions last longer than %s together", format.MaxMethod)
	}
	c.ends[name] = d
	return d, nil
}

func (c *converter) begin(name string) (begin time.Duration, err error) {
	for _, before := range c.actions.Get(name).Get("startAfter").Texts() {
		if !c.actions.Has(before) {
			c.cov.Add("startAfter", c.actions.Get(name).Path, format.NotConverted, "there is no action "+format.Label(before, "without a name"))
			continue
		}
		d, err := c.end(before)
		if err != nil {
			return 0, err
		}
		begin = max(begin, d)
	}
	return begin, nil
}

var iso = regexp.MustCompile(`^P(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?$`)

// lasts is the action's duration, 0 when it says none.
func (c *converter) lasts(a *format.Node) time.Duration {
	p := a.Get("parameters")
	for _, k := range []string{"duration", "durationSeconds"} {
		if d, ok := duration(p.Of(k)); ok {
			return d
		}
	}
	if d, ok := duration(document(p).Of("DurationSeconds")); ok {
		return d
	}
	return 0
}

// duration reads PT5M, or a bare number of seconds.
func duration(s string) (time.Duration, bool) {
	if v, err := strconv.Atoi(s); err == nil && v > 0 {
		return format.Bound(time.Duration(min(v, 1e6)) * time.Second)
	}
	m := iso.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		v, _ := strconv.Atoi("0" + m[i+1]) // the pattern has made sure
		d += time.Duration(v) * unit
	}
	return format.Bound(d)
}

// document are the parameters of a Systems Manager document, which stand in the template as text.
func document(p *format.Node) *format.Node {
	text := p.Of("documentParameters")
	if text == "" || !json.Valid([]byte(text)) {
		return &format.Node{}
	}
	docs, err := format.Read("", []byte(text))
	if err != nil || len(docs) != 1 {
		return &format.Node{}
	}
	return docs[0]
}
