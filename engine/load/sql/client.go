package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"gameday/engine/load/protocol"
)

// farewell is how long closing a connection politely may take.
const farewell = time.Second

// prepared is one statement as the connection knows it.
type prepared = *sql.Stmt

// Client is one worker's connection.
type Client struct {
	proto    *Protocol
	ctx      context.Context
	epoch    time.Time
	net      *network
	db       *sql.DB
	conn     *sql.Conn
	driver   driver.Conn  // of conn
	prepared [][]prepared // by step and statement, of this connection
	args     [][]any      // of this request, by statement
	scratch  []byte
	text     []byte // of a statement with its comment
	rows     rows
}

func (c *Client) now() time.Duration { return time.Since(c.epoch) }

// Do makes one step's statements and reads all their rows, at most for the step's timeout.
func (c *Client) Do(call *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Start: c.now()}
	w := c.proto.works[call.Request]
	base := context.WithValue(c.ctx, workers{}, true)
	ctx, cancel := context.WithDeadline(base, c.epoch.Add(out.Start+w.timeout))
	defer cancel()
	err := c.fill(call, w)
	if err == nil {
		err = c.guarded(ctx, call, w, out)
		if errors.Is(err, driver.ErrBadConn) && out.Reused && ctx.Err() == nil {
			// The driver says so only of a kept connection over which nothing was sent.
			c.drop()
			out.Retried, out.Reused = true, false
			err = c.guarded(ctx, call, w, out)
		}
	}
	dials, resolve := c.net.spent()
	out.Dials = dials
	out.Phases.Resolve = min(resolve, out.Phases.Connect)
	out.Phases.Connect -= out.Phases.Resolve
	if w.keep > 0 {
		out.Body = c.rows.finish()
	}
	out.Done = c.now()
	if err == nil {
		return
	}
	if !usable(err) || ctx.Err() != nil {
		c.drop()
	}
	out.Kind, out.Status, out.Err = c.proto.target.failure(ctx, err)
	if c.ctx.Err() != nil {
		out.Kind = protocol.Interrupted
	}
}

// fill makes the arguments of all statements, once: an attempt that is repeated sends the same.
func (c *Client) fill(call *protocol.Call, w *work) error {
	for len(c.args) < len(w.statements) {
		c.args = append(c.args, nil)
	}
	for i := range w.statements {
		list := c.args[i][:0]
		for j := range w.statements[i].args {
			v, scratch, err := w.statements[i].args[j].value(&call.Values, c.scratch)
			c.scratch = scratch
			if err != nil {
				return &argError{statement: i, arg: j, err: err}
			}
			list = append(list, v)
		}
		c.args[i] = list
	}
	return nil
}

// panicError is a driver's panic. They index into what a server has sent without looking how long it is.
type panicError struct{ value any }

func (e *panicError) Error() string {
	return fmt.Sprintf("the driver cannot read the answer: %v", e.value)
}

// guarded is attempt, with a panic made an error. Locks of the pool may still be held then: nothing of it is used again.
func (c *Client) guarded(ctx context.Context, call *protocol.Call, w *work, out *protocol.Outcome) (err error) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		c.net.breakOff()
		if c.driver != nil {
			_ = c.driver.Close() // ends its goroutine
		}
		if c.db != nil {
			_ = c.db.Close() // its goroutine, too
		}
		c.db, c.conn, c.driver = nil, nil, nil
		c.forget()
		err = &panicError{fault}
	}()
	return c.attempt(ctx, call, w, out)
}

// attempt connects if need be and makes the statements.
func (c *Client) attempt(ctx context.Context, call *protocol.Call, w *work, out *protocol.Outcome) error {
	c.rows.begin(w.keep)
	out.Extra, out.Received = [protocol.MaxExtras]float64{}, 0
	if err := c.connect(ctx, out); err != nil {
		return err
	}
	if err := c.prepare(ctx, call.Request, w, out); err != nil {
		return err
	}
	if w.end == "" {
		return c.statement(ctx, call, w, 0, out)
	}
	return c.transaction(ctx, call, w, out)
}

func (c *Client) connect(ctx context.Context, out *protocol.Outcome) error {
	if out.Reused = c.conn != nil; out.Reused {
		return nil
	}
	start := c.now()
	defer func() { out.Phases.Connect += c.now() - start }()
	if c.db == nil {
		db, err := c.proto.target.open(c.net)
		if err != nil {
			return &connectError{err}
		}
		db.SetMaxOpenConns(1)
		c.db = db
	}
	conn, err := c.db.Conn(ctx)
	if err != nil {
		if said := c.net.complaint(); said != nil {
			err = said
		}
		return &connectError{err}
	}
	c.conn = conn
	return conn.Raw(func(made any) error {
		c.driver, _ = made.(driver.Conn)
		return nil
	})
}

