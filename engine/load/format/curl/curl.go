// Package curl turns a curl command line into a load plan. Nothing is run and no file is read.
package curl

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/format"
	"gameday/engine/load/web"
)

const (
	maxWords = 10_000
	mostHops = 50 // redirects that curl follows at most when it is not told
)

// Options are what a command line does not say.
type Options struct {
	Target string // instead of the address' origin
}

// command is what the words of the line said.
type command struct {
	cov     *format.Coverage
	urls    []string
	method  string
	headers []format.Pair
	data    []string
	isJSON  bool
	asQuery bool
	head    bool
	timeout time.Duration
	http    web.Config
	parts   []load.Part
	file    string // that is sent as it is
	hops    int    // redirects that --location follows
}

// Convert reads a command line and makes a plan of one request, for one user and a minute.
func Convert(line string, o Options) (*format.Result, error) {
	if len(line) > format.MaxBytes {
		return nil, fmt.Errorf("the command line of %d bytes is longer than %d MiB", len(line), format.MaxBytes>>20)
	}
	words, err := split(line)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 || words[0] != "curl" && !strings.HasSuffix(words[0], "/curl") {
		return nil, errors.New("a curl command line begins with curl")
	}
	c := &command{cov: &format.Coverage{}, hops: mostHops}
	if err := c.read(words[1:]); err != nil {
		return nil, err
	}
	return c.plan(o)
}

// plan makes the plan of what was read.
func (c *command) plan(o Options) (*format.Result, error) {
	if len(c.urls) == 0 {
		return nil, errors.New("the command line has no address")
	}
	c.oneBody()
	d := &format.Draft{From: "a curl command line", Name: "curl", Duration: time.Minute}
	d.Executor = &load.Executor{Kind: load.ConstantUsers, Users: 1}
	c.cov.Add("executor", "the command line", format.Approximated, "a command line says nothing about how much: one user for one minute")
	sc := format.Scenario{Name: "curl"}
	for _, raw := range c.urls {
		if !strings.Contains(raw, "://") {
			raw = "http://" + raw
		}
		origin, path, err := format.Address(raw)
		if err != nil {
			return nil, err
		}
		if d.Target == "" {
			d.Target = origin
		}
		if origin != d.Target {
			c.cov.Add("url", origin, format.NotConverted, "a plan has one target, here "+d.Target)
			continue
		}
		step, ok := c.step(path)
		if !ok {
			continue
		}
		sc.Steps = append(sc.Steps, step)
		c.cov.Add("url", step.Method+" "+step.Path, format.Converted, "")
	}
	if o.Target != "" {
		d.Target = o.Target
	}
	d.Timeout = c.timeout
	c.reconcile()
	if !reflect.DeepEqual(c.http, web.Config{}) {
		d.HTTP = &c.http
	}
	if len(sc.Steps) > 0 {
		d.Scenarios = []format.Scenario{sc}
	}
	return format.Finish(d, c.cov)
}

func (c *command) step(path string) (format.Step, bool) {
	step := format.Step{Method: "GET", Path: path, Headers: append([]format.Pair(nil), c.headers...)}
	body := strings.Join(c.data, "&")
	switch {
	case c.asQuery && body != "":
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		step.Path += sep + format.Literal(format.Encode(body))
		body = ""
	case len(c.data) > 0 || len(c.parts) > 0:
		step.Method = "POST"
	case c.file != "":
		step.Method = "PUT"
	}
	step.Parts, step.BodyFile = c.parts, c.file
	if c.file != "" && strings.HasSuffix(path, "/") { // as curl does, which would write into a folder
		step.Path += format.Literal(url.PathEscape(c.file[strings.LastIndexByte(c.file, '/')+1:]))
	}
	if c.head {
		step.Method = "HEAD"
	}
	if c.method != "" {
		m, ok := format.Method(c.method)
		if !ok {
			c.cov.Add("method", c.method, format.NotConverted, "a plan has no such method")
			return step, false
		}
		step.Method = m
	}
	step.Body = format.Literal(body)
	if step.Body != "" {
		kind := "application/x-www-form-urlencoded"
		if c.isJSON {
			kind = "application/json"
		}
		if !format.HasHeader(step.Headers, "Content-Type") {
			step.Headers = append(step.Headers, format.Pair{Name: "Content-Type", Value: kind})
		}
		if c.isJSON && !format.HasHeader(step.Headers, "Accept") {
			step.Headers = append(step.Headers, format.Pair{Name: "Accept", Value: "application/json"})
		}
	}
	step.Name = format.Label(step.Method+" "+step.Path, "request")
	return step, true
}

func (c *command) header(name, value string) {
	c.headers = format.SetHeader(c.headers, name, format.Literal(value), "the command line", c.cov)
}

// addData adds one piece of a body.
func (c *command) addData(flag, value string) {
	if strings.HasPrefix(value, "@") && flag != "--data-raw" {
		c.cov.Add(flag, value, format.NotConverted, "files are not read; write the body into the plan")
		return
	}
	c.data = append(c.data, value)
	c.cov.Add(flag, "the command line", format.Converted, "")
}

// encoded is --data-urlencode: "text", "=text", "name=text".
func (c *command) encoded(value string) {
	if at := strings.IndexAny(value, "=@"); at >= 0 {
		if value[at] == '@' {
			c.cov.Add("--data-urlencode", value, format.NotConverted, "files are not read; write the body into the plan")
			return
		}
		name := value[:at]
		if name != "" {
			name += "="
		}
		value = name + url.QueryEscape(value[at+1:])
	} else {
		value = url.QueryEscape(value)
	}
	c.data = append(c.data, value)
	c.cov.Add("--data-urlencode", "the command line", format.Converted, "")
}

func (c *command) user(value string) {
	c.header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(value)))
}

func (c *command) seconds(flag, value string) {
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || !(v > 0 && v < 1e6) {
		c.cov.Add(flag, value, format.NotConverted, "is not a number of seconds")
		return
	}
	c.timeout = time.Duration(v * float64(time.Second)).Round(time.Millisecond)
	c.cov.Add(flag, value, format.Converted, "")
}
