package dns

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
	"gameday/sources/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zone answers as a small authoritative server would.
func zone(w miekg.ResponseWriter, r *miekg.Msg) {
	m := new(miekg.Msg).SetReply(r)
	m.Compress = true
	name := strings.ToLower(r.Question[0].Name)
	add := func(format string, args ...any) {
		rr, err := miekg.NewRR(r.Question[0].Name + " 60 IN " + fmt.Sprintf(format, args...))
		if err == nil {
			m.Answer = append(m.Answer, rr)
		}
	}
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	switch {
	case name == "missing.test.":
		m.Rcode = miekg.RcodeNameError
	case name == "badvers.test.":
		m.SetEdns0(1232, false)
		m.Rcode = miekg.RcodeBadVers
	case name == "formerr.test.":
		m.Rcode, m.Question = miekg.RcodeFormatError, nil
	case name == "big.test.":
		for i := range 60 {
			add("TXT \"%d %s\"", i, strings.Repeat("x", 40))
		}
	case name == "always-cut.test.":
		m.Truncated = true
	case name == "recursion.test.":
		add("TXT \"%v\"", r.RecursionDesired)
	case name == "edns.test.":
		if o := r.IsEdns0(); o != nil {
			add("TXT \"%d %v\"", o.UDPSize(), o.Do())
		} else {
			add("TXT none")
		}
	case r.Question[0].Qtype == miekg.TypeMX:
		add("MX 10 mail.test.")
		add("MX 20 backup.test.")
	default:
		add("A 192.0.2.1")
	}
	if udp {
		size := 512
		if o := r.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
		m.Truncate(size)
	}
	_ = w.WriteMsg(m)
}

// serve answers over UDP and TCP on one port, or over TLS.
func serve(t testing.TB, handler miekg.HandlerFunc, config *tls.Config) (address string) {
	t.Helper()
	var listener net.Listener
	var packets net.PacketConn
	for range 20 {
		var err error
		listener, err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		if packets, err = net.ListenPacket("udp", listener.Addr().String()); err == nil {
			break
		}
		require.NoError(t, listener.Close())
	}
	require.NotNil(t, packets)
	address = listener.Addr().String()
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	for _, s := range []*miekg.Server{{Listener: listener, Handler: handler}, {PacketConn: packets, Handler: handler, UDPSize: 4096}} {
		started, done := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(started) }
		go func() { done <- s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { require.NoError(t, s.Shutdown()); require.NoError(t, <-done) })
	}
	return address
}

func client(t testing.TB, target string, o protocol.Options, q Query, s protocol.Step) protocol.Client {
	t.Helper()
	p, err := New(target, o)
	require.NoError(t, err)
	s.Name = "step"
	if s.Timeout == 0 {
		s.Timeout = 30 * time.Second
	}
	handle, err := p.Prepare(s, &q)
	require.NoError(t, err)
	require.Zero(t, handle)
	c := p.NewClient(t.Context(), time.Now())
	t.Cleanup(c.Close) // before the servers', which wait for their connections
	return c
}

func do(c protocol.Client, n uint64) protocol.Outcome {
	var out protocol.Outcome
	call := protocol.Call{Values: template.Values{N: n, Plan: rand.New(rand.NewPCG(1, 1)), Fresh: rand.New(rand.NewPCG(2, 2))}}
	c.Do(&call, &out)
	return out
}

