package http1

import "bytes"

const (
	errStatusLine   = formatError("bad response: the first line is not HTTP/1.0 or HTTP/1.1 with a status")
	errUpgrade      = formatError("bad response: switches protocols without being asked")
	errInterim      = formatError("bad response: more than 8 interim (1xx) answers")
	errHeaderName   = formatError("bad response: a header has no valid name")
	errFolded       = formatError("bad response: a header is folded over two lines, which is obsolete")
	errHeadTooLarge = formatError("bad response: the head is larger than 128 KiB or 512 lines")
	errLength       = formatError("bad response: Content-Length is not one whole number")
	errTransfer     = formatError("bad response: a Transfer-Encoding other than chunked")
	errChunkSize    = formatError("bad response: a chunk's size is not a hexadecimal number")
	errChunkEnd     = formatError("bad response: a chunk is not followed by CR LF")
)

// response is what the engine needs to know of an answer.
type response struct {
	status  int
	body    int64 // bytes of content
	close   bool  // the connection cannot carry another request
	minor   int   // of HTTP/1.x
	length  int64 // Content-Length, -1 without
	chunked bool
}

// place is what the next byte belongs to.
type place uint8

const (
	atStatus place = iota
	atHeader
	inBody
	untilClose
	atChunkSize
	inChunk
	atChunkEnd
	atTrailer
)

// parser reads one answer, body included, from bytes as they arrive, in whatever pieces. It keeps none of them: what it
// cannot use yet, never more than one unfinished line, is to be shown to it again with what follows.
type parser struct {
	res       response
	sink      func([]byte) // gets the body when set
	keep      int          // bytes of the body, and the head, that are kept; 0 is nothing at all
	headKept  []byte       // the lines of the head after the first
	bodyKept  []byte
	left      int64 // of the body or chunk
	scanned   int   // of the unfinished line: known to hold no line end
	size      int   // of the head or the trailers
	lines     int
	interim   int
	at        place
	head      bool // the method was HEAD: no body follows
	keepAlive bool
}

// begin gets ready for the next answer. head says that the request's method was HEAD.
func (p *parser) begin(head bool) {
	*p = parser{head: head, sink: p.sink, keep: p.keep, headKept: p.headKept[:0], bodyKept: p.bodyKept[:0]}
}

// feed reads on and says how many of the bytes it has used and whether the answer is complete; bytes beyond it are not
// used. After an error nothing further can be read from the connection.
func (p *parser) feed(b []byte) (used int, done bool, err error) {
	for {
		switch p.at {
		case inBody, inChunk:
			used += p.content(b[used:])
			if p.left > 0 {
				return used, false, nil
			}
			if p.at == inBody {
				return used, true, nil
			}
			p.at = atChunkEnd
		case untilClose:
			p.left = int64(len(b) - used)
			p.res.body += p.left
			return used + p.content(b[used:]), false, nil
		default:
			line, next, err := p.line(b[used:])
			if err != nil || next == 0 {
				return used, false, err
			}
			used += next
			if done, err := p.take(line); done || err != nil {
				return used, done, err
			}
		}
	}
}

// ended is what the end of the stream means: nil when it completes the answer.
func (p *parser) ended() error {
	if p.at == untilClose {
		return nil
	}
	return errTruncated
}

// content consumes what is there of a body.
func (p *parser) content(b []byte) int {
	n := int(min(int64(len(b)), p.left))
	if p.sink != nil && n > 0 {
		p.sink(b[:n])
	}
	if room := p.keep - len(p.bodyKept); room > 0 {
		p.bodyKept = append(p.bodyKept, b[:min(n, room)]...)
	}
	p.left -= int64(n)
	return n
}

// line cuts the next line off; next is where the one after it begins, 0 when this one is not complete.
func (p *parser) line(b []byte) (line []byte, next int, err error) {
	i := bytes.IndexByte(b[p.scanned:], '\n')
	if i < 0 {
		if p.scanned = len(b); p.scanned > maxLine {
			return nil, 0, errLineTooLong
		}
		return nil, 0, nil
	}
	i += p.scanned
	p.scanned = 0
	line, err = endLine(b[:i], p.at >= atChunkSize)
	return line, i + 1, err
}

// take uses one line. done says that it was the answer's last.
func (p *parser) take(line []byte) (done bool, err error) {
	switch p.at {
	case atStatus:
		p.res, p.keepAlive = response{length: -1}, false
		p.at, p.size, p.lines = atHeader, len(line), 0
		p.headKept = p.headKept[:0]
		return false, p.res.statusLine(line)
	case atHeader:
		if len(line) == 0 {
			return false, p.endHead()
		}
		name, value, err := p.field(line)
		if err != nil {
			return false, err
		}
		if p.keep > 0 {
			p.headKept = append(append(append(append(p.headKept, name...), ": "...), value...), "\r\n"...)
		}
		return false, p.res.header(name, value, &p.keepAlive)
	case atChunkSize:
		if p.left, err = chunkSize(line); err != nil {
			return false, err
		}
		p.at = inChunk
		if p.left == 0 {
			p.at, p.size, p.lines = atTrailer, 0, 0
		} else if p.res.body += p.left; p.res.body < 0 {
			return false, errChunkSize
		}
	case atChunkEnd:
		if len(line) != 0 {
			return false, errChunkEnd
		}
		p.at = atChunkSize
	case atTrailer:
		if len(line) == 0 {
			return true, nil
		}
		_, _, err = p.field(line)
	}
	return false, err
}

