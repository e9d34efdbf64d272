// Package driver says what a back-end implements to be a source of signals. It holds no code of its own: supervision,
// back-off and health belong to package sources, memory to package store.
package driver

import (
	"context"

	"gameday/sources/signal"
)

// Driver pushes what is new until ctx ends. It does not retry, sleep between failures or log: its supervisor does.
// It returns nil when ctx ended, and otherwise an error that says what was attempted, with which address.
// emit may block (back-pressure) and takes ownership of the batch. Signals are emitted as they came: the supervisor
// sends them through the sanitiser.
type Driver interface {
	Run(ctx context.Context, emit func(signal.Batch)) error
}

// Query asks a back-end for the past.
type Query struct {
	Window signal.Window
	ID     signal.CorrelationID // "" for everything
	Text   string               // in the back-end's own language
	Limit  int
}

// Querier answers for the past. Implementing it is optional.
type Querier interface {
	Query(ctx context.Context, q Query) (signal.Batch, error)
}
