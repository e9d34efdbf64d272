package client

import (
	"cmp"
	"context"
	"errors"
	"gameday/sources/jsonstream"
)

// ReadJSON sends a request and has take walk through the answer as it arrives. What take took before an error stays its
// caller's; the error is a whole sentence, with the address in it. An answer cut off by Config.MaxBytes is ErrTruncated.
func (c *Client) ReadJSON(ctx context.Context, r Request, limits jsonstream.Limits, take func(*jsonstream.Reader) error) error {
	body, _, err := c.Do(ctx, r)
	if err != nil {
		return err
	}
	defer body.Close() // it was only read
	return c.Explain(r, take(jsonstream.NewReader(body, limits)))
}

// List is a question whose answer is one JSON list, such as that for all alerts.
type List[T any] struct {
	Request Request
	What    string           // what it is a list of and of whom, for the error about an answer that is none
	Most    int              // how many are kept
	Keep    func(one T) bool // takes one, and says whether it counts
}

// ReadList asks and has q.Keep take what comes. more is true when there is something that was not kept: beyond q.Most, cut off
// by Config.MaxBytes, too large by itself, or a text in it shortened to 8 KiB. What was kept before an error is good.
func ReadList[T any](ctx context.Context, c *Client, q List[T]) (more bool, err error) {
	kept := 0
	err = c.ReadJSON(ctx, q.Request, jsonstream.Limits{Text: 8 << 10}, func(in *jsonstream.Reader) error {
		if kind, err := in.Kind(); err != nil || kind != '[' {
			return cmp.Or(err, errors.New("the answer is no list of "+q.What))
		}
		err := in.Array(func() error {
			if kept == q.Most {
				return ErrTruncated
			}
			var one T
			err := in.Decode(&one)
			if errors.Is(err, jsonstream.ErrTooLarge) {
				more = true
				return nil
			}
			if err == nil && q.Keep(one) {
				kept++
			}
			return err
		})
		more = more || in.Cut()
		return err
	})
	if errors.Is(err, ErrTruncated) {
		return true, nil
	}
	return more, err
}
