package remote

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// What a client may send along.
const (
	maxEnv      = 16
	maxEnvValue = 256
	maxChannels = 4 // sessions of one connection
	maxCols     = 500
	maxRows     = 250
)

// wantedEnv are the variables that say how to draw. Others are none of ours.
var wantedEnv = []string{"COLORTERM", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "LANG", "LC_ALL", "LC_CTYPE", "TERM_PROGRAM", "WT_SESSION"}

// size is that of a terminal, in cells.
type size struct{ cols, rows int }

// bounded is a size that can be drawn; a client may claim any.
func (s size) bounded() size {
	if s.cols <= 0 || s.rows <= 0 {
		return size{80, 24}
	}
	return size{min(s.cols, maxCols), min(s.rows, maxRows)}
}

// gate stands before the library's handling of one session and lets through what a view needs: a terminal, a few variables,
// a shell or a command. Forwarding of agents, displays and ports, subsystems and signals are refused here. Window changes are
// taken here too: the library waits until somebody takes them, and the connection with it.
type gate struct {
	gossh.NewChannel
	envs int

	mu      sync.Mutex
	latest  size
	resized chan struct{} // has room for one: there is a new size
	gone    chan struct{} // closed when the session's channel is
}

type gateKey struct{}

// gatedContext is a connection's context that knows the gate of one of its sessions.
type gatedContext struct {
	ssh.Context
	gate *gate
}

// Value implements context.Context.
func (c gatedContext) Value(key any) any {
	if key == (gateKey{}) {
		return c.gate
	}
	return c.Context.Value(key)
}

// channel handles a session of a connection.
func (s *Server) channel(srv *ssh.Server, conn *gossh.ServerConn, ch gossh.NewChannel, ctx ssh.Context) {
	l, ok := ctx.Value(linkKey{}).(*link)
	if !ok || !l.open() {
		_ = ch.Reject(gossh.ResourceShortage, "too many sessions on one connection") // the connection may have gone
		return
	}
	defer l.shut()
	g := &gate{NewChannel: ch, resized: make(chan struct{}, 1), gone: make(chan struct{})}
	ssh.DefaultSessionHandler(srv, conn, g, gatedContext{ctx, g})
}

// Accept implements gossh.NewChannel.
func (g *gate) Accept() (gossh.Channel, <-chan *gossh.Request, error) {
	ch, in, err := g.NewChannel.Accept()
	if err != nil {
		return nil, nil, err
	}
	out := make(chan *gossh.Request)
	go func() { // ends with the channel; the library takes everything until then
		defer close(out)
		defer close(g.gone)
		for r := range in {
			if g.passes(r) {
				out <- r
				continue
			}
			_ = r.Reply(r.Type == "window-change", nil) // the connection may have gone
		}
	}()
	return ch, out, nil
}

// passes reports whether a request is one for the library.
func (g *gate) passes(r *gossh.Request) bool {
	switch r.Type {
	case "pty-req", "shell", "exec":
		return true
	case "env":
		var kv struct{ Key, Value string }
		if g.envs >= maxEnv || gossh.Unmarshal(r.Payload, &kv) != nil || len(kv.Value) > maxEnvValue || strings.ContainsAny(kv.Value, "\x00\n\r\x1b") {
			return false
		}
		g.envs++
		return slices.Contains(wantedEnv, kv.Key)
	case "window-change":
		if len(r.Payload) >= 8 {
			g.resize(size{int(binary.BigEndian.Uint32(r.Payload)), int(binary.BigEndian.Uint32(r.Payload[4:]))})
		}
	}
	return false
}

// resize keeps the latest size; what nobody has looked at yet is replaced.
func (g *gate) resize(s size) {
	if s.cols <= 0 || s.rows <= 0 {
		return // RFC 4254 6.2: zero must be ignored
	}
	g.mu.Lock()
	g.latest = s
	g.mu.Unlock()
	select {
	case g.resized <- struct{}{}:
	default:
	}
}

func (g *gate) size() size {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.latest.bounded()
}
