// Package feed supplies load plans with data: rows of a file, or values that are made, as variables of requests.
//
// A row depends on its number and the seed alone, so that a run repeats what it asked for, and so that parts of a run on
// several machines take different rows without talking to each other.
package feed

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sort"
	"strconv"
	"strings"
)

// MaxBytes is the most a feed's file may hold: rows are kept in memory.
const MaxBytes = 256 << 20

// Config is one feed of a plan.
type Config struct {
	File      string   `yaml:"file" doc:"CSV or JSON lines; a path beside the plan."`
	Format    string   `yaml:"format" enum:"csv,jsonl" doc:"Default: by the file's name."`
	Delimiter string   `yaml:"delimiter" doc:"Of CSV: one character, or tab. Default: a comma."`
	Columns   []string `yaml:"columns" doc:"Names of the columns, where the file's first line does not hold them."`
	SkipFirst bool     `yaml:"skipFirst" doc:"Of CSV with columns: the file's first line holds names all the same, and is left out."`
	Plain     bool     `yaml:"plain" doc:"Of CSV: quotes mean nothing; a value is what stands between two delimiters."`
	Prefix    string   `yaml:"prefix" doc:"Stands before every column's name: prefix user. makes {{user.email}}."`
	Order     string   `yaml:"order" enum:"sequential,random,shuffled" doc:"Which row an iteration gets: the next, any, or each once in a random order. Default sequential."`
	AtEnd     string   `yaml:"atEnd" enum:"restart,stop" doc:"After the last row: begin again, or start no more iterations. Default restart."`
	Per       string   `yaml:"per" enum:"iteration,user" doc:"A new row for each iteration, or one for each user. Default iteration."`
	Rows      []Row    `yaml:"rows" doc:"Rows in the plan itself, instead of a file."`
}

// Row is a row in a plan: a value for each column.
type Row map[string]string

// Feed is rows of values. It is immutable and safe for concurrent use.
type Feed struct {
	config  Config
	columns []string
	rows    [][][]byte
	seed    uint64
	order   []uint32 // of shuffled
}

// Open reads a feed. read gets a file's content by the name in the configuration.
func Open(c Config, seed uint64, read func(name string) (io.ReadCloser, error)) (*Feed, error) {
	f := &Feed{config: c, seed: seed}
	var err error
	switch {
	case c.File != "" && len(c.Rows) > 0:
		return nil, errors.New("give a file or rows, not both")
	case c.File != "":
		err = f.file(read)
	case len(c.Rows) > 0:
		err = f.inline()
	default:
		return nil, errors.New("give a file, or rows")
	}
	if err != nil {
		return nil, err
	}
	if len(f.rows) == 0 {
		return nil, fmt.Errorf("%s holds no row", c.File)
	}
	for i := range f.columns {
		f.columns[i] = c.Prefix + f.columns[i]
	}
	if c.Order == "shuffled" {
		f.order = make([]uint32, len(f.rows))
		for i, n := range rand.New(rand.NewPCG(seed, shuffleStream)).Perm(len(f.rows)) {
			f.order[i] = uint32(n)
		}
	}
	return f, nil
}

const (
	shuffleStream = 0x73687566666c65
	randomStream  = 0x72616e646f6d
)

// OpenFile reads a plain file of at most MaxBytes.
func OpenFile(name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open feed: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("open feed: %s is no plain file", name)
	case info.Size() > MaxBytes:
		err = fmt.Errorf("open feed: %s has %d bytes, more than the %d that are kept in memory", name, info.Size(), MaxBytes)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Columns are the names of the variables, in the order of a row's values.
func (f *Feed) Columns() []string { return f.columns }

// Len is the number of rows.
func (f *Feed) Len() int { return len(f.rows) }

// PerUser reports whether a user keeps its row.
func (f *Feed) PerUser() bool { return f.config.Per == "user" }

// Row is the row of the nth iteration or user; nil when there is none left. It must not be changed.
func (f *Feed) Row(n uint64) [][]byte {
	size := uint64(len(f.rows))
	if f.config.AtEnd == "stop" && n >= size {
		return nil
	}
	switch f.config.Order {
	case "random":
		var source rand.PCG
		source.Seed(f.seed^n, randomStream)
		return f.rows[rand.New(&source).Uint64N(size)]
	case "shuffled":
		return f.rows[f.order[n%size]]
	}
	return f.rows[n%size]
}

func (f *Feed) file(read func(string) (io.ReadCloser, error)) (err error) {
	r, err := read(f.config.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	in := bufio.NewReader(io.LimitReader(r, MaxBytes+1))
	if bom, _ := in.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3) // has just been peeked
	}
	format := f.config.Format
	if format == "" && (strings.HasSuffix(f.config.File, ".jsonl") || strings.HasSuffix(f.config.File, ".ndjson")) {
		format = "jsonl"
	}
	if format == "jsonl" {
		return f.jsonLines(in)
	}
	return f.csv(in)
}

