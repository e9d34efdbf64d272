// Package remote shows one session to several people through SSH: who may come in, what each may do, and what becomes of
// running faults when nobody is left to undo them. It knows nothing of the session but what its Config says.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"charm.land/ssh"
	"charm.land/wish/v2"
	gossh "golang.org/x/crypto/ssh"

	"gameday/sources/signal"
	"gameday/tui"
)

// The bounds of a connection.
const (
	handshakeFor = 20 * time.Second // to get in
	unusedFor    = 30 * time.Second // a connection without a session, before it is closed
	maxTries     = 6                // keys that one connection may try
	maxUnknown   = 32               // connections at a time besides those of the views
	aliveEvery   = 15 * time.Second // a client is asked whether it is there
	aliveFor     = 45 * time.Second // without an answer the link is given up
	endFor       = 3 * time.Second  // for a view to give its terminal back
	warnBefore   = time.Minute      // a view's end
)

// Config of a server. All of it is required but the limits.
type Config struct {
	HostKey gossh.Signer
	Keys    *KeyFile
	Log     *slog.Logger
	// Open is a cockpit for a person. Its Session must refuse what the person's role does not allow; Shared is filled in here.
	Open func(who Key) tui.Config
	// Look is a picture of the session for the greeting: Experiment and Faults are enough.
	Look func() *signal.Frame
	// Event puts an entry onto the timeline.
	Event func(signal.Event)
	// Danger says what runs that an operator must look after, "" for nothing. Abort undoes it.
	Danger func() string
	Abort  func(ctx context.Context, reason string) error
	// Commands are what can be asked for without a terminal. They must only read.
	Commands map[string]func(w io.Writer) error

	Grace    time.Duration // after the last operator left, until what runs is undone
	Idle     time.Duration // without a key, until a view is closed; 0: never
	Limit    time.Duration // of a view; 0: none
	MaxViews int           // at a time; 0: 16
}

// Server is an SSH server that runs. Everything that it starts ends before Close returns.
type Server struct {
	cfg      Config
	ssh      *ssh.Server
	listener net.Listener
	room     *room

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu    sync.Mutex
	links map[*link]struct{}
}

// Listen is where a server shall be reached: host:port, or :port for loopback only. All addresses of the machine must be
// asked for by name: 0.0.0.0:port or [::]:port.
func Listen(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w; write it as host:port", address, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("serve SSH: %w", err)
	}
	return l, nil
}

