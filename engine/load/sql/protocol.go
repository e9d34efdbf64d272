package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
)

// Protocol is the steps of one plan against one database.
type Protocol struct {
	target *target
	works  []*work
}

// work is one step, ready to be done.
type work struct {
	timeout      time.Duration
	keep         int
	statements   []statement
	begin        []string // what the transaction begins with; none without one
	end          string   // and with what it ends
	comment      bool
	preparations bool
}

type statement struct {
	text  string
	query bool
	args  []arg
	rows  *Count
}

// New prepares for a target such as "postgres://user:password@127.0.0.1:5432/shop". o.TLS is looked at when the address
// asks for TLS: sslmode=require (or verify-ca, verify-full) in PostgreSQL, tls=true (or preferred) in MySQL.
func New(address string, o protocol.Options) (*Protocol, error) {
	t, err := parse(address, o)
	if err != nil {
		return nil, err
	}
	return &Protocol{target: t}, nil
}

// Prepare checks a step and returns the handle that Call.Request names it by. That a statement is right is only known to
// the database: it says so when a worker prepares it.
func (p *Protocol) Prepare(s protocol.Step, c *Work) (int, error) {
	made, err := p.compile(s, c)
	if err != nil {
		return 0, fmt.Errorf("prepare step %q: %w", s.Name, err)
	}
	p.works = append(p.works, made)
	return len(p.works) - 1, nil
}

func (p *Protocol) compile(s protocol.Step, c *Work) (*work, error) {
	if err := dial.Check(s, c.Validate); err != nil {
		return nil, err
	}
	w := &work{timeout: s.Timeout, keep: s.Keep, comment: c.Trace == "comment"}
	w.preparations = !w.comment && !c.Unprepared
	list := c.Transaction
	if len(list) == 0 {
		list = []Statement{c.Statement}
	} else if err := w.transaction(c, p.target.dialect); err != nil {
		return nil, err
	}
	for i := range list {
		st := statement{text: list[i].text(), query: list[i].Query != "", rows: list[i].Rows}
		for j := range list[i].Args {
			a, err := list[i].Args[j].compile(s.Names)
			if err != nil {
				return nil, fmt.Errorf("statement %d: args[%d]: %w", i+1, j, err)
			}
			st.args = append(st.args, a)
		}
		w.statements = append(w.statements, st)
	}
	return w, nil
}

func (w *work) transaction(c *Work, d dialect) error {
	level := strings.ToUpper(strings.ReplaceAll(c.Isolation, "-", " "))
	access := ""
	if c.ReadOnly {
		access = " READ ONLY"
	}
	switch d {
	case postgres:
		if level != "" {
			level = " ISOLATION LEVEL " + level
		}
		w.begin = []string{"BEGIN" + level + access}
	case mySQL:
		if level != "" {
			w.begin = append(w.begin, "SET TRANSACTION ISOLATION LEVEL "+level)
		}
		w.begin = append(w.begin, "START TRANSACTION"+access)
	case sqlite:
		if c.ReadOnly || (c.Isolation != "" && c.Isolation != "serializable") {
			return errors.New("SQLite's transactions are serializable and may write: leave isolation and readOnly out")
		}
		w.begin = []string{"BEGIN"}
	}
	w.end = "COMMIT"
	if c.Rollback {
		w.end = "ROLLBACK"
	}
	return nil
}

// Extras are rows returned by queries and rows affected by execs.
func (p *Protocol) Extras() []protocol.Extra {
	return []protocol.Extra{{Name: "rows"}, {Name: "affected"}}
}

// The places of the Extras in an Outcome.
const (
	extraRows = iota
	extraAffected
)

// NewClient makes the client of one worker. It connects with its first request.
func (p *Protocol) NewClient(ctx context.Context, epoch time.Time) protocol.Client {
	life, end := context.WithCancel(context.Background())
	return &Client{
		proto: p, ctx: ctx, epoch: epoch, prepared: make([][]prepared, len(p.works)),
		net: &network{life: life, end: end, open: map[*tracked]struct{}{}},
	}
}