// field splits one line of the head or the trailers, within their limits.
func (p *parser) field(line []byte) (name, value []byte, err error) {
	if p.size += len(line); p.size > maxHead || p.lines >= maxLines {
		return nil, nil, errHeadTooLarge
	}
	p.lines++
	return splitHeader(line)
}

// endHead decides what follows the head.
func (p *parser) endHead() error {
	res := &p.res
	if res.minor == 0 {
		if res.chunked {
			return errTransfer // HTTP/1.0 does not know it: where such an answer ends is anybody's guess
		}
		res.close = res.close || !p.keepAlive
	}
	if res.chunked && res.length >= 0 {
		// Two lengths: chunked counts, and the connection is not trusted any further (RFC 9112, 6.3).
		res.close = true
	}
	switch {
	case res.status == 101:
		return errUpgrade
	case res.status < 200:
		if p.interim++; p.interim > maxInterim {
			return errInterim
		}
		p.at = atStatus
		return nil
	case p.head || res.status == 204 || res.status == 304:
		p.at, p.left = inBody, 0
	case res.chunked:
		p.at = atChunkSize
	case res.length >= 0:
		p.at, p.left, res.body = inBody, res.length, res.length
	default:
		p.at, res.close = untilClose, true
	}
	return nil
}

// statusLine reads "HTTP/1.1 200 OK".
func (res *response) statusLine(line []byte) error {
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[7] > '1' || line[7] < '0' || line[8] != ' ' {
		return errStatusLine
	}
	if len(line) > 12 && line[12] != ' ' {
		return errStatusLine
	}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return errStatusLine
		}
		res.status = res.status*10 + int(c-'0')
	}
	if res.status < 100 {
		return errStatusLine
	}
	res.minor = int(line[7] - '0')
	return nil
}

// tokens marks the bytes that may stand in a header's name (RFC 9110, 5.6.2).
var tokens = func() (t [256]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		t[c] = true
	}
	return t
}()

func splitHeader(line []byte) (name, value []byte, err error) {
	if line[0] == ' ' || line[0] == '\t' {
		return nil, nil, errFolded
	}
	i := 0
	for i < len(line) && tokens[line[i]] {
		i++
	}
	if i == 0 || i == len(line) || line[i] != ':' {
		return nil, nil, errHeaderName
	}
	for _, c := range line[i+1:] {
		if (c < ' ' && c != '\t') || c == 0x7f {
			return nil, nil, errControl
		}
	}
	return line[:i], trim(line[i+1:]), nil
}

// trim cuts spaces and tabs off both ends.
func trim(s []byte) []byte {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// header takes note of the headers that decide where the answer ends and whether another can follow it.
func (res *response) header(name, value []byte, keepAlive *bool) error {
	switch len(name) {
	case len("connection"):
		if equalFold(name, "connection") {
			res.connection(value, keepAlive)
		}
	case len("content-length"):
		if equalFold(name, "content-length") {
			return res.contentLength(value)
		}
	case len("transfer-encoding"):
		if equalFold(name, "transfer-encoding") {
			if res.chunked || !equalFold(value, "chunked") {
				return errTransfer
			}
			res.chunked = true
		}
	}
	return nil
}

// equalFold compares without regard to ASCII case; want is in lower case.
func equalFold(got []byte, want string) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		c := got[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != want[i] {
			return false
		}
	}
	return true
}

func (res *response) connection(value []byte, keepAlive *bool) {
	for len(value) > 0 {
		token, rest, _ := bytes.Cut(value, comma)
		if token = trim(token); equalFold(token, "close") {
			res.close = true
		} else if equalFold(token, "keep-alive") {
			*keepAlive = true
		}
		value = rest
	}
}

var comma = []byte{','}

func (res *response) contentLength(value []byte) error {
	if len(value) == 0 || len(value) > 18 {
		return errLength
	}
	var n int64
	for _, c := range value {
		if c < '0' || c > '9' {
			return errLength
		}
		n = n*10 + int64(c-'0')
	}
	if res.length >= 0 && res.length != n {
		return errLength
	}
	res.length = n
	return nil
}

// chunkSize reads the hexadecimal number before any extension.
func chunkSize(line []byte) (int64, error) {
	for len(line) > 0 && (line[len(line)-1] == ' ' || line[len(line)-1] == '\t') {
		line = line[:len(line)-1]
	}
	digits := line
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		digits = line[:i]
	}
	if len(digits) == 0 || len(digits) > 15 {
		return 0, errChunkSize
	}
	var n int64
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, errChunkSize
		}
		n = n<<4 | int64(c)
	}
	return n, nil
}
