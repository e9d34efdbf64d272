// Package ordersdb is the orders database: a primary that takes the writes and keeps a log of every committed change,
// and replicas that pull that log, apply it in order and answer reads.
package ordersdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"gameday/cmd/shop/service/order"
	"gameday/cmd/shop/service/sqldb"
)

// Bounds of a database that is written to for days. A change carries the whole row, at most three times per order, so
// that the retained log alone rebuilds every retained order on an empty replica.
const (
	keepOrders  = 50_000
	keepChanges = 3 * keepOrders
	pruneEvery  = 1_000
)

const schema = `
CREATE TABLE IF NOT EXISTS orders (
	n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL UNIQUE, customer TEXT NOT NULL,
	settled INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_customer ON orders (customer, n);
CREATE INDEX IF NOT EXISTS orders_open ON orders (n) WHERE settled = 0;
CREATE TABLE IF NOT EXISTS changes (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sold (product TEXT PRIMARY KEY, pieces INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS applied (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);
INSERT OR IGNORE INTO applied VALUES (1, 0);`

const (
	selectByID  = `SELECT body FROM orders WHERE id = ?`
	selectByKey = `SELECT body FROM orders WHERE key = ?`
)

// errNotFound means that there is no such order.
var errNotFound = errors.New("no such order")

// change is one committed change on its way to the replicas.
type change struct {
	Seq   int64       `json:"seq"`
	At    time.Time   `json:"at"`
	Order order.Order `json:"order"`
}

// store is one node's copy. The primary writes with place and settle, a replica with apply; never both.
type store struct {
	db   *sqldb.DB
	head atomic.Int64 // newest change committed here

	byID, byKey, byCustomer, open, soldAll, after *sql.Stmt

	mu      sync.Mutex
	news    chan struct{} // closed and replaced at every commit
	commits int
}

func openStore(dir, name string) (*store, error) {
	db, err := sqldb.Open(filepath.Join(dir, name+".db"), schema)
	if err != nil {
		return nil, err
	}
	s := &store{db: db, news: make(chan struct{})}
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.byID, selectByID},
		{&s.byKey, selectByKey},
		{&s.byCustomer, `SELECT body FROM orders WHERE customer = ? ORDER BY n DESC LIMIT ?`},
		{&s.open, `SELECT body FROM orders WHERE settled = 0 ORDER BY n LIMIT ?`},
		{&s.soldAll, `SELECT product, pieces FROM sold`},
		{&s.after, `SELECT seq, at, body FROM changes WHERE seq > ? ORDER BY seq LIMIT ?`},
	} {
		if *p.stmt, err = db.Read.Prepare(p.text); err != nil {
			return nil, fmt.Errorf("prepare %q: %w", p.text, errors.Join(err, db.Close()))
		}
	}
	var head, applied int64
	err = db.Read.QueryRow(`SELECT COALESCE((SELECT MAX(seq) FROM changes), 0), (SELECT seq FROM applied)`).Scan(&head, &applied)
	if err != nil {
		return nil, fmt.Errorf("read where the change log ends: %w", errors.Join(err, db.Close()))
	}
	s.head.Store(max(head, applied))
	return s, nil
}

