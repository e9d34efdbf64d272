// Package jtl reads JMeter's results, CSV by its header row and XML, into the one summary.
package jtl

import (
	"bufio"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load/format/digest"
	"gameday/engine/load/protocol"
)

const (
	maxLine  = 1 << 20
	maxDepth = 64
)

// Read reads results of either form as a stream, however long they are.
func Read(in io.Reader) (*digest.Report, error) {
	buf := bufio.NewReaderSize(in, 64<<10)
	head, err := buf.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read results: %w", err)
	}
	text := strings.TrimLeft(strings.TrimPrefix(string(head), "\ufeff"), " \t\r\n")
	r := &reader{}
	form := "CSV"
	if strings.HasPrefix(text, "<") {
		form = "XML"
		err = r.xml(buf)
	} else {
		err = r.csv(buf)
	}
	if err != nil {
		return nil, err
	}
	if r.Count() == 0 {
		return nil, errors.New("the results hold no sample")
	}
	out := r.Report()
	out.Source = "JMeter results (" + form + ")"
	out.Notes = append(out.Notes, r.notes()...)
	if r.ours {
		out.Source = "gameday's requests in JMeter's form (" + form + ")"
		out.Notes = append(out.Notes, "latencies count from when a request was due, to the millisecond")
		return out, nil
	}
	out.Notes = append(out.Notes, "latencies are as JMeter measured them: from the instant a request was sent, so a target that stalls looks better than it is")
	return out, nil
}

// reader counts samples of either form.
type reader struct {
	digest.Builder
	transactions, nested, broken int

	ours bool // gameday wrote them
}

func (r *reader) notes() (out []string) {
	for _, n := range []struct {
		count int
		what  string
	}{
		{r.transactions, "not counted: %d samples of transaction controllers, whose requests are"},
		{r.nested, "not counted: %d samples within others (redirects, embedded resources)"},
		{r.broken, "not counted: %d rows that could not be read"},
	} {
		if n.count > 0 {
			out = append(out, fmt.Sprintf(n.what, n.count))
		}
	}
	return out
}

// sample is one row, whatever form it had.
type sample struct{ at, elapsed, label, code, message, success, failure string }

func (r *reader) add(s sample) {
	elapsed, err := strconv.ParseInt(s.elapsed, 10, 64)
	if err != nil || elapsed < 0 || elapsed > 1e12 {
		r.broken++
		return
	}
	if strings.HasPrefix(s.message, "Number of samples in transaction") {
		r.transactions++
		return
	}
	kind := ""
	if !strings.EqualFold(s.success, "true") {
		kind = failure(s)
	}
	r.Add(s.label, instant(s.at), time.Duration(elapsed)*time.Millisecond, kind)
}

// failure is how a sample failed.
func failure(s sample) string {
	if code, err := strconv.Atoi(s.code); err == nil {
		if code >= 400 {
			return digest.Status(code)
		}
		return protocol.CheckFailed.String()
	}
	if kind := strings.TrimPrefix(s.code, noCode); kind != s.code && ours(kind) {
		return kind
	}
	if s.code != "" {
		return digest.Cause(s.code + " " + s.message)
	}
	return digest.Cause(s.failure)
}

// ours reports whether it is gameday's own name for a kind of failure.
func ours(kind string) bool {
	for k := range protocol.Kind(protocol.Kinds) {
		if k.Failed() && k.String() == kind {
			return true
		}
	}
	return false
}

// instant reads a time stamp: milliseconds, or one of the forms JMeter can be told to write.
func instant(s string) time.Time {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		if ms <= 0 || ms > 1e14 {
			return time.Time{}
		}
		return time.UnixMilli(ms)
	}
	for _, layout := range []string{"2006/01/02 15:04:05.000", "2006-01-02 15:04:05.000", "2006/01/02 15:04:05", "2006-01-02T15:04:05.000Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}

// csv reads rows by what the header calls their columns.
func (r *reader) csv(in *bufio.Reader) error {
	first, err := headerLine(in)
	if err != nil {
		return err
	}
	comma := separator(first)
	columns := map[string]int{}
	for i, name := range strings.Split(first, string(comma)) {
		columns[strings.Trim(strings.TrimSpace(name), `"`)] = i
	}
	for _, need := range []string{"elapsed", "label", "success"} {
		if _, ok := columns[need]; !ok {
			return fmt.Errorf("the first row is no header with %s: set jmeter.save.saveservice.print_field_names=true", need)
		}
	}
	_, r.ours = columns[columnService]
	rows := csv.NewReader(in)
	rows.Comma, rows.LazyQuotes, rows.FieldsPerRecord, rows.ReuseRecord = comma, true, -1, true
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			r.broken++
			continue
		}
		if err != nil {
			return fmt.Errorf("read results: %w", err)
		}
		get := func(name string) string {
			if i, ok := columns[name]; ok && i < len(row) {
				return row[i]
			}
			return ""
		}
		if get("elapsed") == "elapsed" { // results of several runs put together
			continue
		}
		r.add(sample{
			at: get("timeStamp"), elapsed: get("elapsed"), label: get("label"), code: get("responseCode"),
			message: get("responseMessage"), success: get("success"), failure: get("failureMessage"),
		})
	}
}

func headerLine(in *bufio.Reader) (string, error) {
	var b strings.Builder
	for b.Len() < maxLine {
		part, more, err := in.ReadLine()
		b.Write(part)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read results: %w", err)
		}
		if err != nil || !more {
			return strings.TrimPrefix(b.String(), "\ufeff"), nil
		}
	}
	return "", errors.New("the first row is longer than 1 MiB: these are no JMeter results")
}

// separator is what the header's names stand between.
func separator(header string) rune {
	best, most := ',', 0
	for _, c := range ",;\t|" {
		if n := strings.Count(header, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

// xml reads <testResults>; samples within samples are parts of them.
func (r *reader) xml(in io.Reader) error {
	dec := xml.NewDecoder(in)
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	depth := 0
	for {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if r.Count() > 0 { // cut off: JMeter writes the end only when it ends
				r.broken++
				return nil
			}
			return fmt.Errorf("not JMeter results: %w", err)
		}
		switch t := tok.(type) {
		case xml.Directive:
			return errors.New("a document type (<!DOCTYPE, <!ENTITY) is refused: JMeter writes none")
		case xml.EndElement:
			depth--
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return fmt.Errorf("the results are nested deeper than %d", maxDepth)
			}
			if depth == 1 && t.Name.Local != "testResults" {
				return errors.New("not JMeter results: it does not begin with <testResults>")
			}
			r.element(t, depth)
		}
	}
}

func (r *reader) element(t xml.StartElement, depth int) {
	if t.Name.Local != "httpSample" && t.Name.Local != "sample" {
		return
	}
	if depth > 2 {
		r.nested++
		return
	}
	get := map[string]string{}
	for _, a := range t.Attr {
		get[a.Name.Local] = a.Value
	}
	if _, own := get[columnTrace]; own {
		r.ours = true
	}
	r.add(sample{at: get["ts"], elapsed: get["t"], label: get["lb"], code: get["rc"], message: get["rm"], success: get["s"]})
}
