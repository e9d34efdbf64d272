// Package sqldb opens the SQLite files of the shop: write-ahead log, so that kill -9 loses nothing that was committed
// and readers never wait for the writer.
package sqldb

import (
	"context"
	"database/sql"
	"fmt"

	_ "modernc.org/sqlite" // the driver

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

const options = "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=cache_size(-1024)&_txlock=immediate"

// DB is one file, with one connection that writes and a few that read.
type DB struct {
	Write *sql.DB
	Read  *sql.DB
}

// Open opens or makes the file and applies schema, which must be repeatable (CREATE ... IF NOT EXISTS).
func Open(path, schema string) (*DB, error) {
	w, err := sql.Open("sqlite", "file:"+path+options)
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	w.SetMaxOpenConns(1)
	if _, err := w.Exec(schema); err != nil {
		return nil, fmt.Errorf("prepare the database %s: %w", path, closing(err, w))
	}
	r, err := sql.Open("sqlite", "file:"+path+options+"&_pragma=query_only(1)")
	if err != nil {
		return nil, fmt.Errorf("open the database %s for reading: %w", path, closing(err, w))
	}
	r.SetMaxOpenConns(4)
	r.SetMaxIdleConns(4)
	return &DB{Write: w, Read: r}, nil
}

func closing(err error, db *sql.DB) error {
	_ = db.Close() // the error that brought us here says more
	return err
}

// Close closes both.
func (d *DB) Close() error {
	rerr := d.Read.Close()
	if err := d.Write.Close(); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return rerr
}

// Tx runs f in one transaction and commits unless f fails.
func (d *DB) Tx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.Write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it has nothing to do
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Traced runs one statement or transaction within a span of its own ("INSERT orders").
func Traced(ctx context.Context, tracer trace.Tracer, name string, f func(context.Context) error) error {
	ctx, span := tracer.Start(ctx, name, trace.WithAttributes(attribute.String("db.system.name", "sqlite")))
	defer span.End()
	err := f(ctx)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	return err
}