// Serve lets people in through the listener, which is the server's from now on.
func Serve(l net.Listener, cfg Config) (*Server, error) {
	if cfg.MaxViews <= 0 {
		cfg.MaxViews = 16
	}
	s := &Server{cfg: cfg, listener: l, room: newRoom(cfg), links: map[*link]struct{}{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	var err error
	s.ssh, err = wish.NewServer(
		func(srv *ssh.Server) error { srv.AddHostKey(cfg.HostKey); return nil },
		wish.WithVersion("gameday"),
		wish.WithPublicKeyAuth(s.admit),
		wish.WithMiddleware(func(ssh.Handler) ssh.Handler { return s.session }),
		ssh.WrapConn(s.link),
	)
	if err != nil {
		s.cancel()
		return nil, errors.Join(fmt.Errorf("serve SSH: %w", err), l.Close())
	}
	s.ssh.HandshakeTimeout = handshakeFor
	s.ssh.ServerConfigCallback = s.config
	s.ssh.ChannelHandlers = map[string]ssh.ChannelHandler{"session": s.channel} // nothing else: no forwarding of anything
	s.ssh.RequestHandlers = map[string]ssh.RequestHandler{}
	s.ssh.SubsystemHandlers = map[string]ssh.SubsystemHandler{}
	s.ssh.ConnectionFailedCallback = func(c net.Conn, err error) {
		cfg.Log.Info("not let in", "remote", c.RemoteAddr().String(), "error", err)
	}
	s.work.Go(func() {
		if err := s.ssh.Serve(l); err != nil && !errors.Is(err, ssh.ErrServerClosed) {
			cfg.Log.Error("SSH server ended", "error", err)
		}
	})
	s.work.Go(func() { cfg.Keys.Follow(s.ctx, s.check) })
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// People lists who is at the session.
func (s *Server) People() []signal.Person { return s.room.people() }

// Close shows everybody out with that reason and waits until they have their terminals back, or the time for it is over.
// What runs is not undone: that is the caller's.
func (s *Server) Close(why string) error {
	s.room.close()
	for _, v := range s.room.all() {
		v.end(why)
	}
	ctx, cancel := context.WithTimeout(context.Background(), endFor)
	defer cancel()
	for _, v := range s.room.all() {
		select {
		case <-v.done:
		case <-ctx.Done():
		}
	}
	s.cancel()
	err := s.ssh.Close()
	s.mu.Lock()
	for l := range s.links {
		_ = l.Conn.Close() // it was told
	}
	s.mu.Unlock()
	s.work.Wait()
	for _, v := range s.room.all() {
		<-v.done
	}
	return err
}

// signedKey is where a connection's permissions hold the Key that has signed.
type signedKey struct{}

// config is how a connection gets in: by a public key, and in no other way. What a connection may do is what the key may
// that has signed. Which keys were offered before says nothing: anybody can offer anybody's.
func (s *Server) config(ctx ssh.Context) *gossh.ServerConfig {
	return &gossh.ServerConfig{
		MaxAuthTries: maxTries,
		PublicKeyAuthAlgorithms: []string{gossh.KeyAlgoED25519, gossh.KeyAlgoSKED25519, gossh.KeyAlgoSKECDSA256,
			gossh.KeyAlgoECDSA256, gossh.KeyAlgoECDSA384, gossh.KeyAlgoECDSA521, gossh.KeyAlgoRSASHA256, gossh.KeyAlgoRSASHA512},
		VerifiedPublicKeyCallback: func(conn gossh.ConnMetadata, pub gossh.PublicKey, perms *gossh.Permissions, _ string) (*gossh.Permissions, error) {
			k, ok := s.cfg.Keys.Find(pub)
			if !ok && k.Name != "" { // its owner has signed: he may know why
				s.refused(conn.RemoteAddr(), pub, k)
				return nil, &gossh.BannerError{Err: ssh.ErrPermissionDenied,
					Message: "gameday: your key has expired; whoever runs this session has to give its line another expiry-time\r\n"}
			}
			if !ok || perms == nil {
				return nil, ssh.ErrPermissionDenied
			}
			perms.ExtraData = map[any]any{signedKey{}: k}
			return perms, nil
		},
	}
}

// refused tells the log of a key that lets nobody in.
func (s *Server) refused(remote net.Addr, pub gossh.PublicKey, k Key) {
	why := "not authorised"
	if k.Name != "" {
		why = "expired"
	}
	s.cfg.Log.Info("key refused", "remote", remote.String(), "key", gossh.FingerprintSHA256(pub), "name", k.Name, "reason", why)
}

// admit says whether a key that is offered would do, or would have done once: then its owner is told why not, which is nobody
// else's business. Whoever offers it has yet to sign.
func (s *Server) admit(ctx ssh.Context, pub ssh.PublicKey) bool {
	k, ok := s.cfg.Keys.Find(pub)
	if !ok && k.Name == "" {
		s.refused(ctx.RemoteAddr(), pub, k)
		return false
	}
	if k.From != "" {
		ctx.Permissions().CriticalOptions = map[string]string{"source-address": k.From} // the library holds it against the address
	}
	return true
}

// check ends the views whose key is not good any more, and those that are over their time.
func (s *Server) check() {
	now := time.Now()
	for _, v := range s.room.all() {
		switch k, ok := s.cfg.Keys.find(v.key.marshalled, now); {
		case !ok && k.Name != "":
			v.end("your key has expired")
		case !ok:
			v.end("your key was removed")
		case k.Role != v.key.Role || k.From != v.key.From:
			v.end("what your key may do has changed: come in again")
		default:
			v.look(now)
		}
	}
	s.room.watch()
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.links {
		if l.unused(now) {
			_ = l.Conn.Close() // its reader ends with it
		}
	}
}

// find is Find for a key in the form of the wire.
func (f *KeyFile) find(marshalled []byte, now time.Time) (Key, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keys.find(marshalled, now)
}
