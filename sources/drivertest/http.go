package drivertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

// HTTP tells the suite how to put a driver through that asks its system over HTTP. The suite stands between the two: it
// passes requests on to the system's handler, and in between refuses them, answers slowly, cuts answers off, sends
// immense ones, shows wrong certificates, has a wrong clock, or is not there.
//
//	func TestConformance(t *testing.T) {
//		drivertest.RunHTTP(t, drivertest.HTTP{
//			Kind:   jaeger.Kind(),
//			Spans:  true,
//			System: func(t *testing.T, known signal.Batch) http.Handler { … },
//			Huge:   drivertest.Huge{Head: `{"data":[`, Item: `{"operationName":"` + drivertest.Filler + `"}`, Separator: `,`, Tail: `]}`},
//		})
//	}
//
// System is a handler that answers as the system does, from the signals it is given; for a real server, write the
// signals into it and return an httputil.ReverseProxy to it.
type HTTP struct {
	Kind driver.Kind
	// Options are the kind's own, as YAML; "" for none. A small page makes the suite see paging.
	Options string
	// System starts a system that holds the signals. What it needs to be taken down goes into t.Cleanup.
	System func(t *testing.T, known signal.Batch) http.Handler
	// What the system can hold. Of the others the suite gives none.
	Logs, Spans, Metrics, Events bool
	// Ask asks for a window, an ID, a limit; nil asks through driver.Querier. A driver that answers PromQL turns its series
	// into points here, and client.ErrTruncated into Answer.Truncated.
	Ask func(ctx context.Context, d driver.Driver, q driver.Query) (driver.Answer, error)
	// Text asks for everything, in the system's language.
	Text string
	// Huge is a good answer to whatever Ask sends, in parts.
	Huge Huge
	// NoIDs and NoLimit say why a driver is not asked for IDs, or keeps to no limit.
	NoIDs, NoLimit string
}

// Huge are the parts of an answer that may be made as long as one likes.
type Huge struct {
	ContentType           string // default application/json
	Head, Item, Separator string // the first Filler in Item stands for a text of any length
	Tail                  string
}

// Filler stands for a text of any length.
const Filler = "\x00filler\x00"

// secretText is the token that all requests carry; it must never be seen again.
const secretText = "s3cret-of-the-suite"

// RunHTTP puts the driver through the suite.
func RunHTTP(t *testing.T, h HTTP) {
	require.NotNil(t, h.System, "a harness needs System")
	require.NotNil(t, h.Kind.Open, "a harness needs Kind")
	if h.Ask == nil {
		h.Ask = func(ctx context.Context, d driver.Driver, q driver.Query) (driver.Answer, error) {
			return d.(driver.Querier).Query(ctx, q)
		}
	}
	s := newSuite(t, h)
	for _, one := range []struct {
		name string
		test func(*testing.T, *suite)
	}{
		{"asks for a window", asksForAWindow},
		{"finds by correlation ID", findsByID},
		{"keeps to a limit", keepsToALimit},
		{"gives up when cancelled", givesUp},
		{"gives up in time", timesOut},
		{"says why it was refused", refusals},
		{"waits for slow answers", slowAnswers},
		{"notices answers that are cut off", cutOffAnswers},
		{"reads immense answers within bounds", immenseAnswers},
		{"does not take other answers for its own", otherAnswers},
		{"says what is wrong with TLS", wrongTLS},
		{"tells a wrong clock", wrongClock},
		{"comes back when its system does", comesBack},
		{"ends when cancelled", runEnds},
	} {
		t.Run(one.name, func(t *testing.T) {
			leak := goleak.IgnoreCurrent()
			t.Cleanup(func() { s.idle(); goleak.VerifyNone(t, leak) })
			one.test(t, s)
		})
	}
}

// suite is one run of the suite: a system that holds what is known, and a front before it.
type suite struct {
	h      HTTP
	known  signal.Batch
	window signal.Window // around all that is known
	system http.Handler
}

