// Package journald reads systemd's journal through journalctl, which knows every format and permission of it; linking
// libsystemd would need cgo. The fields are those of systemd.journal-fields(7).
package journald

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/logline"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// Bounds.
const (
	maxEntry     = 1 << 20 // bytes of one entry; a longer one is left out and counted by journalctl's own
	maxBatch     = 500
	flushEvery   = 50 * time.Millisecond
	defaultLimit = 1000
	stopWithin   = 2 * time.Second
)

// Options are what a configuration may say of the journal.
type Options struct {
	Units   []string       `yaml:"units" doc:"Only these units, such as nginx.service; may hold *. Default: all."`
	Tail    *int           `yaml:"tail" doc:"How many entries of the past are read at the start. Default 1000."`
	Format  logline.Format `yaml:"format" doc:"How messages are to be read. Default: auto."`
	Program string         `yaml:"program" doc:"Path of journalctl. Default: the one on the PATH."`
}

// Driver reads one journal.
type Driver struct {
	dir    string // "" is this machine's own
	opt    Options
	tail   int
	parser logline.Parser
}

// Kind is the journal as a source of a configuration.
func Kind() driver.Kind {
	return driver.Kind{Name: "journald", Help: "systemd's journal of this machine, or the files of one in a directory.", Signals: []string{"logs"},
		Usual: "local", Schema: &Options{}, Open: open}
}

func open(s driver.Settings) (driver.Driver, error) {
	d := &Driver{tail: defaultLimit, parser: logline.Parser{Rename: s.Rename}}
	if s.Options != nil {
		s.Options.Decode(&d.opt)
		if s.Options.Err() != nil {
			return nil, errors.New("options are wrong") // they are reported where they stand
		}
	}
	d.parser.Format = d.opt.Format
	if d.opt.Tail != nil {
		d.tail = max(*d.opt.Tail, 0)
	}
	switch {
	case s.Address == "local":
	case filepath.IsAbs(s.Address):
		d.dir = s.Address
	default:
		return nil, fmt.Errorf("address: %q is neither local nor an absolute path of a directory with journal files", s.Address)
	}
	return d, nil
}

// command is journalctl with arguments of ours before the given ones. Its output is JSON, an entry a line.
func (d *Driver) command(ctx context.Context, args ...string) *exec.Cmd {
	program := d.opt.Program
	if program == "" {
		program = "journalctl"
	}
	all := []string{"--output=json", "--quiet", "--no-pager", "--all"}
	if d.dir != "" {
		all = append(all, "--directory="+d.dir)
	}
	for _, u := range d.opt.Units {
		all = append(all, "--unit="+u)
	}
	cmd := exec.CommandContext(ctx, program, append(all, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopWithin
	return cmd
}

// Run follows the journal until ctx ends.
func (d *Driver) Run(ctx context.Context, emit func(signal.Batch)) error {
	records := make(chan signal.Record, maxBatch)
	ended := make(chan error, 1)
	go func() {
		err := d.entries(ctx, func(r signal.Record) bool {
			select {
			case records <- r:
				return true
			case <-ctx.Done():
				return false
			}
		}, "--follow", "--lines="+strconv.Itoa(d.tail))
		close(records)
		ended <- err
	}()
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	var b signal.Batch
	flush := func() {
		if len(b.Logs) > 0 {
			emit(b)
			b = signal.Batch{}
		}
	}
	for {
		select {
		case r, ok := <-records:
			if !ok {
				err := <-ended
				if ctx.Err() != nil {
					return nil
				}
				flush()
				return err
			}
			if b.Logs = append(b.Logs, r); len(b.Logs) >= maxBatch {
				flush()
			}
		case <-tick.C:
			flush()
		}
	}
}

// entries runs journalctl and hands out its entries until it ends or take returns false.
func (d *Driver) entries(ctx context.Context, take func(signal.Record) bool, args ...string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := d.command(ctx, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	var said limited
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("read the journal: %w", errors.Join(err, hint(err)))
	}
	lines := bufio.NewReaderSize(out, 64<<10)
	for {
		line, err := readEntry(lines)
		if err != nil {
			break // the end; why, journalctl's own end tells
		}
		if r, ok := d.record(line); ok && !take(r) {
			break
		}
	}
	stopped := ctx.Err() != nil
	cancel()
	err = cmd.Wait()
	if stopped {
		return nil
	}
	if msg := strings.TrimSpace(said.String()); msg != "" && err != nil {
		return fmt.Errorf("read the journal of %s: journalctl: %s", d.address(), sanitize.Line(strings.ReplaceAll(msg, "\n", "; "), 300))
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("read the journal of %s: %w", d.address(), err)
	}
	return nil
}

func hint(err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return errors.New("this machine has no journalctl, or not on the PATH (options.program)")
	}
	return nil
}

func (d *Driver) address() string {
	if d.dir == "" {
		return "local"
	}
	return d.dir
}

// readEntry reads one line; what is longer than maxEntry is passed over and comes back empty.
func readEntry(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, more, err := r.ReadLine()
		if err != nil {
			return nil, err
		}
		if len(line)+len(part) <= maxEntry {
			line = append(line, part...)
		} else {
			for more && err == nil {
				_, more, err = r.ReadLine()
			}
			return nil, err
		}
		if !more {
			return line, nil
		}
	}
}

// limited keeps the beginning of what is written to it.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := 4096 - l.Len(); room > 0 {
		l.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// text is a field's value: a string, null when it was too long, or an array of bytes when it is not UTF-8; several values
// of one field are an array of those, of which the first counts.
type text string

