package sql

import (
	"database/sql"
	"encoding/json"
	"unicode/utf8"
)

// rows reads the rows of one request. Their bytes are counted; when some are to be kept, they are kept as a JSON list
// with a map for each row, of as many whole rows as there is room for.
type rows struct {
	bytes  int64 // of the rows of the last read, as the driver shows them
	keep   int
	raw    []sql.RawBytes
	values []any
	into   []any // pointers to either
	kept   []byte
	full   bool
}

// begin forgets the request before.
func (r *rows) begin(keep int) {
	r.keep, r.full = keep, false
	r.kept = r.kept[:0]
}

// read reads all rows, of all results when there are several, and closes them.
func (r *rows) read(found *sql.Rows) (n int64, err error) {
	defer func() {
		if fault := found.Close(); err == nil {
			err = fault
		}
	}()
	r.bytes = 0
	for more := true; more; more = found.NextResultSet() {
		columns, err := found.Columns()
		if err != nil {
			return n, err
		}
		r.aim(len(columns))
		for found.Next() {
			if err := found.Scan(r.into...); err != nil {
				return n, err
			}
			n++
			r.count(columns)
		}
		if err := found.Err(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// aim makes room for a row's values.
func (r *rows) aim(columns int) {
	r.into = r.into[:0]
	if r.keep == 0 {
		if len(r.raw) < columns {
			r.raw = make([]sql.RawBytes, columns)
		}
		for i := range columns {
			r.into = append(r.into, &r.raw[i])
		}
		return
	}
	if len(r.values) < columns {
		r.values = make([]any, columns)
	}
	for i := range columns {
		r.into = append(r.into, &r.values[i])
	}
}

func (r *rows) count(columns []string) {
	if r.keep == 0 {
		for i := range columns {
			r.bytes += int64(len(r.raw[i]))
		}
		return
	}
	row := make(map[string]any, len(columns))
	for i, name := range columns {
		switch v := r.values[i].(type) {
		case nil:
		case []byte:
			r.bytes += int64(len(v))
			if utf8.Valid(v) {
				row[name] = string(v)
				continue
			}
		case string:
			r.bytes += int64(len(v))
		default:
			r.bytes += 8
		}
		row[name] = r.values[i]
	}
	if !r.full {
		r.show(row)
	}
}

func (r *rows) show(row map[string]any) {
	text, err := json.Marshal(row)
	if err != nil || len(r.kept)+len(text)+len("[]") > r.keep { // not a number, such as NaN, cannot be shown
		r.full = true
		return
	}
	r.kept = append(append(r.kept, ','), text...)
}

// finish is what was kept.
func (r *rows) finish() []byte {
	if len(r.kept) == 0 {
		return append(r.kept, "[]"...)
	}
	r.kept[0] = '['
	return append(r.kept, ']')
}