// place stores a new order. When its key is known already, the stored order is given back and nothing is written.
func (s *store) place(ctx context.Context, o order.Order) (stored order.Order, existed bool, err error) {
	var seq int64
	err = s.db.Tx(ctx, func(tx *sql.Tx) error {
		var body string
		switch err := tx.QueryRowContext(ctx, selectByKey, o.Key).Scan(&body); {
		case err == nil:
			existed = true
			return json.Unmarshal([]byte(body), &stored)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		stored = o
		if err := upsert(ctx, tx, o, true); err != nil {
			return err
		}
		seq, err = logChange(ctx, tx, o)
		return err
	})
	if err == nil && !existed {
		s.committed(seq)
	}
	return stored, existed, err
}

// settle records what became of an order's payment and stock; "" leaves a state as it is.
func (s *store) settle(ctx context.Context, id, payment, stock string) (o order.Order, err error) {
	var seq int64
	err = s.db.Tx(ctx, func(tx *sql.Tx) error {
		var body string
		switch err := tx.QueryRowContext(ctx, selectByID, id).Scan(&body); {
		case errors.Is(err, sql.ErrNoRows):
			return errNotFound
		case err != nil:
			return err
		}
		if err := json.Unmarshal([]byte(body), &o); err != nil {
			return fmt.Errorf("decode order %s: %w", id, err)
		}
		if payment != "" {
			o.Payment = payment
		}
		if stock != "" {
			o.Stock = stock
		}
		if err := upsert(ctx, tx, o, false); err != nil {
			return err
		}
		seq, err = logChange(ctx, tx, o)
		return err
	})
	if err == nil {
		s.committed(seq)
	}
	return o, err
}

// apply takes changes from the primary, in order, all or none. Changes that were applied before change nothing.
func (s *store) apply(ctx context.Context, changes []change) error {
	head := s.head.Load()
	err := s.db.Tx(ctx, func(tx *sql.Tx) error {
		for _, c := range changes {
			if c.Seq <= head {
				continue
			}
			var n int
			err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM orders WHERE id = ?`, c.Order.ID).Scan(&n)
			if err != nil {
				return err
			}
			if err := upsert(ctx, tx, c.Order, n == 0); err != nil {
				return fmt.Errorf("apply change %d: %w", c.Seq, err)
			}
			head = c.Seq
		}
		_, err := tx.ExecContext(ctx, `UPDATE applied SET seq = ?`, head)
		return err
	})
	if err == nil {
		s.committed(head)
	}
	return err
}

func upsert(ctx context.Context, tx *sql.Tx, o order.Order, isNew bool) error {
	body, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO orders (id, key, customer, settled, body) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET settled = excluded.settled, body = excluded.body`, o.ID, o.Key, o.Customer, o.Settled(), string(body))
	if err != nil || !isNew {
		return err
	}
	for _, i := range o.Items {
		_, err := tx.ExecContext(ctx, `INSERT INTO sold VALUES (?, ?) ON CONFLICT (product) DO UPDATE SET pieces = pieces + excluded.pieces`, i.Product, i.Quantity)
		if err != nil {
			return err
		}
	}
	return nil
}

func logChange(ctx context.Context, tx *sql.Tx, o order.Order) (seq int64, err error) {
	body, err := json.Marshal(o)
	if err != nil {
		return 0, err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO changes (at, body) VALUES (?, ?)`, time.Now().UnixNano(), string(body))
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// committed wakes those who wait for changes, and now and then throws away what is too old.
func (s *store) committed(seq int64) {
	s.mu.Lock()
	if seq > s.head.Load() {
		s.head.Store(seq)
	}
	close(s.news)
	s.news = make(chan struct{})
	s.commits++
	prune := s.commits%pruneEvery == 0
	s.mu.Unlock()
	if prune {
		// A failure leaves too much, never too little, and the next round tries again.
		_, _ = s.db.Write.Exec(`DELETE FROM changes WHERE seq <= (SELECT MAX(seq) FROM changes) - ?`, keepChanges)
		_, _ = s.db.Write.Exec(`DELETE FROM orders WHERE n <= (SELECT MAX(n) FROM orders) - ?`, keepOrders)
	}
}

// changes gives what was committed after seq, at most limit, waiting up to wait for the first.
func (s *store) changes(ctx context.Context, seq int64, limit int, wait time.Duration) ([]change, error) {
	s.mu.Lock()
	news := s.news
	s.mu.Unlock()
	if s.head.Load() <= seq {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-news:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	rows, err := s.after.QueryContext(ctx, seq, limit)
	if err != nil {
		return nil, fmt.Errorf("read the change log after %d: %w", seq, err)
	}
	defer rows.Close()
	var list []change
	for rows.Next() {
		var c change
		var at int64
		var body []byte
		if err := rows.Scan(&c.Seq, &at, &body); err != nil {
			return nil, err
		}
		c.At = time.Unix(0, at)
		if err := json.Unmarshal(body, &c.Order); err != nil {
			return nil, fmt.Errorf("decode change %d: %w", c.Seq, err)
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

func one(ctx context.Context, stmt *sql.Stmt, arg string) (o order.Order, err error) {
	var body []byte
	switch err := stmt.QueryRowContext(ctx, arg).Scan(&body); {
	case errors.Is(err, sql.ErrNoRows):
		return o, errNotFound
	case err != nil:
		return o, err
	}
	return o, json.Unmarshal(body, &o)
}

func many(ctx context.Context, stmt *sql.Stmt, args ...any) ([]order.Order, error) {
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []order.Order{}
	for rows.Next() {
		var body []byte
		var o order.Order
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &o); err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return list, rows.Err()
}

func (s *store) sold(ctx context.Context) (map[string]int64, error) {
	rows, err := s.soldAll.QueryContext(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	m := map[string]int64{}
	for rows.Next() {
		var product string
		var pieces int64
		if err := rows.Scan(&product, &pieces); err != nil {
			return nil, err
		}
		m[product] = pieces
	}
	return m, rows.Err()
}
