package sql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver of sqlite targets

	"gameday/engine/load/protocol"
	"gameday/sources/sanitize"
)

// dialect is the kind of database.
type dialect uint8

const (
	postgres dialect = iota
	mySQL
	sqlite
)

// maxMessage bounds what one message of a server may make us hold.
const maxMessage = 64 << 20

// target is where a database is and how to speak to it.
type target struct {
	dialect  dialect
	postgres *pgx.ConnConfig
	mysql    *mysql.Config
	file     string // of SQLite
	secrets  []string
}

// dialer makes the drivers' network connections.
type dialer interface {
	dial(ctx context.Context, network, address string) (net.Conn, error)
	lookup(ctx context.Context, host string) ([]string, error)
	complain(error) // of what a server sends, where the driver would not say it
}

// parse reads a target's URL. Its errors hold neither the URL nor a password.
func parse(address string, o protocol.Options) (*target, error) {
	u, err := url.Parse(address)
	if err != nil {
		// The library's error quotes the whole address, and that may hold a password.
		if detail := (*url.Error)(nil); errors.As(err, &detail) {
			err = detail.Err
		}
		return nil, fmt.Errorf("read the target's address: %w", err)
	}
	t := &target{}
	if secret, ok := u.User.Password(); ok {
		t.secrets = append(t.secrets, secret, url.QueryEscape(secret), url.PathEscape(secret))
	}
	for name, values := range u.Query() {
		if strings.Contains(strings.ToLower(name), "pass") {
			t.secrets = append(t.secrets, values...)
		}
	}
	switch u.Scheme {
	case "postgres", "postgresql":
		err = t.parsePostgres(u, o.TLS)
	case "mysql", "mariadb":
		err = t.parseMySQL(u, o.TLS)
	case "sqlite":
		t.dialect = sqlite
		if t.file = u.Opaque + u.Host + u.Path; t.file == "" {
			err = errors.New("names no file: write sqlite:///path/to/file.db")
		} else if u.RawQuery != "" {
			t.file = "file:" + t.file + "?" + u.RawQuery
		}
	default:
		return nil, fmt.Errorf("target's address must start with postgres://, mysql:// or sqlite://, not %s://", sanitize.Line(u.Scheme, 32))
	}
	if err != nil {
		return nil, fmt.Errorf("read the target's address %s://%s: %s", u.Scheme, u.Host, t.clean(err.Error()))
	}
	return t, nil
}

func (t *target) parsePostgres(u *url.URL, config *tls.Config) error {
	if u.Host == "" && u.Query().Get("host") == "" {
		return errors.New("it has no host")
	}
	c, err := pgx.ParseConfig(u.String())
	if err != nil {
		return err
	}
	t.dialect, t.postgres = postgres, c
	if c.Password != "" {
		t.secrets = append(t.secrets, c.Password)
	}
	// Nothing of the driver's may stand between a step and the server: statements that are not prepared by us go out in one
	// message with their arguments beside them, as text, for the server to convert.
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.StatementCacheCapacity, c.DescriptionCacheCapacity = 0, 0
	c.MaxProtocolMessageBodyLen = maxMessage
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "gameday"
	}
	switch u.Query().Get("sslmode") {
	case "require", "verify-ca", "verify-full":
		if config != nil {
			c.TLSConfig = named(config, c.Host)
		}
	}
	return nil
}

func named(config *tls.Config, host string) *tls.Config {
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	return config
}

func (t *target) parseMySQL(u *url.URL, config *tls.Config) error {
	if u.Hostname() == "" {
		return errors.New("it has no host")
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	address := net.JoinHostPort(u.Hostname(), port)
	c, err := mysql.ParseDSN("tcp(" + address + ")/" + url.PathEscape(strings.TrimPrefix(u.Path, "/")) + "?" + u.RawQuery)
	if err != nil {
		return err
	}
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.Logger = log.New(io.Discard, "", 0) // its default writes over the screen; every error comes back as an error, too
	c.MaxAllowedPacket = maxMessage
	c.AllowAllFiles = false // a server could ask for any file of this machine
	c.InterpolateParams = false
	if config != nil && (c.TLSConfig == "true" || c.TLSConfig == "preferred") {
		c.TLS = named(config, u.Hostname())
	}
	t.dialect, t.mysql = mySQL, c
	return nil
}

// open makes a pool for one worker, whose network connections the dialer makes. Nothing is connected yet.
func (t *target) open(d dialer) (*sql.DB, error) {
	switch t.dialect {
	case postgres:
		c := *t.postgres
		c.DialFunc, c.LookupFunc = d.dial, d.lookup
		return sql.OpenDB(stdlib.GetConnector(c)), nil
	case mySQL:
		c := t.mysql.Clone()
		c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			raw, err := d.dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &greeting{Conn: raw, complain: d.complain}, nil
		}
		connector, err := mysql.NewConnector(c)
		if err != nil {
			return nil, err
		}
		return sql.OpenDB(connector), nil
	}
	return sql.Open("sqlite", t.file)
}

// clean takes secrets out of a text and makes it harmless to a terminal.
func (t *target) clean(text string) string {
	for _, s := range t.secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "…")
		}
	}
	return sanitize.Line(text, 256)
}