func TestAnswers(t *testing.T) {
	address := serve(t, zone, nil)
	no := false
	for name, c := range map[string]struct {
		q       Query
		rcode   int
		answers float64
		body    string
	}{
		"a":           {Query{Name: "www.test"}, 0, 1, "www.test. 60 IN A 192.0.2.1\n"},
		"per request": {Query{Name: "www.test", Connection: "per-request"}, 0, 1, "www.test. 60 IN A 192.0.2.1\n"},
		"template":    {Query{Name: "host{{n}}.TEST."}, 0, 1, "host7.TEST. 60 IN A 192.0.2.1\n"},
		"contains":    {Query{Name: "www.test", Expect: Expect{Contains: "192.0.2.1", Answers: 1}}, 0, 1, "www.test. 60 IN A 192.0.2.1\n"},
		"mx":          {Query{Name: "test", Type: "mx", Expect: Expect{Contains: "10 mail", Answers: 2}}, 0, 2, "test. 60 IN MX 10 mail.test.\ntest. 60 IN MX 20 backup.test.\n"},
		"nxdomain":    {Query{Name: "missing.test", Expect: Expect{Rcode: Rcodes{"NOERROR", "nxdomain"}}}, 3, 0, ""},
		"extended":    {Query{Name: "badvers.test", Expect: Expect{Rcode: Rcodes{"BADVERS"}}}, 16, 0, ""},
		"no question": {Query{Name: "formerr.test", Expect: Expect{Rcode: Rcodes{"1"}}}, 1, 0, ""},
		"recursion":   {Query{Name: "recursion.test", Type: "TXT", Recursion: &no}, 0, 1, "recursion.test. 60 IN TXT \"false\"\n"},
		"edns":        {Query{Name: "edns.test", Type: "TYPE16", EDNS: 4096, DNSSEC: true}, 0, 1, "edns.test. 60 IN TXT \"4096 true\"\n"},
		"edns usual":  {Query{Name: "edns.test", Type: "TXT"}, 0, 1, "edns.test. 60 IN TXT \"1232 false\"\n"},
		"no edns":     {Query{Name: "edns.test", Type: "TXT", EDNS: -1}, 0, 1, "edns.test. 60 IN TXT \"none\"\n"},
	} {
		for _, scheme := range []string{"dns://", "dns+tcp://"} {
			t.Run(scheme+name, func(t *testing.T) {
				cl := client(t, scheme+address, protocol.Options{}, c.q, protocol.Step{Keep: 1000})
				for i := range 2 {
					out := do(cl, 7)
					require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
					require.Equal(t, c.rcode, out.Status)
					require.Equal(t, c.body, string(out.Body))
					require.Equal(t, [4]float64{c.answers}, out.Extra)
					require.Positive(t, out.Received)
					require.Equal(t, i > 0 && c.q.Connection == "", out.Reused)
				}
				cl.Close()
			})
		}
	}
}

func TestUnexpectedAnswersFailTheirChecks(t *testing.T) {
	address := serve(t, zone, nil)
	for want, q := range map[string]Query{
		"NXDOMAIN":                     {Name: "missing.test"},
		"BADVERS":                      {Name: "badvers.test"},
		"NOERROR":                      {Name: "www.test", Expect: Expect{Rcode: Rcodes{"NXDOMAIN"}}},
		"1 records":                    {Name: "www.test", Expect: Expect{Answers: 2}},
		"contains what the plan expec": {Name: "www.test", Expect: Expect{Contains: "192.0.2.2"}},
	} {
		out := do(client(t, "dns://"+address, protocol.Options{}, q, protocol.Step{}), 0)
		require.Equal(t, protocol.CheckFailed, out.Kind, want)
		require.ErrorContains(t, out.Err, want)
		require.Positive(t, out.Received)
	}
}

func TestTruncatedAnswersAreAskedForAgain(t *testing.T) {
	address := serve(t, zone, nil)
	c := client(t, "dns://"+address, protocol.Options{}, Query{Name: "big.test", Type: "TXT", Expect: Expect{Answers: 60}}, protocol.Step{})
	for i := range 3 {
		out := do(c, 0)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.Equal(t, [4]float64{60, 1}, out.Extra)
		require.Equal(t, map[bool]uint32{true: 2, false: 0}[i == 0], out.Dials)
	}
	c.Close()
	c = client(t, "dns://"+address, protocol.Options{}, Query{Name: "big.test", Type: "TXT", AcceptTruncated: true, Expect: Expect{Contains: "xxx"}}, protocol.Step{})
	out := do(c, 0)
	require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
	require.EqualValues(t, 1, out.Extra[1])
	require.EqualValues(t, 1, out.Dials)
	c = client(t, "dns://"+address, protocol.Options{}, Query{Name: "always-cut.test"}, protocol.Step{})
	out = do(c, 0)
	require.Equal(t, protocol.BadResponse, out.Kind)
	require.EqualValues(t, 2, out.Extra[1])
	c.Close()
}

