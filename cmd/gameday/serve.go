package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	gossh "golang.org/x/crypto/ssh"

	"gameday/cmd/gameday/remote"
	"gameday/engine"
	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui"
)

// serveCmd shows one session to several people.
type serveCmd struct {
	SSH        string        `name:"ssh" placeholder:"ADDR" default:":2222" help:"Listen there; :PORT is loopback only, 0.0.0.0:PORT and [::]:PORT are every address."`
	Authorized string        `name:"keys" placeholder:"FILE" help:"Who may come in: authorised keys as OpenSSH has them, with role=\"operator\" or \"viewer\"; authorized_keys in gameday's configuration when not given."`
	Grace      time.Duration `default:"30s" help:"After the last operator left, so long until running faults are undone."`
	Idle       time.Duration `default:"1h" help:"Close a view in which no key was pressed for so long; 0 for never."`
	Limit      time.Duration `default:"12h" help:"Close a view after so long; 0 for never."`
	Max        int           `default:"16" help:"Views at a time; the last place is kept for an operator."`
	Log        string        `enum:"text,json" default:"text" help:"How the log on standard error is written: text or json."`
	Demo       bool          `help:"Share the embedded demo shop."`
	Patterns   string        `help:"With --demo: start with the shop's resilience patterns on or off." enum:"on,off" default:"off"`
	systemFlags
	screenFlags
}

// Run serves until a signal comes, and undoes everything then.
func (c serveCmd) Run() error {
	log := serveLog(c.Log, os.Stderr)
	slog.SetDefault(log) // what the SSH library tells about its own faults
	return withState(func(state string, cfg engine.Config) error {
		cfg, err := c.system(cfg)
		if err != nil {
			return err
		}
		session := cfg.Log
		cfg.Log = func(format string, args ...any) {
			session(format, args...)
			log.Warn("session: " + fmt.Sprintf(format, args...))
		}
		return c.serve(state, cfg, log)
	})
}

// serveLog writes one record a line.
func serveLog(format string, w io.Writer) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// system is what is shared: the demo, or what watch would look at.
func (c *serveCmd) system(cfg engine.Config) (engine.Config, error) {
	if !c.Demo {
		set, err := c.settings()
		if err != nil {
			return cfg, err
		}
		c.screenFlags = c.screenFlags.with(set)
		return c.config(cfg, set)
	}
	look, err := c.screenFlags.configured(c.configFlag)
	if err != nil {
		return cfg, err
	}
	c.screenFlags = look
	if cfg, err = demoConfig(cfg, c.Patterns == "on"); err != nil {
		return cfg, err
	}
	cfg.OTLPGRPC, cfg.OTLPHTTP, cfg.Ambient = c.OTLPGRPC, c.OTLPHTTP, "shop"
	if c.Window == 0 {
		c.Window = demoWindow
	}
	return cfg, nil
}

