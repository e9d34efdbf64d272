package redis

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
	"gameday/sources/sanitize"
)

// Protocol is the steps of one plan against one server.
type Protocol struct {
	dialer dial.Dialer
	login  []byte // commands that a fresh connection begins with
	logins int    // how many
	secret string
	steps  []*step
}

// step is one pipeline, ready to be sent.
type step struct {
	timeout  time.Duration
	keep     int
	commands []command
	static   []byte // all of it, when it is always the same
}

type command struct {
	words []*template.Template
	wire  []byte // of a command that is always the same
	kind  kind   // expected, "" is any but an error
	value *template.Template
}

// New prepares for a target such as "redis://user:password@127.0.0.1:6379/0", or rediss:// for TLS. The path is the
// number of the database.
func New(target string, o protocol.Options) (*Protocol, error) {
	bare, user, secret := target, "", ""
	if u, err := url.Parse(target); err == nil {
		user = u.User.Username()
		secret, _ = u.User.Password()
		u.User = nil
		bare = u.String()
	}
	a, err := dial.Parse(bare, map[string]string{"redis": "6379", "rediss": "6379"})
	if err != nil {
		return nil, err
	}
	p := &Protocol{dialer: dial.Dialer{Network: "tcp", Address: a}, secret: secret}
	if a.Scheme == "rediss" {
		p.dialer.TLS = a.TLS(o.TLS)
	}
	if a.URL.RawQuery != "" {
		return nil, fmt.Errorf("target %q: parameters after ? are not known: write redis://user:password@host:port/database", a.Scheme+"://"+a.String())
	}
	switch {
	case user != "" && secret == "":
		return nil, fmt.Errorf("target %q has a user and no password: write redis://:password@host for a password alone", a.Scheme+"://"+a.String())
	case user != "":
		p.begin("AUTH", user, secret)
	case secret != "":
		p.begin("AUTH", secret)
	}
	if db := strings.Trim(a.URL.Path, "/"); db != "" {
		if n, err := strconv.ParseUint(db, 10, 31); err != nil {
			return nil, fmt.Errorf("target %q: the database %q is no number", a.Scheme+"://"+a.String(), sanitize.Line(db, 32))
		} else if n > 0 {
			p.begin("SELECT", db)
		}
	}
	return p, nil
}

// begin adds a command to those that a fresh connection begins with.
func (p *Protocol) begin(words ...string) {
	p.login = appendArray(p.login, len(words))
	for _, w := range words {
		p.login = appendBulk(p.login, []byte(w))
	}
	p.logins++
}

func appendArray(dst []byte, n int) []byte {
	dst = strconv.AppendInt(append(dst, '*'), int64(n), 10)
	return append(dst, "\r\n"...)
}

func appendBulk(dst, b []byte) []byte {
	dst = strconv.AppendInt(append(dst, '$'), int64(len(b)), 10)
	dst = append(append(dst, "\r\n"...), b...)
	return append(dst, "\r\n"...)
}

// Prepare checks a step and returns the handle that Call.Request names it by.
func (p *Protocol) Prepare(s protocol.Step, c *Pipeline) (int, error) {
	made, err := compile(s, c)
	if err != nil {
		return 0, fmt.Errorf("prepare step %q: %w", s.Name, err)
	}
	p.steps = append(p.steps, made)
	return len(p.steps) - 1, nil
}

func compile(s protocol.Step, c *Pipeline) (*step, error) {
	if err := dial.Check(s, c.Validate); err != nil {
		return nil, err
	}
	list := c.Pipeline
	if len(list) == 0 {
		list = []Command{c.Command}
	}
	out := &step{timeout: s.Timeout, keep: s.Keep}
	static := true
	for i := range list {
		made, err := list[i].compile(s.Names)
		if err != nil {
			return nil, fmt.Errorf("command %d: %w", i+1, err)
		}
		out.commands = append(out.commands, made)
		static = static && made.wire != nil
	}
	if static {
		for _, made := range out.commands {
			out.static = append(out.static, made.wire...)
		}
	}
	return out, nil
}

func (c *Command) compile(names template.Names) (command, error) {
	var out command
	static := true
	for i, w := range c.Words {
		t, err := template.Compile(w, names)
		if err != nil {
			return command{}, fmt.Errorf("word %d: %w", i+1, err)
		}
		out.words = append(out.words, t)
		static = static && t.Static()
	}
	if static {
		out.wire, _ = out.append(nil, nil, &template.Values{})
	}
	if c.Expect == nil {
		return out, nil
	}
	out.kind = kind(c.Expect.Type)
	if c.Expect.Value != nil {
		t, err := template.Compile(*c.Expect.Value, names)
		if err != nil {
			return command{}, fmt.Errorf("expect: %w", err)
		}
		out.value = t
	}
	return out, nil
}

// append appends the command as it is sent. scratch is used on the way and handed back.
func (c *command) append(dst, scratch []byte, v *template.Values) ([]byte, []byte) {
	if c.wire != nil {
		return append(dst, c.wire...), scratch
	}
	dst = appendArray(dst, len(c.words))
	for _, w := range c.words {
		scratch = w.Append(scratch[:0], v)
		dst = appendBulk(dst, scratch)
	}
	return dst, scratch
}

// Extras are replies received, nils among them and within them, and error replies.
func (p *Protocol) Extras() []protocol.Extra {
	return []protocol.Extra{{Name: "replies"}, {Name: "nils"}, {Name: "errors"}}
}

// The places of the Extras in an Outcome.
const (
	extraReplies = iota
	extraNils
	extraErrors
)

// NewClient makes the client of one worker. It connects with its first request.
func (p *Protocol) NewClient(ctx context.Context, epoch time.Time) protocol.Client {
	return &Client{proto: p, ctx: ctx, link: p.dialer.Link(ctx, epoch)}
}
