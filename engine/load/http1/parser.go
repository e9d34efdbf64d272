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

// read reads one whole answer, body included. head says that the request's method was HEAD. On an error nothing further
// can be read from the connection.
func (r *reader) read(res *response, head bool) error {
	for range maxInterim + 1 {
		if err := r.head(res); err != nil {
			return err
		}
		switch {
		case res.status == 101:
			return errUpgrade
		case res.status < 200:
			continue
		}
		return r.body(res, head)
	}
	return errInterim
}

// head reads the status line and the headers.
func (r *reader) head(res *response) error {
	*res = response{length: -1}
	line, err := r.line(false)
	if err != nil {
		return err
	}
	if err := res.statusLine(line); err != nil {
		return err
	}
	keepAlive := false
	for size, lines := len(line), 0; ; lines++ {
		line, err := r.line(false)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		if size += len(line); size > maxHead || lines >= maxLines {
			return errHeadTooLarge
		}
		name, value, err := splitHeader(line)
		if err != nil {
			return err
		}
		if err := res.header(name, value, &keepAlive); err != nil {
			return err
		}
	}
	if res.minor == 0 {
		if res.chunked {
			return errTransfer // HTTP/1.0 does not know it: where such an answer ends is anybody's guess
		}
		res.close = res.close || !keepAlive
	}
	if res.chunked && res.length >= 0 {
		// Two lengths: chunked counts, and the connection is not trusted any further (RFC 9112, 6.3).
		res.close = true
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

// body reads the content to its end.
func (r *reader) body(res *response, head bool) (err error) {
	switch {
	case head || res.status == 204 || res.status == 304:
		return nil
	case res.chunked:
		return r.chunks(res)
	case res.length >= 0:
		res.body = res.length
		return r.skip(res.length)
	}
	res.close = true
	res.body, err = r.skipAll()
	return err
}

// chunks reads a chunked body with its trailers.
func (r *reader) chunks(res *response) error {
	for {
		line, err := r.line(true)
		if err != nil {
			return err
		}
		size, err := chunkSize(line)
		if err != nil {
			return err
		}
		if size == 0 {
			return r.trailers()
		}
		if err := r.skip(size); err != nil {
			return err
		}
		if res.body += size; res.body < 0 {
			return errChunkSize
		}
		if line, err = r.line(true); err != nil {
			return err
		}
		if len(line) != 0 {
			return errChunkEnd
		}
	}
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

// trailers reads the lines after the last chunk and forgets them.
func (r *reader) trailers() error {
	for size, lines := 0, 0; ; lines++ {
		line, err := r.line(true)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return nil
		}
		if size += len(line); size > maxHead || lines >= maxLines {
			return errHeadTooLarge
		}
		if _, _, err := splitHeader(line); err != nil {
			return err
		}
	}
}
