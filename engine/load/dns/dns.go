package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	miekg "github.com/miekg/dns"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// Protocol is the queries of one plan to one server.
type Protocol struct {
	datagrams bool        // UDP comes first
	udp       dial.Dialer // of dns://
	stream    dial.Dialer // of the others, and for what is truncated
	steps     []*query
}

// query is a step that is ready to be made.
type query struct {
	name      *template.Template
	question  []byte // when it is always the same
	suffix    [4]byte
	recursion bool
	edns      int
	dnssec    bool
	truncated bool // is accepted
	fresh     bool // a connection for each query
	rcodes    map[int]bool
	answers   int
	contains  string
	timeout   time.Duration
	keepBytes int
}

// New prepares for a target such as "dns://127.0.0.1" (UDP, then TCP for what is truncated), "dns+tcp://127.0.0.1:5353" or
// "dot://dns.example" (TLS).
func New(target string, o protocol.Options) (*Protocol, error) {
	address, err := dial.Parse(target, map[string]string{"dns": "53", "dns+tcp": "53", "dot": "853"})
	if err != nil {
		return nil, err
	}
	if err := address.Bare(); err != nil {
		return nil, err
	}
	p := &Protocol{
		datagrams: address.Scheme == "dns",
		udp:       dial.Dialer{Network: "udp", Address: address},
		stream:    dial.Dialer{Network: "tcp", Address: address},
	}
	if address.Scheme == "dot" {
		p.stream.TLS = address.TLS(o.TLS, "dot")
	}
	return p, nil
}

// Extras are the records in answer sections and the answers that came truncated.
func (p *Protocol) Extras() []protocol.Extra {
	return []protocol.Extra{{Name: "answers"}, {Name: "truncated"}}
}

// Prepare checks a step and returns its handle.
func (p *Protocol) Prepare(s protocol.Step, c *Query) (int, error) {
	err := dial.Check(s, c.Validate)
	if err != nil {
		return 0, fmt.Errorf("prepare query %q: %w", s.Name, err)
	}
	q := &query{
		recursion: c.Recursion == nil || *c.Recursion, edns: c.EDNS, dnssec: c.DNSSEC, truncated: c.AcceptTruncated,
		fresh: c.Connection == "per-request", rcodes: map[int]bool{}, answers: c.Expect.Answers,
		contains: strings.Join(strings.Fields(c.Expect.Contains), " "), timeout: s.Timeout, keepBytes: s.Keep,
	}
	switch q.edns {
	case 0:
		q.edns = defaultEDNS
	case -1:
		q.edns = 0
	}
	kind, err := parseType(c.Type)
	binary.BigEndian.PutUint16(q.suffix[:], kind)
	q.suffix[3] = miekg.ClassINET
	for _, text := range c.Expect.Rcode {
		code, bad := parseRcode(text)
		err = errors.Join(err, bad)
		q.rcodes[code] = true
	}
	if len(q.rcodes) == 0 {
		q.rcodes[miekg.RcodeSuccess] = true
	}
	if err == nil {
		q.name, err = template.Compile(c.Name, s.Names)
	}
	if err == nil && q.name.Static() {
		q.question, err = appendName(nil, string(q.name.Append(nil, &template.Values{})))
		q.question = append(q.question, q.suffix[:]...)
	}
	if err != nil {
		return 0, fmt.Errorf("prepare query %q: %w", s.Name, err)
	}
	p.steps = append(p.steps, q)
	return len(p.steps) - 1, nil
}

// NewClient makes the client of one worker, with a source port or a connection of its own.
func (p *Protocol) NewClient(ctx context.Context, epoch time.Time) protocol.Client {
	c := &Client{proto: p, stream: p.stream.Link(ctx, epoch)}
	if p.datagrams {
		c.udp = p.udp.Link(ctx, epoch)
	}
	return c
}

// Client is one worker's way to the server.
type Client struct {
	proto    *Protocol
	udp      *dial.Link // nil without datagrams
	stream   *dial.Link
	id       uint16
	name     []byte
	question []byte
	out      []byte // the query, with its length in front
	in       []byte // a datagram
	kept     []byte
}

// Close gives the connections up.
func (c *Client) Close() {
	c.stream.Close()
	if c.udp != nil {
		c.udp.Close()
	}
}

// Do asks once and waits for the answer, at most for the step's timeout from now on.
func (c *Client) Do(call *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Start: c.stream.Now()}
	q := c.proto.steps[call.Request]
	due := out.Start + q.timeout
	if err := c.render(q, &call.Values); err != nil {
		out.Done, out.Kind, out.Err = c.stream.Now(), protocol.Unsendable, err
		return
	}
	link, msg, got, err := c.stream, []byte(nil), answer{}, error(nil)
	overTCP := true
	if c.udp != nil {
		link = c.udp
		msg, got, err = c.overUDP(q, due, out)
		if overTCP = err == nil && got.truncated && !q.truncated; overTCP {
			out.Extra[1]++
			link = c.stream
		}
	}
	if overTCP {
		msg, got, err = c.overStream(q, due, out)
	}
	if err == nil && got.truncated {
		if out.Extra[1]++; !q.truncated {
			err = dial.Malformed("the answer is truncated even over TCP")
		}
	}
	if err != nil {
		link.Fail(err, out)
		return
	}
	out.Done = link.Now()
	out.Status, out.Received, out.Extra[0] = got.rcode, int64(len(msg)), float64(got.records)
	c.judge(q, msg, got, out)
	if link == c.stream {
		link.Consume(2 + len(msg))
	}
	if q.fresh || link == c.stream && len(link.In()) > 0 {
		link.Drop() // what came beyond the answer belongs to no query
	}
}

