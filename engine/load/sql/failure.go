package sql

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	lite "modernc.org/sqlite"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
)

// connectError is a failure before there was a connection, or while logging in.
type connectError struct{ err error }

func (e *connectError) Error() string { return "connect: " + e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// argError is an argument that cannot be made.
type argError struct {
	statement, arg int
	err            error
}

func (e *argError) Error() string {
	return fmt.Sprintf("statement %d: args[%d]: %v", e.statement+1, e.arg, e.err)
}

// rowsError is a number of rows that the plan does not expect.
type rowsError struct {
	statement, of int
	got           int64
	want          *Count
}

func (e *rowsError) Error() string {
	text := fmt.Sprintf("%d rows, expected %s", e.got, e.want)
	if e.of > 1 {
		text = fmt.Sprintf("statement %d: %s", e.statement+1, text)
	}
	return text
}

// refused is an answer of a database that a statement failed.
type refused struct {
	state   string // SQLSTATE, five characters; "" when there is none
	number  int    // the database's own, 0 when it has none
	message string
	fatal   bool // it ends the connection
}

// answerOf is what a database has said, if it has said something.
func answerOf(err error) (refused, bool) {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var li *lite.Error
	switch {
	case errors.As(err, &pg):
		fatal := pg.SeverityUnlocalized == "FATAL" || pg.SeverityUnlocalized == "PANIC" || pg.Severity == "FATAL"
		return refused{state: pg.Code, message: pg.Message, fatal: fatal}, true
	case errors.As(err, &my):
		state := ""
		if my.SQLState != [5]byte{} {
			state = string(my.SQLState[:])
		}
		return refused{state: state, number: int(my.Number), message: my.Message}, true
	case errors.As(err, &li):
		return refused{state: liteState(li.Code()), number: li.Code(), message: li.Error()}, true
	}
	return refused{}, false
}

// liteState is the SQLSTATE class that says what one of SQLite's result codes means (https://sqlite.org/rescode.html).
func liteState(code int) string {
	switch code & 0xff {
	case 1, 25: // ERROR, RANGE
		return "42000"
	case 3, 8, 23: // PERM, READONLY, AUTH
		return "42501"
	case 5, 6: // BUSY, LOCKED
		return "40001"
	case 7, 13: // NOMEM, FULL
		return "53000"
	case 9: // INTERRUPT
		return "57014"
	case 14, 26: // CANTOPEN, NOTADB
		return "08001"
	case 19: // CONSTRAINT
		return "23000"
	case 18, 20: // TOOBIG, MISMATCH
		return "22000"
	}
	return "58000"
}

// usable reports whether the connection can be used again after a step has failed with err.
func usable(err error) bool {
	var rows *rowsError
	var args *argError
	if errors.As(err, &rows) || errors.As(err, &args) || misfit(err) {
		return true
	}
	var connecting *connectError
	said, ok := answerOf(err)
	return ok && !said.fatal && !strings.HasPrefix(said.state, "08") && !errors.As(err, &connecting)
}

// misfit is an error of database/sql or a driver about arguments, found before anything was sent.
func misfit(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, "sql: expected ") || strings.HasPrefix(text, "failed to encode args") ||
		strings.HasPrefix(text, "expected ") && strings.Contains(text, "arguments, got") || strings.HasPrefix(text, "mismatched param") ||
		strings.HasPrefix(text, "missing argument with index")
}

// failure tells what an error is. The status is the database's own number for it, where it has numbers.
func (t *target) failure(ctx context.Context, err error) (protocol.Kind, int, error) {
	var rows *rowsError
	var args *argError
	switch {
	case errors.As(err, &rows):
		return protocol.CheckFailed, 0, err
	case errors.As(err, &args):
		return protocol.Unsendable, 0, err
	case misfit(err):
		return protocol.Unsendable, 0, t.text(err.Error())
	}
	if said, ok := answerOf(err); ok && ctx.Err() == nil {
		text := said.message
		if said.state != "" {
			text = fmt.Sprintf("SQLSTATE %s: %s", said.state, text)
		}
		return said.kind(), said.number, t.text(text)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return protocol.Timeout, 0, errors.New("not answered in time")
	}
	return t.broken(err)
}

// kind is what the class of an SQLSTATE means (https://www.postgresql.org/docs/current/errcodes-appendix.html): the
// statement's own fault is a status 4xx, one that lies with the database or with what else goes on in it a 5xx.
func (r *refused) kind() protocol.Kind {
	if r.state == "57014" { // cancelled: the server's own limit on how long a statement may take
		return protocol.Timeout
	}
	if len(r.state) < 2 {
		return protocol.Status5xx
	}
	switch r.state[:2] {
	case "08":
		if r.number == 1040 { // MySQL has too many connections
			return protocol.Status5xx
		}
		return protocol.Connect
	case "57":
		if r.fatal {
			return protocol.Closed // shut down, or the connection was ended by an administrator
		}
		return protocol.Status5xx
	case "40", "53", "54", "55", "58", "F0", "XX":
		return protocol.Status5xx
	case "HY": // MySQL has put everything here that has no state of its own
		switch r.number {
		case 1205, 1037, 1038, 1041, 1053, 1203, 1226: // lock wait timeout, out of memory, shutdown, too many connections
			return protocol.Status5xx
		case 3024, 1969: // the statement's own time limit
			return protocol.Timeout
		}
	case "70":
		if r.number == 1317 || r.number == 1969 { // interrupted
			return protocol.Timeout
		}
	}
	return protocol.Status4xx
}

// broken tells what an error is that is not the database's answer.
func (t *target) broken(err error) (protocol.Kind, int, error) {
	var connecting *connectError
	var network net.Error
	var errno syscall.Errno
	var dns *net.DNSError
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var malformed dial.Malformed
	text := t.text(err.Error())
	switch {
	case errors.As(err, &malformed):
		return protocol.BadResponse, 0, text
	case errors.As(err, &verify), errors.As(err, &record), errors.As(err, &alert), errors.Is(err, mysql.ErrNoTLS),
		strings.Contains(err.Error(), "server refused TLS"):
		return protocol.TLS, 0, text
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, pgconn.ErrConnClosed), errors.Is(err, net.ErrClosed):
		return protocol.Closed, 0, text
	case errors.As(err, &dns), errors.As(err, &network), errors.As(err, &errno):
		kind := dial.Classify(err)
		if kind == protocol.Reset && errors.As(err, &connecting) && !errors.Is(err, syscall.ECONNRESET) {
			kind = protocol.Connect
		}
		return kind, 0, text
	}
	return protocol.BadResponse, 0, text
}

// text makes an error of a text that may hold anything.
func (t *target) text(s string) error { return errors.New(t.clean(s)) }
