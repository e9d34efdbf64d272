package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// parse reads one answer from the bytes and returns what was left, as a connection would see it.
func parse(src io.Reader, head bool) (res response, body []byte, left int, err error) {
	r := &reader{buf: make([]byte, 64)}
	r.parser.sink = func(b []byte) { body = append(body, b...) }
	r.reset(src)
	err = r.read(&res, head)
	return res, body, r.buffered(), err
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	for name, tc := range map[string]struct {
		in     string
		head   bool
		status int
		body   string
		close  bool
		left   int
	}{
		"length":              {in: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200, body: "hello"},
		"no reason":           {in: "HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", status: 200},
		"bare lf":             {in: "HTTP/1.1 404 Not Found\nContent-Length: 2\n\nno", status: 404, body: "no"},
		"same length twice":   {in: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", status: 200, body: "a"},
		"until close":         {in: "HTTP/1.1 200 OK\r\n\r\nall of it", status: 200, body: "all of it", close: true},
		"large":               {in: "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + long, status: 200, body: long},
		"chunked":             {in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n", status: 200, body: "hello world"},
		"trailers":            {in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n", status: 200, body: "a"},
		"chunked and length":  {in: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", status: 200, body: "a", close: true},
		"connection close":    {in: "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 0\r\n\r\n", status: 200, close: true},
		"http/1.0":            {in: "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", status: 200, body: "a", close: true},
		"http/1.0 keep-alive": {in: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", status: 200, body: "a"},
		"interim":             {in: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", status: 201},
		"no content":          {in: "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", status: 204},
		"not modified":        {in: "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", status: 304},
		"head":                {in: "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", head: true, status: 200},
		"unasked bytes":       {in: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", status: 200, left: 19},
	} {
		t.Run(name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(tc.in), iotest.OneByteReader(strings.NewReader(tc.in))} {
				res, body, left, err := parse(src, tc.head)
				require.NoError(t, err)
				require.Equal(t, tc.status, res.status)
				require.Equal(t, tc.body, string(body))
				require.EqualValues(t, len(tc.body), res.body)
				require.Equal(t, tc.close, res.close)
				if _, all := src.(*strings.Reader); all && len(tc.in) < 64 {
					require.Equal(t, tc.left, left)
				}
			}
		})
	}
}

func TestHostileAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, tc := range map[string]struct {
		in   string
		want error
	}{
		"empty":               {"", errTruncated},
		"not http":            {"SSH-2.0-OpenSSH_9.6\r\n", errStatusLine},
		"http/2":              {"HTTP/2.0 200 OK\r\n\r\n", errStatusLine},
		"status of two":       {"HTTP/1.1 20 OK\r\n\r\n", errStatusLine},
		"status of four":      {"HTTP/1.1 2000 OK\r\n\r\n", errStatusLine},
		"status below 100":    {"HTTP/1.1 099 OK\r\n\r\n", errStatusLine},
		"switching":           {"HTTP/1.1 101 Switching Protocols\r\n\r\n", errUpgrade},
		"endless interim":     {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1000), errInterim},
		"no colon":            {ok + "nonsense\r\n\r\n", errHeaderName},
		"space before colon":  {ok + "Content-Length : 5\r\n\r\nhello", errHeaderName},
		"no name":             {ok + ": x\r\n\r\n", errHeaderName},
		"folded":              {ok + "X: a\r\n b\r\n\r\n", errFolded},
		"nul":                 {ok + "X: a\x00b\r\n\r\n", errControl},
		"bare cr":             {ok + "X: a\rContent-Length: 3\r\n\r\n", errControl},
		"length negative":     {ok + "Content-Length: -1\r\n\r\n", errLength},
		"length plus":         {ok + "Content-Length: +1\r\n\r\na", errLength},
		"length empty":        {ok + "Content-Length:\r\n\r\n", errLength},
		"length huge":         {ok + "Content-Length: 99999999999999999999\r\n\r\n", errLength},
		"lengths differ":      {ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", errLength},
		"length list":         {ok + "Content-Length: 1, 1\r\n\r\na", errLength},
		"cut short":           {ok + "Content-Length: 10\r\n\r\nhello", errTruncated},
		"gzip encoding":       {ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", errTransfer},
		"chunked twice":       {ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", errTransfer},
		"chunked in 1.0":      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", errTransfer},
		"chunk size bad":      {ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", errChunkSize},
		"chunk size negative": {ok + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", errChunkSize},
		"chunk size huge":     {ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", errChunkSize},
		"chunk sum overflows": {ok + "Transfer-Encoding: chunked\r\n\r\n7ffffffffffffff\r\nx", errTruncated},
		"chunk end missing":   {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", errChunkEnd},
		"chunk bare lf":       {ok + "Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n", errBareLF},
		"trailer bad":         {ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n", errHeaderName},
		"endless line":        {ok + "X: " + strings.Repeat("a", 1<<20), errLineTooLong},
		"endless status":      {"HTTP/1.1 200 " + strings.Repeat("a", 1<<20), errLineTooLong},
		"endless headers":     {ok + strings.Repeat("X: a\r\n", 100_000), errHeadTooLarge},
		"large headers":       {ok + strings.Repeat("X: "+strings.Repeat("a", 1000)+"\r\n", 1000), errHeadTooLarge},
		"endless trailers":    {ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: a\r\n", 100_000), errHeadTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := parse(strings.NewReader(tc.in), false)
			require.ErrorIs(t, err, tc.want)
			_, _, _, err = parse(iotest.HalfReader(strings.NewReader(tc.in)), false)
			require.ErrorIs(t, err, tc.want)
		})
	}
}

func TestAReaderThatGivesNothingEnds(t *testing.T) {
	_, _, _, err := parse(emptyReader{}, false)
	require.ErrorIs(t, err, io.ErrNoProgress)
	want := errors.New("broken")
	_, _, _, err = parse(iotest.ErrReader(want), false)
	require.ErrorIs(t, err, want)
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, nil }

// FuzzResponse holds the parser against net/http: what ours accepts, theirs must accept too and read the same from.
// Ours is meant to be the stricter one.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nx",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 X\nContent-Length: 3\nTransfer-Encoding: chunked\n\n",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, in []byte, head bool) {
		res, body, _, err := parse(bytes.NewReader(in), head)
		again, bodyAgain, _, errAgain := parse(iotest.OneByteReader(bytes.NewReader(in)), head)
		if fmt.Sprint(err) != fmt.Sprint(errAgain) || !bytes.Equal(body, bodyAgain) || (err == nil && res != again) {
			t.Fatalf("depends on how the bytes arrive: %v %+v %q, %v %+v %q", err, res, body, errAgain, again, bodyAgain)
		}
		if err != nil {
			return
		}
		status, theirs, closes, err := standard(in, head)
		if err != nil {
			if strings.Contains(err.Error(), "bad trailer key") {
				return // net/http also judges the Trailer header, which is of no use to us
			}
			t.Fatalf("net/http refuses what we accept: %v", err)
		}
		if status != res.status || !bytes.Equal(theirs, body) || int64(len(body)) != res.body {
			t.Fatalf("net/http read %d %q, we read %d %q", status, theirs, res.status, body)
		}
		if closes && !res.close && !head && status != 204 && status != 304 {
			t.Fatalf("net/http closes the connection after this, we keep it")
		}
	})
}

func standard(in []byte, head bool) (status int, body []byte, closes bool, err error) {
	req := &http.Request{Method: "GET"}
	if head {
		req.Method = "HEAD"
	}
	br := bufio.NewReader(bytes.NewReader(in))
	for {
		res, err := http.ReadResponse(br, req)
		if err != nil {
			return 0, nil, false, err
		}
		if res.StatusCode < 200 && res.StatusCode != 101 {
			continue
		}
		body, err = io.ReadAll(res.Body)
		return res.StatusCode, body, res.Close, err
	}
}

func BenchmarkParser(b *testing.B) {
	plain := []byte("HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\nServer: x\r\nContent-Length: 32\r\n\r\n" + strings.Repeat("x", 32))
	chunked := []byte("HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n" + strings.Repeat("x", 32) + "\r\n0\r\n\r\n")
	for name, in := range map[string][]byte{"length": plain, "chunked": chunked} {
		b.Run(name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			src := bytes.NewReader(in)
			r := &reader{buf: make([]byte, bufferStart)}
			var res response
			for b.Loop() {
				src.Reset(in)
				r.reset(src)
				if err := r.read(&res, false); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/net-http", func(b *testing.B) {
			b.ReportAllocs()
			src := bytes.NewReader(in)
			br := bufio.NewReader(src)
			for b.Loop() {
				src.Reset(in)
				br.Reset(src)
				res, err := http.ReadResponse(br, nil)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, res.Body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
