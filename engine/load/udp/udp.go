package udp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gameday/engine/load/dial"
	"gameday/engine/load/payload"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// A burst all at once is sent in groups, between which answers are taken: a socket's buffer holds some two hundred, and
// what does not fit would be counted as lost by the target.
const (
	group  = 32
	breath = 200 * time.Microsecond
)

// Protocol is the datagrams of one plan to one target.
type Protocol struct {
	dialer dial.Dialer
	steps  []*burst
}

// burst is a step that is ready to be made.
type burst struct {
	send      numbered
	count     int
	interval  time.Duration
	sendOnly  bool
	sequence  sequence
	allowLost int
	maxBytes  int
	check     *payload.Check
	timeout   time.Duration
	keepBytes int
}

// New prepares for a target such as "udp://127.0.0.1:7000".
func New(target string, _ protocol.Options) (*Protocol, error) {
	address, err := dial.Parse(target, map[string]string{"udp": ""})
	if err != nil {
		return nil, err
	}
	if err := address.Bare(); err != nil {
		return nil, err
	}
	return &Protocol{dialer: dial.Dialer{Network: "udp", Address: address}}, nil
}

// Extras are the datagrams that were not answered in time, the answers to datagrams of steps that had ended by then, the
// answers that came more than once, and those that overtook another (RFC 4737).
func (p *Protocol) Extras() []protocol.Extra {
	return []protocol.Extra{{Name: "lost"}, {Name: "late"}, {Name: "duplicates"}, {Name: "reordered"}}
}

// Prepare checks a step and returns its handle.
func (p *Protocol) Prepare(s protocol.Step, c *Datagrams) (int, error) {
	err := dial.Check(s, c.Validate)
	b := &burst{
		count: max(c.Count, 1), interval: c.Interval, sendOnly: c.SendOnly, allowLost: c.AllowLost, maxBytes: c.MaxBytes,
		timeout: s.Timeout, keepBytes: s.Keep,
	}
	if b.maxBytes == 0 {
		b.maxBytes = defaultMaxBytes
	}
	if last := time.Duration(b.count-1) * b.interval; err == nil && last >= s.Timeout {
		err = fmt.Errorf("interval: the last of %d datagrams would be sent after %v, when the step's timeout of %v is over", b.count, last, s.Timeout)
	}
	if err == nil {
		b.send, err = compileNumbered(c.Send, s.Names)
	}
	if err == nil {
		b.sequence, err = c.Sequence.compile()
	}
	if err == nil {
		b.check, err = c.Expect.Compile()
	}
	if err != nil {
		return 0, fmt.Errorf("prepare datagrams %q: %w", s.Name, err)
	}
	p.steps = append(p.steps, b)
	return len(p.steps) - 1, nil
}

// NewClient makes the client of one worker, which has a socket of its own.
func (p *Protocol) NewClient(ctx context.Context, epoch time.Time) protocol.Client {
	return &Client{proto: p, link: p.dialer.Link(ctx, epoch)}
}

// Client is one worker's socket.
type Client struct {
	proto *Protocol
	link  *dial.Link
	tally tally
	out   []byte // the datagrams of the step, one after the other
	ends  []int  // where each ends
	sent  int    // how many have been sent
	in    []byte
	kept  []byte

	owed   bool  // the socket may still get answers that cannot be told from the next step's
	broken error // the first answer of the step that is not what it should be
	wrong  error // the first that the plan's expectation refuses
}

// Close gives the socket up.
func (c *Client) Close() { c.link.Close() }

// lostError says how many datagrams were not answered.
type lostError struct{ lost, count int }

func (e *lostError) Error() string {
	return fmt.Sprintf("%d of %d datagrams were not answered in time", e.lost, e.count)
}

// Do sends one burst and waits for its answers, at most for the step's timeout from now on.
func (c *Client) Do(call *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Start: c.link.Now()}
	b := c.proto.steps[call.Request]
	due := out.Start + b.timeout
	c.begin(b)
	err := c.render(b, &call.Values)
	if err != nil {
		out.Done, out.Kind, out.Err = c.link.Now(), protocol.Unsendable, err
		return
	}
	if c.owed && c.link.Connected() {
		c.link.Drop()
	}
	if err = c.link.Open(due, out); err == nil {
		err = c.exchange(b, due, out)
	}
	lost := 0
	if !b.sendOnly {
		lost = b.count - c.tally.answered
	}
	out.Extra = [protocol.MaxExtras]float64{float64(lost), float64(c.tally.late), float64(c.tally.duplicates), float64(c.tally.reordered)}
	c.owed = !b.sequence.known() && (lost > 0 || b.sendOnly)
	if err != nil {
		if c.link.Fail(err, out); out.Kind == protocol.Interrupted {
			out.Extra = [protocol.MaxExtras]float64{} // nobody knows what would have become of them
		}
		return
	}
	out.Done = c.link.Now()
	switch {
	case c.broken != nil:
		out.Kind, out.Err = protocol.BadResponse, c.broken
	case lost > b.allowLost:
		out.Kind, out.Err = protocol.Timeout, &lostError{lost, b.count}
	case c.wrong != nil:
		out.Kind, out.Err = protocol.CheckFailed, c.wrong
	}
}

