package websocket

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
)

// raw gives each connection to handle after its request has been read, and closes it afterwards. Its key is key.
func raw(t testing.TB, handle func(c net.Conn, key string)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = c.Close() }()
				if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					handle(c, r.Header.Get("Sec-WebSocket-Key"))
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return "ws://" + l.Addr().String()
}

func switched(key string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: " + accept(key) + "\r\n"
}

func TestHostileHandshakes(t *testing.T) {
	for name, x := range map[string]struct {
		handle func(c net.Conn, key string)
		kind   protocol.Kind
		status int
	}{
		"not found": {func(c net.Conn, _ string) {
			_, _ = io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello")
		}, protocol.Status4xx, 404},
		"unavailable": {func(c net.Conn, _ string) { _, _ = io.WriteString(c, "HTTP/1.1 503 X\r\n\r\n") }, protocol.Status5xx, 503},
		"redirect":    {func(c net.Conn, _ string) { _, _ = io.WriteString(c, "HTTP/1.1 302 X\r\nLocation: /\r\n\r\n") }, protocol.BadResponse, 302},
		"no accept":   {func(c net.Conn, _ string) { _, _ = io.WriteString(c, switched("other")+"\r\n") }, protocol.BadResponse, 101},
		"other upgrade": {func(c net.Conn, key string) {
			_, _ = io.WriteString(c, strings.ReplaceAll(switched(key), "WebSocket\r", "h2c\r")+"\r\n")
		}, protocol.BadResponse, 101},
		"extension": {func(c net.Conn, key string) {
			_, _ = io.WriteString(c, switched(key)+"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
		}, protocol.BadResponse, 101},
		"subprotocol": {func(c net.Conn, key string) {
			_, _ = io.WriteString(c, switched(key)+"Sec-WebSocket-Protocol: x\r\n\r\n")
		}, protocol.BadResponse, 101},
		"garbage":      {func(c net.Conn, _ string) { _, _ = io.WriteString(c, "\x1b[31mgarbage\r\n\r\n") }, protocol.BadResponse, 0},
		"endless head": {func(c net.Conn, _ string) { _, _ = io.Copy(c, neverEnding('x')) }, protocol.BadResponse, 0},
		"half":         {func(c net.Conn, _ string) { _, _ = io.WriteString(c, "HTTP/1.1 101 ") }, protocol.Closed, 0},
		"closes":       {func(net.Conn, string) {}, protocol.Closed, 0},
		"silence":      {func(c net.Conn, _ string) { _, _ = io.Copy(io.Discard, c) }, protocol.Timeout, 0},
		"frame arrives ": {func(c net.Conn, key string) {
			_, _ = io.WriteString(c, switched(key)+"\r\n\x81\x02hi")
			_, _ = io.Copy(io.Discard, c)
		}, protocol.OK, 101},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 30 * time.Second
			if x.kind == protocol.Timeout {
				timeout = 50 * time.Millisecond
			}
			c := client(t, raw(t, x.handle), protocol.Options{}, protocol.Step{Timeout: timeout}, Talk{Wait: &Wait{}})
			out := do(c, 0, 0)
			require.Equal(t, x.kind, out.Kind, "%v", out.Err)
			require.Equal(t, x.status, out.Status)
			if out.Err != nil {
				require.NotContains(t, out.Err.Error(), "\x1b")
			}
			c.Close()
		})
	}
}

type neverEnding byte

func (b neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

func TestHostileFrames(t *testing.T) {
	for name, x := range map[string]struct {
		frames string
		kind   protocol.Kind
	}{
		"reserved bit":      {"\xc1\x00", protocol.BadResponse},
		"unknown kind":      {"\x83\x00", protocol.BadResponse},
		"masked":            {"\x81\x80\x00\x00\x00\x00", protocol.BadResponse},
		"huge":              {"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", protocol.BadResponse},
		"too long":          {"\x82\x7e\x10\x00", protocol.BadResponse},
		"long ping":         {"\x89\x7e\x00\x7e", protocol.BadResponse},
		"ping in pieces":    {"\x09\x00", protocol.BadResponse},
		"nothing continues": {"\x80\x00", protocol.BadResponse},
		"begins again":      {"\x01\x01a\x01\x01b", protocol.BadResponse},
		"long in pieces":    {strings.Repeat("\x02\x01a", 1) + strings.Repeat("\x00\x7darstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstarstars12345", 9), protocol.BadResponse},
		"not utf-8":         {"\x81\x01\xff", protocol.BadResponse},
		"half a close code": {"\x88\x01x", protocol.BadResponse},
		"close, no code":    {"\x88\x00", protocol.Closed},
		"half a frame":      {"\x81\x05he", protocol.Closed},
		"in pieces":         {"\x01\x02he\x89\x00\x00\x00\x80\x03llo", protocol.OK},
		"unasked pong":      {"\x8a\x01x\x81\x05hello", protocol.OK},
	} {
		t.Run(name, func(t *testing.T) {
			url := raw(t, func(c net.Conn, key string) {
				_, _ = io.WriteString(c, switched(key)+"\r\n")
				for i := range len(x.frames) {
					_, _ = io.WriteString(c, x.frames[i:i+1])
				}
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, c)
			})
			c := client(t, url, protocol.Options{}, protocol.Step{Keep: 10}, Talk{Wait: &Wait{}, MaxBytes: 1000})
			out := do(c, 0, 0)
			require.Equal(t, x.kind, out.Kind, "%v", out.Err)
			if x.kind == protocol.OK {
				require.Equal(t, "hello", string(out.Body))
			}
			c.Close()
		})
	}
}

func TestAFloodEndsWithTheHold(t *testing.T) {
	url := raw(t, func(c net.Conn, key string) {
		_, _ = io.WriteString(c, switched(key)+"\r\n")
		for junk := bytes.Repeat([]byte("\x89\x00\x81\x01x"), 1000); ; {
			if _, err := c.Write(junk); err != nil {
				return
			}
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, _ = io.Copy(io.Discard, c)
		}
	})
	c := client(t, url, protocol.Options{}, protocol.Step{}, Talk{Hold: 50 * time.Millisecond})
	out := do(c, 0, 0)
	require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
	require.Positive(t, out.Extra[1])
	c.Close()
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x81\x05hello\x01\x01a\x80\x01b\x89\x01p\x88\x02\x03\xe8"))
	f.Add([]byte("\x82\x7e\x00\x80"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		var c Client
		for len(stream) > 0 {
			h, ok, err := parseHeader(stream, 256-len(c.parts))
			if err != nil || !ok || len(stream) < h.size+h.body {
				return
			}
			require.LessOrEqual(t, h.body, 256)
			body := stream[h.size : h.size+h.body]
			stream = stream[h.size+h.body:]
			if h.op == opClose {
				_, _ = closeCode(body)
			}
			if h.op >= opClose {
				continue
			}
			_, message, err := c.assemble(h, body)
			if err != nil {
				return
			}
			require.LessOrEqual(t, len(message), 256)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	f.Add([]byte(switched("key") + "\r\n"))
	f.Add([]byte("HTTP/1.1 404 Not Found\r\n\r\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		status, err := checkAnswer(head, "key", []string{"a"})
		if err == nil {
			require.Equal(t, 101, status)
		}
	})
}