// serve opens the session and lets people in. The keys, the host key and the address are checked before anything is started.
func (c serveCmd) serve(state string, cfg engine.Config, log *slog.Logger) (err error) {
	if c.Grace < 0 || c.Idle < 0 || c.Limit < 0 || c.Max < 1 {
		return errors.New("--grace, --idle and --limit cannot be negative, and --max is 1 at least")
	}
	keys, err := c.authorised(log)
	if err != nil {
		return err
	}
	bound, err := keymap.New(c.Keys, c.Bind)
	if err != nil {
		return err
	}
	host, err := remote.HostKey(state)
	if err != nil {
		return err
	}
	theme, err := chooseTheme(c.Theme)
	if err != nil {
		return err
	}
	symbols, err := tui.ParseSymbols(c.Symbols)
	if err != nil {
		return err
	}
	listener, err := remote.Listen(c.SSH)
	if err != nil {
		return err
	}
	defer func() {
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) { // the server has closed it in order
			log.Warn("listener", "error", err)
		}
	}()
	if a, err := netip.ParseAddrPort(listener.Addr().String()); err == nil {
		cfg.Guarded = append(cfg.Guarded, a)
	}
	_, closeCrash, err := crashFile(state)
	if err != nil {
		return err
	}
	defer closeCrash()
	ctx, stop := withSignals(context.Background(), func(os.Signal) { os.Exit(exitAborted) })
	defer stop()
	s, err := engine.New(cfg)
	if err != nil {
		return err
	}
	armCrash()
	begun := time.Now()
	s.Start()
	shared := newShare(s, tui.Config{Themes: theme.all, Theme: theme.name, Window: c.Window, ASCII: c.ASCII, Symbols: symbols, NoMouse: c.NoMouse, Keys: bound}, state, cfg.Log)
	server, err := remote.Serve(listener, remote.Config{HostKey: host, Keys: keys, Log: log, Open: shared.open, Look: shared.look,
		Event: func(e signal.Event) { s.Event(e) }, Danger: shared.danger, Abort: shared.abort, Commands: shared.commands(),
		Grace: c.Grace, Idle: c.Idle, Limit: c.Limit, MaxViews: c.Max})
	if err != nil {
		return errors.Join(err, s.Close(ctx))
	}
	shared.people.Store(server)
	log.Info("serving", "system", cfg.Name, "environment", cfg.Environment, "ssh", listener.Addr().String(),
		"host_key", gossh.FingerprintSHA256(host.PublicKey()), "keys", c.Authorized)
	<-ctx.Done()
	return c.stop(ctx, state, s, begun, server, log)
}

// stop undoes everything first, then shows people out, then ends the session.
func (c serveCmd) stop(ctx context.Context, state string, s *engine.Session, begun time.Time, server *remote.Server, log *slog.Logger) error {
	why := "the server is being stopped"
	if sig, ok := signalled(ctx); ok {
		why += ": " + sig.String()
	}
	log.Info("stopping", "reason", why)
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_, undone := s.Abort(undo, why)
	if undone != nil {
		log.Error("undo", "error", undone)
	}
	closed := server.Close(why + "; what ran is undone")
	err := leave(ctx, state, s, begun, nil)
	var e exitError
	if errors.As(err, &e) && e.code == exitAborted { // that is how a server ends
		err = nil
	}
	return errors.Join(err, undone, closed)
}

// authorised is the file of those who may come in.
func (c *serveCmd) authorised(log *slog.Logger) (*remote.KeyFile, error) {
	if c.Authorized == "" {
		dir, err := configDir()
		if err != nil {
			return nil, err
		}
		c.Authorized = filepath.Join(dir, "authorized_keys")
	}
	return remote.OpenKeys(c.Authorized, log)
}

// commandWho and commandFaults are what can be asked for without a terminal.
const (
	commandWho    = "who"
	commandFaults = "faults"
)

// tellWho lists the people at a session, one a line.
func tellWho(w io.Writer, all []signal.Person) error {
	if len(all) == 0 {
		_, err := io.WriteString(w, "nobody is here\r\n")
		return err
	}
	width := 0
	for _, p := range all {
		width = max(width, utf8.RuneCountInString(p.Name))
	}
	for _, p := range all {
		role := "viewer"
		if p.Operator {
			role = "operator"
		}
		if _, err := fmt.Fprintf(w, "%-*s  %-8s  since %s\r\n", width, p.Name, role, p.Since.Format(time.RFC3339)); err != nil {
			return err
		}
	}
	return nil
}

func (s *share) commands() map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		commandWho: func(w io.Writer) error {
			return tellWho(w, s.here())
		},
		commandFaults: func(w io.Writer) error {
			n := 0
			for _, f := range s.session.Faults() {
				if !f.Phase.Active() {
					continue
				}
				n++
				if _, err := fmt.Fprintf(w, "%s  %s on %s  %s since %s\r\n", f.ID, f.Title, strings.Join(f.Targets, " "), f.Phase, f.Injected.Format(time.RFC3339)); err != nil {
					return err
				}
			}
			if n > 0 {
				return nil
			}
			_, err := io.WriteString(w, "no fault is in force\r\n")
			return err
		},
	}
}

var _ tui.Session = (*viewer)(nil)
