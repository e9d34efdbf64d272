package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/ssh"
	"github.com/charmbracelet/colorprofile"
	gossh "golang.org/x/crypto/ssh"

	"gameday/sources/sanitize"
	"gameday/sources/signal"
	"gameday/tui"
)

// view is one terminal at the session.
type view struct {
	key    Key
	since  time.Time
	server *Server
	link   *link
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the terminal was given back

	keys   atomic.Int64 // when the last key was pressed, in nanoseconds
	warned atomic.Bool
	send   func(tea.Msg) // set before the view is in the room
	bytes  atomic.Int64  // that were drawn, before encryption
}

// errEnd is why a view was ended from here.
type errEnd string

func (e errEnd) Error() string { return string(e) }

// end closes the view with a reason that is told there.
func (v *view) end(why string) { v.cancel(errEnd(why)) }

// look ends the view when it is over its time, after a warning.
func (v *view) look(now time.Time) {
	idle, age := now.Sub(time.Unix(0, v.keys.Load())), now.Sub(v.since)
	idleMost, most := v.server.cfg.Idle, v.server.cfg.Limit
	switch {
	case idleMost > 0 && idle >= idleMost:
		v.end(fmt.Sprintf("no key was pressed for %s", idleMost))
	case most > 0 && age >= most:
		v.end(fmt.Sprintf("a view lasts %s at most: come in again", most))
	case idleMost > 0 && idle >= idleMost-warnBefore && idleMost > 2*warnBefore:
		v.warn("this view is closed in a minute unless a key is pressed")
	case most > 0 && age >= most-warnBefore && most > 2*warnBefore:
		v.warn("this view is closed in a minute: its time is over")
	default:
		v.warned.Store(false)
	}
}

func (v *view) warn(text string) {
	if v.warned.CompareAndSwap(false, true) {
		v.server.work.Go(func() { v.send(tui.Notice(text)) }) // it may have to wait for the cockpit, and ends with it
	}
}

// session handles one session of a connection: a command, or a cockpit.
func (s *Server) session(sess ssh.Session) {
	conn, _ := sess.Context().Value(ssh.ContextKeyConn).(*gossh.ServerConn)
	l, _ := sess.Context().Value(linkKey{}).(*link)
	g, _ := sess.Context().Value(gateKey{}).(*gate)
	if conn == nil || l == nil || g == nil || conn.Permissions == nil {
		return
	}
	key, ok := conn.Permissions.ExtraData[signedKey{}].(Key)
	if ok {
		_, ok = s.cfg.Keys.find(key.marshalled, time.Now()) // it may have expired since
	}
	if !ok {
		s.say(sess, "your key is not good any more")
		return
	}
	if cmd := sess.RawCommand(); cmd != "" {
		s.command(sess, key, cmd)
		return
	}
	pty, _, ok := sess.Pty()
	if !ok {
		s.say(sess, "the cockpit needs a terminal: ssh -t; without one there are the commands "+s.commands())
		return
	}
	if err := tui.CanShow(pty.Term); err != nil {
		s.say(sess, err.Error())
		return
	}
	g.resize(size{pty.Window.Width, pty.Window.Height})
	s.show(sess, conn, &view{key: key, since: time.Now(), server: s, link: l, done: make(chan struct{})}, g, pty.Term)
}

// say tells something where there is no cockpit, and that it is a failure.
func (s *Server) say(sess ssh.Session, text string) {
	fmt.Fprintf(sess.Stderr(), "gameday: %s\r\n", text)
	_ = sess.Exit(1) // the client may have gone
}