func TestTLS(t *testing.T) {
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	address := serve(t, zone, &tls.Config{Certificates: srv.TLS.Certificates, NextProtos: []string{"dot"}})
	o := protocol.Options{TLS: srv.Client().Transport.(*http.Transport).TLSClientConfig}
	c := client(t, "dot://"+address, o, Query{Name: "www.test", Expect: Expect{Contains: "192.0.2.1"}}, protocol.Step{})
	for i := range 3 {
		out := do(c, 0)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.Equal(t, i == 0, out.Phases.TLS > 0)
	}
	c.Close()
	strict := client(t, "dot://"+address, protocol.Options{}, Query{Name: "www.test"}, protocol.Step{})
	require.Equal(t, protocol.TLS, do(strict, 0).Kind)
}

func TestInterruptionAndNobodyListening(t *testing.T) {
	p, err := New(raw(t, func([]byte) [][]byte { return nil }), protocol.Options{})
	require.NoError(t, err)
	_, err = p.Prepare(protocol.Step{Name: "s", Timeout: time.Hour}, &Query{Name: "x"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	c := p.NewClient(ctx, time.Now())
	defer c.Close()
	time.AfterFunc(20*time.Millisecond, cancel)
	require.Equal(t, protocol.Interrupted, do(c, 0).Kind)

	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	target := "dns://" + s.LocalAddr().String()
	require.NoError(t, s.Close())
	require.Equal(t, protocol.Refused, do(client(t, target, protocol.Options{}, Query{Name: "x"}, protocol.Step{}), 0).Kind)
}

func TestMistakesAreFoundBeforeTheRun(t *testing.T) {
	for want, q := range map[string]Query{
		"nothing to ask for":   {},
		"name: ":               {Name: "{{nonsense 1}}"},
		"1 to 63 bytes":        {Name: strings.Repeat("x", 64) + ".test"},
		"at most 255":          {Name: strings.Repeat("xx.", 90)},
		"no type of record":    {Name: "x", Type: "B"},
		"cannot be asked for":  {Name: "x", Type: "axfr"},
		"edns: 100":            {Name: "x", EDNS: 100},
		"dnssec: ":             {Name: "x", EDNS: -1, DNSSEC: true},
		"connection: ":         {Name: "x", Connection: "new"},
		"no response code":     {Name: "x", Expect: Expect{Rcode: Rcodes{"FINE"}}},
		"expect.answers: -1":   {Name: "x", Expect: Expect{Answers: -1}},
		"\"5000\" is no respo": {Name: "x", Expect: Expect{Rcode: Rcodes{"5000"}}},
	} {
		p, err := New("dns://127.0.0.1", protocol.Options{})
		require.NoError(t, err)
		_, err = p.Prepare(protocol.Step{Name: "s", Timeout: time.Second}, &q)
		require.ErrorContains(t, err, want)
	}
	for _, target := range []string{"tcp://h:1", "dns://", "dns://h/path"} {
		_, err := New(target, protocol.Options{})
		require.Error(t, err, target)
	}
	c := client(t, "dns://127.0.0.1:1", protocol.Options{}, Query{Name: "{{text 100}}.test"}, protocol.Step{})
	require.Equal(t, protocol.Unsendable, do(c, 0).Kind)
}

func TestRcodesInAPlan(t *testing.T) {
	for text, want := range map[string]Rcodes{"name: x\nexpect: {rcode: NXDOMAIN}": {"NXDOMAIN"}, "name: x\nexpect: {rcode: [NOERROR, 3]}": {"NOERROR", "3"}} {
		doc, err := spec.Parse("plan", []byte(text))
		require.NoError(t, err)
		var q Query
		doc.Decode(&q)
		require.NoError(t, doc.Err())
		require.Equal(t, want, q.Expect.Rcode)
	}
	_, err := spec.Schema("query", Query{})
	require.NoError(t, err)
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	var served atomic.Int64
	s, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	var done sync.WaitGroup
	defer done.Wait()
	defer func() { _ = s.Close() }()
	done.Go(func() {
		for buf := make([]byte, 1000); ; {
			n, from, err := s.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			buf[2] |= 0x80
			served.Add(1)
			_, _ = s.WriteToUDPAddrPort(buf[:n], from)
		}
	})
	c := client(t, "dns://"+s.LocalAddr().String(), protocol.Options{}, Query{Name: "www.test"}, protocol.Step{})
	var out protocol.Outcome
	call := protocol.Call{}
	require.Less(t, testing.AllocsPerRun(500, func() { c.Do(&call, &out) }), 0.5)
	require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
	require.Positive(t, served.Load())
}