// render makes the query, with its length in front as streams have it.
func (c *Client) render(q *query, v *template.Values) error {
	c.question = q.question
	if q.question == nil {
		c.name = q.name.Append(c.name[:0], v)
		var err error
		if c.question, err = appendName(nil, string(c.name)); err != nil {
			return err
		}
		c.question = append(c.question, q.suffix[:]...)
	}
	c.id++
	c.out = appendQuery(append(c.out[:0], 0, 0), c.id, c.question, q.recursion, q.edns, q.dnssec)
	binary.BigEndian.PutUint16(c.out, uint16(len(c.out)-2))
	return nil
}

// overUDP asks by a datagram. Answers to earlier queries, which were given up, are passed over.
func (c *Client) overUDP(q *query, due time.Duration, out *protocol.Outcome) (msg []byte, got answer, err error) {
	if q.fresh {
		c.udp.Drop()
	}
	if err := c.udp.Open(due, out); err != nil {
		return nil, got, err
	}
	if err := c.udp.Deadline(due); err != nil {
		return nil, got, err
	}
	start := c.udp.Now()
	if _, err := c.udp.Write(c.out[2:]); err != nil {
		return nil, got, err
	}
	written := c.udp.Now()
	out.Phases.Write += written - start
	if room := max(q.edns, 4096); len(c.in) < room {
		c.in = make([]byte, room)
	}
	for {
		n, err := c.udp.Read(c.in)
		if err != nil {
			return nil, got, err
		}
		msg := c.in[:n]
		id, ok := idOf(msg)
		if ok && id != c.id {
			continue
		}
		out.Phases.Wait += c.udp.Now() - written
		if !ok {
			return nil, got, errShort
		}
		got, err = read(msg, c.question)
		return msg, got, err
	}
}

var errShort = dial.Malformed("the answer is shorter than a header")

// overStream asks over TCP or TLS. The message is in the link's buffer, after two bytes of length.
func (c *Client) overStream(q *query, due time.Duration, out *protocol.Outcome) (msg []byte, got answer, err error) {
	if c.stream.Connected() && (q.fresh || c.stream.Stale()) {
		c.stream.Drop()
	}
	written, err := c.deliver(due, out)
	if err != nil && out.Reused && written == 0 && dial.Classify(err) != protocol.Timeout {
		// The server had closed the kept connection, and it has seen nothing of this query.
		c.stream.Drop()
		out.Retried = true
		_, err = c.deliver(due, out)
	}
	if err != nil {
		return nil, got, err
	}
	if msg, err = c.receive(out); err != nil {
		return nil, got, err
	}
	id, ok := idOf(msg)
	switch {
	case !ok:
		return nil, got, errShort
	case id != c.id:
		return nil, got, dial.Malformed("the answer has the number of another query")
	}
	got, err = read(msg, c.question)
	return msg, got, err
}

// deliver connects if need be and sends.
func (c *Client) deliver(due time.Duration, out *protocol.Outcome) (written int, err error) {
	if err := c.stream.Open(due, out); err != nil {
		return 0, err
	}
	if err := c.stream.Deadline(due); err != nil {
		return 0, err
	}
	start := c.stream.Now()
	written, err = c.stream.Write(c.out)
	out.Phases.Write += c.stream.Now() - start
	return written, err
}

// receive waits for one message with its length in front.
func (c *Client) receive(out *protocol.Outcome) ([]byte, error) {
	start := c.stream.Now()
	first := time.Duration(-1)
	for {
		in := c.stream.In()
		if len(in) >= 2 {
			if size := 2 + int(binary.BigEndian.Uint16(in)); len(in) >= size {
				out.Phases.Wait += first - start
				out.Phases.Read += c.stream.Now() - first
				return in[2:size], nil
			}
		}
		if err := c.stream.Fill(2 + 1<<16); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if first < 0 {
			first = c.stream.Now()
		}
	}
}

// judge holds an answer against what is expected.
func (c *Client) judge(q *query, msg []byte, got answer, out *protocol.Outcome) {
	text := ""
	if q.contains != "" || q.keepBytes > 0 {
		var err error
		if text, err = lines(msg); err != nil && !got.truncated {
			out.Kind, out.Err = protocol.BadResponse, err
			return
		}
	}
	if q.keepBytes > 0 {
		c.kept = append(c.kept[:0], text[:min(len(text), q.keepBytes)]...)
		out.Body = c.kept
	}
	switch {
	case !q.rcodes[got.rcode]:
		out.Kind, out.Err = protocol.CheckFailed, rcodeError(got.rcode)
	case got.records < q.answers:
		out.Kind, out.Err = protocol.CheckFailed, &tooFewError{got.records, q.answers}
	case !strings.Contains(text, q.contains):
		out.Kind, out.Err = protocol.CheckFailed, errNotIn
	}
}

var errNotIn = errors.New("no record of the answer contains what the plan expects")

// rcodeError is a response code that was not expected.
type rcodeError int

func (e rcodeError) Error() string {
	if e == badVersion {
		return "the server answered BADVERS"
	}
	if name, ok := miekg.RcodeToString[int(e)]; ok {
		return "the server answered " + name
	}
	return fmt.Sprintf("the server answered with response code %d", int(e))
}

// tooFewError is an answer with too few records.
type tooFewError struct{ got, want int }

func (e *tooFewError) Error() string {
	return fmt.Sprintf("the answer has %d records, the plan expects %d or more", e.got, e.want)
}