func (c *Client) begin(b *burst) {
	c.tally.begin(b.sequence.mask)
	c.out, c.ends, c.kept = c.out[:0], c.ends[:0], c.kept[:0]
	c.sent, c.broken, c.wrong = 0, nil, nil
	if len(c.in) < b.maxBytes+1 {
		c.in = make([]byte, b.maxBytes+1) // one more shows an answer that is too long
	}
}

// render makes all datagrams of a step.
func (c *Client) render(b *burst, v *template.Values) error {
	for range b.count {
		from := len(c.out)
		seq := c.tally.send()
		c.out = b.sequence.put(b.send.append(c.out, seq, v), from, seq)
		if size := len(c.out) - from; size > maxDatagram {
			return fmt.Errorf("a datagram of %d bytes cannot be sent: the most is %d", size, maxDatagram)
		}
		c.ends = append(c.ends, len(c.out))
	}
	return nil
}

// datagram is the i-th of the step.
func (c *Client) datagram(i int) []byte {
	if i == 0 {
		return c.out[:c.ends[0]]
	}
	return c.out[c.ends[i-1]:c.ends[i]]
}

// exchange sends the datagrams at their instants and takes the answers in between and afterwards.
func (c *Client) exchange(b *burst, due time.Duration, out *protocol.Outcome) error {
	start := c.link.Now()
	written, first := start, time.Duration(-1)
	pause := start // when the next datagram may be sent
	for c.sent < b.count || !b.sendOnly && c.tally.answered < b.count {
		until := due
		if c.sent < b.count {
			if c.link.Now() >= pause {
				if err := c.write(due); err != nil {
					return err
				}
				written = c.link.Now()
				switch {
				case b.interval > 0:
					pause = start + time.Duration(c.sent)*b.interval
				case c.sent%group == 0 && !b.sendOnly:
					pause = written + breath
				}
				continue
			}
			until = min(pause, due)
		}
		if err := c.link.Deadline(until); err != nil {
			return err
		}
		n, err := c.link.Read(c.in[:b.maxBytes+1])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if c.link.Now() >= due {
				break
			}
			continue
		}
		if err != nil {
			return err
		}
		if c.receive(b, c.in[:n], out) && first < 0 {
			first = c.link.Now()
		}
	}
	now := c.link.Now()
	if first < written {
		first = written // answers came while others were still being sent
	}
	if b.sendOnly || c.tally.answered == 0 {
		first = now
	}
	out.Phases.Write, out.Phases.Wait, out.Phases.Read = written-start, first-written, now-first
	return nil
}

// write sends the next datagram.
func (c *Client) write(due time.Duration) error {
	if err := c.link.Deadline(due); err != nil {
		return err
	}
	if _, err := c.link.Write(c.datagram(c.sent)); err != nil {
		return err
	}
	c.sent++
	return nil
}

// receive counts one answer and reports whether the step waited for it.
func (c *Client) receive(b *burst, answer []byte, out *protocol.Outcome) bool {
	if b.sendOnly {
		return false
	}
	if len(answer) > b.maxBytes {
		c.note(&c.broken, dial.Malformedf("an answer is longer than %d bytes", b.maxBytes))
		return false
	}
	n := c.tally.first + uint64(c.tally.answered) // without a number: the next one
	if b.sequence.known() {
		shown, err := b.sequence.find(answer)
		ok := err == nil
		if ok {
			n, ok = c.tally.number(shown)
		}
		if !ok {
			c.note(&c.broken, err)
			c.note(&c.broken, errStranger)
			return false
		}
	} else if c.tally.answered >= c.sent {
		c.tally.duplicates++ // whichever it answers has been answered
		return false
	}
	if !c.tally.receive(n) {
		return false
	}
	out.Received += int64(len(answer))
	if b.keepBytes > 0 && c.tally.answered == 1 {
		c.kept = append(c.kept, answer[:min(len(answer), b.keepBytes)]...)
		out.Body = c.kept
	}
	c.note(&c.wrong, b.check.Err(answer, c.datagram(int(n-c.tally.first))))
	return true
}

var errStranger = dial.Malformed("an answer's number is that of no datagram sent lately")

// note keeps the first error of its sort.
func (c *Client) note(first *error, err error) {
	if *first == nil {
		*first = err
	}
}