// commands lists the commands.
func (s *Server) commands() string {
	var names []string
	for name := range s.cfg.Commands {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// command carries out one of the few commands there are. They read, and nothing else.
func (s *Server) command(sess ssh.Session, key Key, cmd string) {
	cmd = strings.TrimSpace(cmd)
	do := s.cfg.Commands[cmd]
	s.cfg.Log.Info("command", "name", key.Name, "remote", sess.RemoteAddr().String(), "command", sanitize.Line(cmd, 100), "known", do != nil)
	if do == nil {
		s.say(sess, "there is no such command here; there are: "+s.commands())
		return
	}
	if err := do(sess); err != nil {
		s.say(sess, err.Error())
	}
}

// show runs a cockpit in the session until the person leaves, the link drops or the view is ended.
func (s *Server) show(sess ssh.Session, conn gossh.Conn, v *view, g *gate, termName string) {
	defer close(v.done)
	v.ctx, v.cancel = context.WithCancelCause(sess.Context())
	defer v.cancel(nil)
	v.keys.Store(time.Now().UnixNano())
	cfg, environ := s.cockpit(v), append(sess.Environ(), "TERM="+sanitize.Line(termName, 40))
	send := make(chan func(tea.Msg), 1)
	cfg.Shared.Attach = func(f func(tea.Msg)) { send <- f }
	v.send = func(m tea.Msg) {
		f := <-send
		send <- f
		f(m)
	}
	if err := s.room.enter(v); err != nil {
		s.cfg.Log.Warn("no place", "name", v.key.Name, "remote", sess.RemoteAddr().String(), "error", err)
		s.say(sess, err.Error())
		return
	}
	s.cfg.Log.Info("came", "name", v.key.Name, "role", v.key.Role.String(), "remote", sess.RemoteAddr().String(), "key", sanitize.Line(keyLine(v.key), 80),
		"term", sanitize.Line(termName, 40), "size", fmt.Sprintf("%dx%d", g.size().cols, g.size().rows))
	beside := s.beside(v, conn, g)
	err := tui.Run(v.ctx, cfg, tea.WithInput(&typed{v: v, r: sess}), tea.WithOutput(&drawn{v: v, w: sess}),
		tea.WithColorProfile(colorprofile.Env(environ)), tea.WithEnvironment(environ), tea.WithWindowSize(g.size().cols, g.size().rows), tea.WithFilter(noSuspend))
	why := v.why(err)
	v.cancel(nil)
	select {
	case send <- func(tea.Msg) {}: // whoever still wants to send something need not wait
	default:
	}
	beside()
	s.room.leave(v, why)
	if why != errGone.Error() {
		fmt.Fprintf(sess, "%sgameday: %s\r\n", tui.RestoreTerminal, why)
	}
	level := s.cfg.Log.Info
	if err != nil {
		level = s.cfg.Log.Error
	}
	level("left", "name", v.key.Name, "remote", sess.RemoteAddr().String(), "reason", why, "after", time.Since(v.since).Round(time.Second).String(),
		"drawn", v.bytes.Load(), "sent", v.link.sent.Load())
}

// errGone says that nobody is at the other end.
var errGone = errors.New("the link was lost")

// why says why a view has ended.
func (v *view) why(err error) string {
	var end errEnd
	switch cause := context.Cause(v.ctx); {
	case errors.As(cause, &end):
		return string(end)
	case errors.Is(err, tea.ErrProgramPanic):
		return "this view broke, which is a fault in gameday; come in again"
	case err != nil:
		return err.Error()
	case cause != nil:
		return errGone.Error()
	}
	return "you left; the session goes on"
}

// beside runs what belongs to a view besides its cockpit; the function that it returns waits for it to end, after the view's
// context has.
func (s *Server) beside(v *view, conn gossh.Conn, g *gate) (wait func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		v.send(tui.Remark(tui.Greeting(s.look(), v.key.Name)))
		for {
			select {
			case <-g.resized:
				v.send(tea.WindowSizeMsg{Width: g.size().cols, Height: g.size().rows})
			case <-g.gone: // the session's channel; the connection may go on
				v.cancel(errGone)
				return
			case <-v.ctx.Done():
				return
			}
		}
	}()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		v.link.alive(conn, v.ctx.Done())
	}()
	context.AfterFunc(v.ctx, func() { // a client that reads nothing holds the cockpit up until its link is cut
		select {
		case <-v.done:
		case <-time.After(endFor):
			_ = v.link.Conn.Close() // whoever waits for it is told
		}
	})
	return func() {
		<-ended
		<-asked
	}
}

// look is the session with its people.
func (s *Server) look() *signal.Frame {
	f := *s.cfg.Look()
	f.People = s.room.people()
	return &f
}

// cockpit is how the session looks to a person.
func (s *Server) cockpit(v *view) tui.Config {
	cfg := s.cfg.Open(v.key)
	cfg.Shared = &tui.Shared{Name: v.key.Name, Grace: s.cfg.Grace}
	if v.key.Role != Operator {
		cfg.Shared.Refused = "you are a viewer here: an operator has to do it"
	}
	return cfg
}

// noSuspend: there is no shell below the cockpit to go back to.
func noSuspend(_ tea.Model, msg tea.Msg) tea.Msg {
	if _, ok := msg.(tea.SuspendMsg); ok {
		return nil
	}
	return msg
}

// keyLine says which line of the file let somebody in.
func keyLine(k Key) string { return fmt.Sprintf("line %d", k.Line) }

// typed is what a person types. Its end is the view's.
type typed struct {
	v *view
	r io.Reader
}

// Read implements io.Reader.
func (t *typed) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if n > 0 {
		t.v.keys.Store(time.Now().UnixNano())
	}
	if err != nil {
		t.v.cancel(errGone)
	}
	return n, err
}

// drawn counts what is drawn. When nobody takes it any more the view ends.
type drawn struct {
	v *view
	w io.Writer
}

// Write implements io.Writer.
func (d *drawn) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	d.v.bytes.Add(int64(n))
	if err != nil {
		d.v.cancel(errGone)
	}
	return n, err
}
