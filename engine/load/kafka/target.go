package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
	"gameday/sources/sanitize"
)

const (
	maxAnswer   = 64 << 20 // of a broker
	dialTimeout = 10 * time.Second
)

// target is where the brokers are and how to log in.
type target struct {
	brokers      []string
	tls          *tls.Config
	user, secret string
	mechanism    string
}

// parse reads a target. Its errors hold neither the address nor a password.
func parse(address string, o protocol.Options) (*target, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	t := &target{}
	rest, query, _ := strings.Cut(rest, "?")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, secret, _ := strings.Cut(rest[:at], ":")
		var err1, err2 error
		t.user, err1 = url.PathUnescape(user)
		t.secret, err2 = url.PathUnescape(secret)
		if err1 != nil || err2 != nil {
			return nil, errors.New("read the target's address: user or password is not percent-encoded rightly")
		}
		t.mechanism, rest = "plain", rest[at+1:]
	}
	ports := map[string]string{"kafka": "9092", "kafkas": "9093"}
	for _, broker := range strings.Split(strings.TrimSuffix(rest, "/"), ",") {
		a, err := dial.Parse(scheme+"://"+strings.TrimSpace(broker), ports)
		if err == nil {
			err = a.Bare()
		}
		if err != nil {
			return nil, err
		}
		if scheme == "kafkas" && t.tls == nil {
			t.tls = &tls.Config{MinVersion: tls.VersionTLS12}
			if o.TLS != nil {
				t.tls = o.TLS.Clone()
			}
		}
		t.brokers = append(t.brokers, a.String())
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("read the target's address: what stands after ? is not percent-encoded rightly")
	}
	for name, given := range values {
		if name != "sasl" || t.user == "" {
			return nil, fmt.Errorf("target's address: parameter %q is not known: there is only sasl, beside a user and a password", sanitize.Line(name, 32))
		}
		t.mechanism = given[0]
	}
	switch t.mechanism {
	case "", "plain", "scram-sha-256", "scram-sha-512":
		return t, nil
	}
	return nil, errors.New("target's address: sasl must be plain, scram-sha-256 or scram-sha-512")
}

// cluster is one client of the library, which has connections and goroutines of its own.
type cluster struct {
	*kgo.Client
	end context.CancelFunc
}

// Close leaves the group, if there is one, and gives the connections up. Left to itself, the library waits for brokers
// that do not answer.
func (c *cluster) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = c.LeaveGroupContext(ctx) // the brokers find out by themselves, too
	c.end()
	c.Client.Close()
}

// open makes a client of the library. It does not connect yet.
func (t *target) open(h *health, more ...kgo.Opt) (*cluster, error) {
	ctx, end := context.WithCancel(context.Background())
	options := []kgo.Opt{
		kgo.WithContext(ctx),
		kgo.SeedBrokers(t.brokers...), kgo.ClientID("gameday"), kgo.Dialer(t.dialer(ctx)), kgo.WithHooks(h),
		kgo.BrokerMaxReadBytes(maxAnswer), kgo.MaxDecompressBatchBytes(maxAnswer), kgo.DisableClientMetrics(),
		// A step's timeout is often shorter than the library's patience with metadata: it asks again sooner.
		kgo.MetadataMinAge(100 * time.Millisecond), kgo.UnknownTopicRetries(2),
		kgo.RetryBackoffFn(func(tries int) time.Duration { return min(time.Duration(tries)*50*time.Millisecond, time.Second) }),
	}
	switch t.mechanism {
	case "plain":
		options = append(options, kgo.SASL(plain.Auth{User: t.user, Pass: t.secret}.AsMechanism()))
	case "scram-sha-256":
		options = append(options, kgo.SASL(scram.Auth{User: t.user, Pass: t.secret}.AsSha256Mechanism()))
	case "scram-sha-512":
		options = append(options, kgo.SASL(scram.Auth{User: t.user, Pass: t.secret}.AsSha512Mechanism()))
	}
	client, err := kgo.NewClient(append(options, more...)...)
	if err != nil {
		end()
		return nil, errors.New(t.clean(err.Error()))
	}
	return &cluster{client, end}, nil
}

// lived is a connection that is closed when a life ends: the library waits for a first answer as long as it takes.
type lived struct {
	net.Conn
	release func() bool
}

// Close is net.Conn's.
func (l *lived) Close() error {
	l.release()
	return l.Conn.Close()
}

func (t *target) dialer(life context.Context) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		d := net.Dialer{Timeout: dialTimeout}
		raw, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		release := context.AfterFunc(life, func() { _ = raw.Close() }) // whoever reads from it sees the error that matters
		conn := &lived{raw, release}
		if t.tls == nil {
			return conn, nil
		}
		return t.shake(ctx, conn, address)
	}
}

func (t *target) shake(ctx context.Context, raw net.Conn, address string) (net.Conn, error) {
	config := t.tls
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, errors.Join(err, raw.Close())
		}
		config = config.Clone()
		config.ServerName = host
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	shaken := tls.Client(raw, config)
	if err := shaken.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(&handshakeError{err}, raw.Close())
	}
	return shaken, nil
}

// clean takes the password out of a text and makes it harmless to a terminal.
func (t *target) clean(text string) string {
	if t.secret != "" {
		text = strings.ReplaceAll(text, t.secret, "…")
	}
	return sanitize.Line(text, 256)
}