// prepare prepares the step's statements if the connection does not know them yet. It counts as connecting.
func (c *Client) prepare(ctx context.Context, step int, w *work, out *protocol.Outcome) error {
	if !w.preparations || len(c.prepared[step]) == len(w.statements) {
		return nil
	}
	start := c.now()
	defer func() { out.Phases.Connect += c.now() - start }()
	for i := len(c.prepared[step]); i < len(w.statements); i++ {
		st, err := c.conn.PrepareContext(ctx, w.statements[i].text)
		if err != nil {
			return err
		}
		c.prepared[step] = append(c.prepared[step], st)
	}
	return nil
}

func (c *Client) transaction(ctx context.Context, call *protocol.Call, w *work, out *protocol.Outcome) error {
	err := c.command(ctx, out, w.begin...)
	for i := 0; i < len(w.statements) && err == nil; i++ {
		err = c.statement(ctx, call, w, i, out)
	}
	if err == nil {
		return c.command(ctx, out, w.end)
	}
	if usable(err) && c.command(ctx, out, "ROLLBACK") != nil {
		c.drop() // what it has done so far is undone with it
	}
	return err
}

// command makes statements that neither have arguments nor return rows.
func (c *Client) command(ctx context.Context, out *protocol.Outcome, texts ...string) error {
	start := c.now()
	defer func() { out.Phases.Wait += c.now() - start }()
	for _, text := range texts {
		if _, err := c.conn.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// statement makes one statement, reads all its rows and counts them.
func (c *Client) statement(ctx context.Context, call *protocol.Call, w *work, i int, out *protocol.Outcome) error {
	st := &w.statements[i]
	start := c.now()
	var n int64
	if st.query {
		found, err := c.query(ctx, call, w, i)
		waited := c.now()
		out.Phases.Wait += waited - start
		if err != nil {
			return err
		}
		n, err = c.rows.read(found)
		out.Phases.Read += c.now() - waited
		out.Received += c.rows.bytes
		out.Extra[extraRows] += float64(n)
		if err != nil {
			return err
		}
	} else {
		done, err := c.exec(ctx, call, w, i)
		out.Phases.Wait += c.now() - start
		if err != nil {
			return err
		}
		if n, err = done.RowsAffected(); err != nil {
			return err
		}
		out.Extra[extraAffected] += float64(n)
	}
	if !st.rows.Has(n) {
		return &rowsError{statement: i, of: len(w.statements), got: n, want: st.rows}
	}
	return nil
}

func (c *Client) query(ctx context.Context, call *protocol.Call, w *work, i int) (*sql.Rows, error) {
	if w.preparations {
		return c.prepared[call.Request][i].QueryContext(ctx, c.args[i]...)
	}
	return c.conn.QueryContext(ctx, c.annotated(call, w, i), c.args[i]...)
}

func (c *Client) exec(ctx context.Context, call *protocol.Call, w *work, i int) (sql.Result, error) {
	if w.preparations {
		return c.prepared[call.Request][i].ExecContext(ctx, c.args[i]...)
	}
	return c.conn.ExecContext(ctx, c.annotated(call, w, i), c.args[i]...)
}

// annotated is a statement's text, with the trace in a comment when that is asked for. The form is sqlcommenter's: keys
// in order, values in quotes (https://google.github.io/sqlcommenter/spec/).
func (c *Client) annotated(call *protocol.Call, w *work, i int) string {
	if !w.comment {
		return w.statements[i].text
	}
	b := append(c.text[:0], w.statements[i].text...)
	b = append(b, " /*correlation_id='"...)
	b = call.AppendCorrelationID(b)
	b = call.AppendTraceparent(append(b, "',traceparent='"...))
	b = append(b, "'*/"...)
	c.text = b
	return string(b)
}

// drop gives the connection up for good.
func (c *Client) drop() {
	if c.conn == nil {
		return
	}
	// What the drivers are told is that the connection is broken, so that the pool does not keep it.
	_ = c.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.conn.Close()
	c.conn, c.driver = nil, nil
	c.forget()
}

// forget forgets the statements of a connection that is no more.
func (c *Client) forget() {
	for i := range c.prepared {
		c.prepared[i] = c.prepared[i][:0]
	}
}

// Close gives the connection up. It takes the driver's polite way, but not for longer than a second.
func (c *Client) Close() {
	defer c.net.abort()
	if c.db == nil {
		return
	}
	if c.ctx.Err() != nil {
		c.net.abort()
	}
	hurry := time.AfterFunc(farewell, c.net.abort)
	defer hurry.Stop()
	if c.conn != nil {
		_ = c.conn.Close()
	}
	_ = c.db.Close() // nothing was asked of it any more
}