// UnmarshalJSON reads any of the shapes.
func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(s)
		return nil
	}
	var raw []int
	if json.Unmarshal(data, &raw) == nil {
		b := make([]byte, len(raw))
		for i, n := range raw {
			b[i] = byte(n)
		}
		*t = text(b)
		return nil
	}
	var several []text
	if json.Unmarshal(data, &several) == nil && len(several) > 0 {
		*t = several[0]
	}
	return nil
}

// record makes a record of an entry. The message may itself be JSON or logfmt.
func (d *Driver) record(line []byte) (signal.Record, bool) {
	if len(line) == 0 {
		return signal.Record{}, false
	}
	var e map[string]text
	if json.Unmarshal(line, &e) != nil {
		return signal.Record{}, false
	}
	at := time.Now()
	for _, key := range []string{"_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"} {
		if us, err := strconv.ParseInt(string(e[key]), 10, 64); err == nil {
			at = time.UnixMicro(us)
			break
		}
	}
	r, _ := d.parser.Parse(string(e["MESSAGE"]), at)
	if r.Severity == signal.SeverityUnset {
		r.Severity = priority(string(e["PRIORITY"]))
	}
	if r.Service == "" {
		for _, key := range []string{"SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT", "_COMM", "CONTAINER_NAME"} {
			if v := strings.TrimSuffix(string(e[key]), ".service"); v != "" {
				r.Service = v
				break
			}
		}
	}
	for _, f := range [...][2]string{{"_SYSTEMD_UNIT", "unit"}, {"_HOSTNAME", "host.name"}, {"_PID", "process.pid"}, {"_COMM", "process.command"}, {"_TRANSPORT", "transport"},
		{"CONTAINER_NAME", "container.name"}, {"CODE_FILE", "code.file"}, {"CODE_LINE", "code.line"}, {"TRACE_ID", "trace_id"}, {"SPAN_ID", "span_id"}, {"REQUEST_ID", "request_id"}} {
		if v := string(e[f[0]]); v != "" {
			r.Attrs = append(r.Attrs, signal.Attr{Key: f[1], Value: v})
		}
	}
	if id, span, ok := signal.ParseTraceField("trace_id", string(e["TRACE_ID"])); ok && r.TraceID.IsZero() {
		r.TraceID, r.SpanID = id, span
	}
	return r, true
}

// priority is a level of syslog, 0 (emergency) to 7 (debug).
func priority(s string) signal.Severity {
	switch s {
	case "0", "1", "2":
		return signal.SeverityFatal
	case "3":
		return signal.SeverityError
	case "4":
		return signal.SeverityWarn
	case "5", "6":
		return signal.SeverityInfo
	case "7":
		return signal.SeverityDebug
	}
	return signal.SeverityUnset
}

// Query searches the journal of a window, or of the last day for an ID without one, for entries that hold an ID in any of
// its forms, or a text.
func (d *Driver) Query(ctx context.Context, q driver.Query) (driver.Answer, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	w := q.Window
	if w.To.IsZero() {
		w = signal.Window{From: time.Now().Add(-24 * time.Hour), To: time.Now().Add(time.Minute)}
	}
	var words []string
	if id, ok := q.ID.TraceID(); ok {
		words = id.Forms()
	} else if q.ID != "" {
		words = []string{string(q.ID)}
	}
	if q.Text != "" {
		words = append(words, q.Text)
	}
	stamp := func(t time.Time) string { return "@" + strconv.FormatInt(t.Unix(), 10) }
	var a driver.Answer
	err := d.entries(ctx, func(r signal.Record) bool {
		if w.Contains(r.Time) && holds(r, words) {
			if len(a.Logs) >= limit { // they come newest first
				a.Truncated = true
				return false
			}
			a.Logs = append(a.Logs, r)
		}
		return true
	}, "--reverse", "--since="+stamp(w.From), "--until="+stamp(w.To.Add(time.Second)))
	if err != nil {
		return driver.Answer{}, err
	}
	if ctx.Err() != nil {
		return a, fmt.Errorf("search the journal of %s: %w", d.address(), ctx.Err())
	}
	for i, j := 0, len(a.Logs)-1; i < j; i, j = i+1, j-1 {
		a.Logs[i], a.Logs[j] = a.Logs[j], a.Logs[i]
	}
	return a, nil
}

func holds(r signal.Record, words []string) bool {
	if len(words) == 0 {
		return true
	}
	for _, w := range words {
		if strings.Contains(r.Body, w) || r.TraceID.String() == w {
			return true
		}
		for _, at := range r.Attrs {
			if strings.Contains(at.Value, w) {
				return true
			}
		}
	}
	return false
}

// checked is how many of the last entries the doctor looks at.
const checked = 200

// Check says for the doctor whether there is a journal, whether gameday may read it, and whether its lines carry trace IDs.
func (d *Driver) Check(ctx context.Context) []driver.Finding {
	n := 0
	var lines examine.Lines
	err := d.entries(ctx, func(r signal.Record) bool { n++; lines.Add(r); return true }, "--lines="+strconv.Itoa(checked))
	switch {
	case err != nil:
		return []driver.Finding{{Name: "reachable", State: driver.FindingBad, Says: err.Error()}}
	case n == 0:
		return []driver.Finding{{Name: "reachable", State: driver.FindingPoor, Says: "journalctl shows no entry of the journal of " + d.address(),
			Advice: "let gameday's user read it (group systemd-journal), or look whether journald keeps one"}}
	}
	return []driver.Finding{{Name: "reachable", State: driver.FindingGood, Says: "journalctl reads the journal of " + d.address()}, lines.Finding()}
}
