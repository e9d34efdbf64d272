// Package gatling reads Gatling's simulation.log into the one summary: text up to 3.12, binary from 3.13.
package gatling

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load/format/digest"
)

const maxLine = 1 << 20

// Read reads a log of either form as a stream, however long it is.
func Read(in io.Reader) (*digest.Report, error) {
	buf := bufio.NewReaderSize(in, 64<<10)
	head, err := buf.Peek(1)
	if err != nil {
		return nil, errors.New("the log is empty")
	}
	r := &reader{}
	form := "text"
	if head[0] == recordRun {
		form = "binary"
		err = r.binary(buf)
	} else {
		err = r.text(buf)
	}
	if err != nil {
		return nil, err
	}
	if r.Count() == 0 {
		return nil, errors.New("the log holds no request")
	}
	out := r.Report()
	out.Title = r.simulation
	out.Source = strings.TrimSpace("Gatling "+digest.Clean(r.version)) + " log (" + form + ")"
	if r.cut {
		out.Notes = append(out.Notes, "the log ends in the middle of a record: it was cut off, the summary is of what is there")
	}
	if r.broken > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("not counted: %d records that could not be read", r.broken))
	}
	if r.errors > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("not counted: %d errors of the simulation itself, which belong to no request", r.errors))
	}
	out.Notes = append(out.Notes, "latencies are as Gatling measured them: from the instant a request was sent, so a target that stalls looks better than it is")
	return out, nil
}

type reader struct {
	digest.Builder
	simulation, version string
	broken, errors      int
	cut                 bool
}

// request counts one request; times are milliseconds since 1970.
func (r *reader) request(groups, name string, start, end int64, ok bool, message string) {
	if start <= 0 || end < start || end-start > 1e9 {
		r.broken++
		return
	}
	if groups != "" {
		name = groups + " / " + name
	}
	kind := ""
	if !ok {
		kind = digest.Cause(message)
	}
	r.Add(name, time.UnixMilli(start), time.Duration(end-start)*time.Millisecond, kind)
}

// text reads lines with tabs. Their columns differ by version, so a request is found by the two times before its status.
func (r *reader) text(in *bufio.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	known := false
	for lines.Scan() {
		cells := strings.Split(lines.Text(), "\t")
		kind := cells[0]
		if len(cells) > 2 && (cells[2] == "REQUEST" || cells[2] == "RUN" || cells[2] == "USER" || cells[2] == "GROUP") {
			kind = cells[2] // before 2.3 the kind stood third
		}
		switch kind {
		case "REQUEST":
			known = true
			r.line(cells)
		case "RUN":
			known = true
			r.run(cells)
		case "ERROR":
			r.errors++
		case "USER", "GROUP", "ASSERTION":
			known = true
		default:
			r.broken++
		}
		if !known && r.broken > 100 {
			break
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	if !known {
		return errors.New("not a Gatling log: no line begins with RUN or REQUEST")
	}
	return nil
}

func (r *reader) line(cells []string) {
	for i := 4; i < len(cells); i++ {
		if cells[i] != "OK" && cells[i] != "KO" {
			continue
		}
		start, err1 := strconv.ParseInt(cells[i-2], 10, 64)
		end, err2 := strconv.ParseInt(cells[i-1], 10, 64)
		if err1 != nil || err2 != nil || start < 1e11 {
			continue
		}
		groups, message := "", ""
		if i >= 5 {
			groups = strings.ReplaceAll(strings.TrimSpace(cells[i-4]), ",", " / ")
		}
		if i+1 < len(cells) {
			message = cells[i+1]
		}
		r.request(groups, cells[i-3], start, end, cells[i] == "OK", message)
		return
	}
	r.broken++
}

// run reads the simulation's class and, where it stands last, the version.
func (r *reader) run(cells []string) {
	for _, c := range cells {
		if c != "RUN" && c != "" {
			r.simulation = c
			break
		}
	}
	if last := strings.TrimSpace(cells[len(cells)-1]); strings.Count(last, ".") >= 1 && len(last) < 20 {
		r.version = last
	}
}