func (f *Feed) csv(in io.Reader) error {
	if f.config.Plain {
		return f.plain(in)
	}
	r := csv.NewReader(in)
	switch d := []rune(f.config.Delimiter); {
	case f.config.Delimiter == "tab", f.config.Delimiter == `\t`:
		r.Comma = '\t'
	case len(d) == 1:
		r.Comma = d[0]
	case len(d) > 1:
		return fmt.Errorf("delimiter %q is not one character", f.config.Delimiter)
	}
	f.columns = append([]string(nil), f.config.Columns...)
	if len(f.columns) == 0 {
		first, err := r.Read()
		if err != nil {
			return fmt.Errorf("read the columns' names in the first line of %s: %w", f.config.File, err)
		}
		for _, name := range first {
			f.columns = append(f.columns, strings.TrimSpace(name))
		}
	}
	r.FieldsPerRecord = len(f.columns)
	if f.config.SkipFirst && len(f.config.Columns) > 0 {
		r.FieldsPerRecord = 0
		if _, err := r.Read(); err != nil {
			return fmt.Errorf("skip the first line of %s: %w", f.config.File, err)
		}
		r.FieldsPerRecord = len(f.columns)
	}
	for {
		record, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", f.config.File, err)
		}
		row := make([][]byte, len(record))
		for i, v := range record {
			row[i] = []byte(v)
		}
		f.rows = append(f.rows, row)
	}
}

// plain reads lines whose values are told apart by the delimiter and nothing else.
func (f *Feed) plain(in io.Reader) error {
	delimiter := f.config.Delimiter
	switch delimiter {
	case "":
		delimiter = ","
	case "tab", `\t`:
		delimiter = "\t"
	}
	f.columns = append([]string(nil), f.config.Columns...)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, MaxBytes)
	for n := 1; lines.Scan(); n++ {
		cells := strings.Split(strings.TrimSuffix(lines.Text(), "\r"), delimiter)
		switch {
		case n == 1 && len(f.columns) == 0:
			for _, name := range cells {
				f.columns = append(f.columns, strings.TrimSpace(name))
			}
			continue
		case n == 1 && f.config.SkipFirst, len(cells) == 1 && cells[0] == "":
			continue
		case len(cells) != len(f.columns):
			return fmt.Errorf("read %s: line %d has %d values, and there are %d columns", f.config.File, n, len(cells), len(f.columns))
		}
		row := make([][]byte, len(cells))
		for i, v := range cells {
			row[i] = []byte(v)
		}
		f.rows = append(f.rows, row)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", f.config.File, err)
	}
	return nil
}

func (f *Feed) jsonLines(in io.Reader) error {
	dec := json.NewDecoder(in)
	dec.UseNumber()
	var all []map[string]any
	for line := 1; ; line++ {
		var one map[string]any
		if err := dec.Decode(&one); err == io.EOF {
			break
		} else if err != nil {
			return fmt.Errorf("read %s: object %d: %w", f.config.File, line, err)
		}
		all = append(all, one)
	}
	names := map[string]bool{}
	for _, one := range all {
		for k := range one {
			names[k] = true
		}
	}
	f.columns = append([]string(nil), f.config.Columns...)
	if len(f.columns) == 0 {
		for k := range names {
			f.columns = append(f.columns, k)
		}
		sort.Strings(f.columns)
	}
	for i, one := range all {
		row := make([][]byte, len(f.columns))
		for c, name := range f.columns {
			v, ok := one[name]
			if !ok {
				return fmt.Errorf("read %s: object %d has no %q", f.config.File, i+1, name)
			}
			row[c] = jsonValue(v)
		}
		f.rows = append(f.rows, row)
	}
	return nil
}

func jsonValue(v any) []byte {
	switch v := v.(type) {
	case string:
		return []byte(v)
	case json.Number:
		return []byte(v.String())
	case bool:
		return strconv.AppendBool(nil, v)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return nil // what was decoded can be encoded
	}
	return out
}

func (f *Feed) inline() error {
	for name := range f.config.Rows[0] {
		f.columns = append(f.columns, name)
	}
	sort.Strings(f.columns)
	for i, r := range f.config.Rows {
		row := make([][]byte, len(f.columns))
		for c, name := range f.columns {
			v, ok := r[name]
			if !ok || len(r) != len(f.columns) {
				return fmt.Errorf("rows[%d] does not have the same columns as the first: %s", i, strings.Join(f.columns, ", "))
			}
			row[c] = []byte(v)
		}
		f.rows = append(f.rows, row)
	}
	return nil
}