func newSuite(t *testing.T, h HTTP) *suite {
	s := &suite{h: h}
	s.known, s.window = knowledge(time.Now(), h)
	s.system = h.System(t, s.known)
	return s
}

// idle ends what a reverse proxy keeps.
func (s *suite) idle() {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// fault answers in the place of the system, or passes on to it.
type fault func(w http.ResponseWriter, r *http.Request, system http.Handler)

// front is what a driver speaks to.
type front struct {
	*httptest.Server
	mu    sync.Mutex
	fault fault
	// release ends handlers that hang
	release chan struct{}
}

func (s *suite) unstarted(t *testing.T) *front {
	f := &front{release: make(chan struct{})}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		fault := f.fault
		f.mu.Unlock()
		if fault == nil {
			s.system.ServeHTTP(w, r)
			return
		}
		fault(w, r, s.system)
	}))
	f.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	t.Cleanup(func() {
		close(f.release)
		f.Close()
	})
	return f
}

func (s *suite) front(t *testing.T, fault fault) *front {
	f := s.unstarted(t)
	f.fault = fault
	f.Start()
	return f
}

func (f *front) set(to fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = to
}

// open makes a driver for an address.
func (s *suite) open(t *testing.T, address string, cfg client.Config) driver.Driver {
	t.Helper()
	settings := driver.Settings{Name: "test", Address: address, Client: cfg, Every: 20 * time.Millisecond}
	if s.h.Options != "" {
		doc, err := spec.Parse("options", []byte(s.h.Options))
		require.NoError(t, err)
		settings.Options = doc
	}
	d, err := s.h.Kind.Open(settings)
	require.NoError(t, err)
	if c, ok := d.(io.Closer); ok {
		t.Cleanup(func() { require.NoError(t, c.Close()) })
	}
	return d
}

// ask asks for everything known, with patience.
func (s *suite) ask(t *testing.T, d driver.Driver) (driver.Answer, error) {
	t.Helper()
	return s.askFor(t, d, driver.Query{Window: s.window, Text: s.h.Text, Limit: 10_000})
}

func (s *suite) askFor(t *testing.T, d driver.Driver, q driver.Query) (driver.Answer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a, err := s.h.Ask(ctx, d, q)
	if err != nil {
		requireHarmless(t, err.Error())
		require.NotContains(t, err.Error(), secretText)
	}
	return a, err
}

// goes asks until it succeeds: the system may need a moment for what was written into it.
func (s *suite) goes(t *testing.T, d driver.Driver, want int) driver.Answer {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		a, err := s.ask(t, d)
		if err == nil && a.Len() >= want || time.Now().After(deadline) {
			require.NoError(t, err)
			return a
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// recorded is a good answer of the system.
func recorded(r *http.Request, system http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	out := r.Clone(r.Context())
	out.Header.Set("Accept-Encoding", "identity")
	system.ServeHTTP(w, out)
	return w
}

func copyHeader(to, from http.Header) {
	for key, values := range from {
		to[key] = values
	}
}

// write writes items of that many bytes each until there are so many bytes, and reports what went wrong.
func (h Huge) write(w io.Writer, bytesInAll, textBytes int) error {
	before, after, ok := strings.Cut(h.Item, Filler)
	if !ok {
		return fmt.Errorf("Huge.Item has no Filler")
	}
	if _, err := io.WriteString(w, h.Head); err != nil {
		return err
	}
	piece := bytes.Repeat([]byte("x"), 64<<10)
	for done := 0; done < bytesInAll; done += len(h.Item) + textBytes {
		if done > 0 {
			if _, err := io.WriteString(w, h.Separator); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, before); err != nil {
			return err
		}
		for left := textBytes; left > 0; left -= len(piece) {
			if _, err := w.Write(piece[:min(left, len(piece))]); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, after); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, h.Tail)
	return err
}
