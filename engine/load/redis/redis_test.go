package redis

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/engine/load/protocol"
	"gameday/engine/load/servertest"
	"gameday/engine/load/template"
	"gameday/sources/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what must happen, on however slow a machine.
const patience = 30 * time.Second

type bench struct {
	t      testing.TB
	client protocol.Client
	values template.Values
}

func ask() protocol.Step {
	return protocol.Step{Name: "step", Timeout: patience, Keep: 1000, Names: func(name string) (int, bool) { return 0, name == "id" }}
}

// newBench prepares the steps, whose handles are their indexes.
func newBench(t testing.TB, ctx context.Context, target string, s protocol.Step, steps ...string) *bench {
	t.Helper()
	p, err := New(target, protocol.Options{})
	require.NoError(t, err)
	for i, text := range steps {
		handle, err := p.Prepare(s, parse(t, text))
		require.NoError(t, err)
		require.Equal(t, i, handle)
	}
	b := &bench{t: t, client: p.NewClient(ctx, time.Now())}
	t.Cleanup(b.client.Close)
	b.values = template.Values{Plan: rand.New(rand.NewPCG(1, 2)), Fresh: rand.New(rand.NewPCG(3, 4)), Slots: [][]byte{[]byte("7")}}
	return b
}

func parse(t testing.TB, text string) *Pipeline {
	t.Helper()
	doc, err := spec.Parse("", []byte(text))
	require.NoError(t, err)
	var p Pipeline
	doc.Decode(&p)
	p.Validate(doc.Reportf)
	require.NoError(t, doc.Err())
	return &p
}

func (b *bench) do(step int) protocol.Outcome {
	b.t.Helper()
	var out protocol.Outcome
	b.client.Do(&protocol.Call{Values: b.values, Request: step}, &out)
	require.GreaterOrEqual(b.t, out.Done, out.Start)
	require.Less(b.t, out.Done-out.Start, patience+10*time.Second)
	if out.Err != nil {
		require.NotContains(b.t, out.Err.Error(), servertest.Password)
	}
	return out
}

func (b *bench) must(step int) protocol.Outcome {
	b.t.Helper()
	out := b.do(step)
	require.NoError(b.t, out.Err)
	require.Equal(b.t, protocol.OK, out.Kind)
	return out
}

func TestServer(t *testing.T) {
	target := servertest.Redis(t)
	t.Run("commands", func(t *testing.T) { commands(t, target) })
	t.Run("expectations", func(t *testing.T) { expectations(t, target) })
	t.Run("database and login", func(t *testing.T) { logins(t, target) })
	t.Run("ends", func(t *testing.T) { ends(t, target) })
	t.Run("RESP3", func(t *testing.T) { resp3(t, target) })
	t.Run("publish", func(t *testing.T) {
		b := newBench(t, t.Context(), target, ask(), "command: PUBLISH news {{n}}\nexpect: {value: 0, type: integer}")
		b.must(0)
	})
}

func commands(t *testing.T, target string) {
	b := newBench(t, t.Context(), target, ask(),
		`command: SET user:{{n}} "a {{id}}\r\nb"`+"\nexpect: OK",
		`command: [GET, "user:{{n}}"]`,
		"pipeline: [{command: 'RPUSH list a {{id}}'}, {command: 'LRANGE list 0 -1', expect: {type: array}}, {command: GET nothing, expect: {type: nil}}]",
		"command: SET big {{text 1000000}}", "command: GET big")
	out := b.must(0)
	require.False(t, out.Reused)
	require.Equal(t, uint32(1), out.Dials)
	require.Positive(t, out.Phases.Connect)
	require.Positive(t, out.Phases.Wait)
	out = b.must(1)
	require.True(t, out.Reused)
	require.Equal(t, "a 7\r\nb\n", string(out.Body))
	out = b.must(2)
	require.Equal(t, "2\na\n7\n\n", string(out.Body))
	require.Equal(t, [protocol.MaxExtras]float64{3, 1, 0}, out.Extra)
	b.must(3)
	out = b.must(4)
	require.Equal(t, int64(len("$1000000\r\n\r\n")+1_000_000), out.Received)
	require.Len(t, out.Body, 1000)
	b.values.Slots[0] = []byte("x\r\n*1\r\n$8\r\nFLUSHALL\r\n")
	b.must(0)
	require.Equal(t, "a "+string(b.values.Slots[0])+"\r\nb\n", string(b.must(1).Body), "an argument stays one")
}

func expectations(t *testing.T, target string) {
	b := newBench(t, t.Context(), target, ask(),
		"command: SET k v\nexpect: '{{id}}'", "command: GET k\nexpect: v", "command: GET k\nexpect: vv",
		"command: GET k\nexpect: {type: integer}", "command: GET gone\nexpect: ''", "command: INCR k\nexpect: {type: error}",
		"command: INCR k", "pipeline: [{command: INCR k}, {command: LPOP k}, {command: GET k}]", "command: NONSENSE 1",
		"pipeline: [{command: MULTI}, {command: INCR k}, {command: EXEC}]")
	b.values.Slots[0] = []byte("OK")
	b.must(0)
	b.must(1)
	out := b.do(2)
	require.Equal(t, protocol.CheckFailed, out.Kind)
	require.EqualError(t, out.Err, "the reply is not the value expected")
	require.EqualError(t, b.do(3).Err, "the reply is of type string, expected integer")
	require.Equal(t, protocol.CheckFailed, b.do(4).Kind, "nil is not the empty string")
	b.must(5)
	out = b.do(6)
	require.Equal(t, protocol.Status4xx, out.Kind)
	require.EqualError(t, out.Err, "ERR value is not an integer or out of range")
	out = b.do(7)
	require.ErrorContains(t, out.Err, "command 1: ERR")
	require.Equal(t, [protocol.MaxExtras]float64{3, 0, 2}, out.Extra)
	require.Equal(t, protocol.Status4xx, b.do(8).Kind)
	out = b.do(9)
	require.ErrorContains(t, out.Err, "command 3: ERR", "an error within an array is one")
	require.True(t, b.must(1).Reused, "an error reply is no reason to reconnect")
}

func logins(t *testing.T, target string) {
	u, err := url.Parse(target)
	require.NoError(t, err)
	u.Path = "/5"
	b := newBench(t, t.Context(), u.String(), ask(), "command: CLIENT INFO")
	require.Contains(t, string(b.must(0).Body), " db=5 ")
	u.Path = "/99999"
	out := newBench(t, t.Context(), u.String(), ask(), "command: PING").do(0)
	require.Equal(t, protocol.Status4xx, out.Kind)
	require.ErrorContains(t, out.Err, "log in: ERR DB index")
	u.User = url.UserPassword("", "wrong")
	out = newBench(t, t.Context(), u.String(), ask(), "command: PING").do(0)
	require.ErrorContains(t, out.Err, "log in: WRONGPASS")
	u.User, u.Path = nil, ""
	out = newBench(t, t.Context(), u.String(), ask(), "command: PING").do(0)
	require.ErrorContains(t, out.Err, "NOAUTH")
	require.Equal(t, protocol.Status4xx, out.Kind)
}

func ends(t *testing.T, target string) {
	s := ask()
	s.Timeout = 50 * time.Millisecond
	p, err := New(target, protocol.Options{})
	require.NoError(t, err)
	_, err = p.Prepare(s, parse(t, "command: BLPOP never 0"))
	require.NoError(t, err)
	_, err = p.Prepare(ask(), parse(t, "command: PING\nexpect: PONG"))
	require.NoError(t, err)
	b := &bench{t: t, client: p.NewClient(t.Context(), time.Now())}
	defer b.client.Close()
	b.must(1)
	require.Equal(t, protocol.Timeout, b.do(0).Kind)
	require.False(t, b.must(1).Reused)

	ctx, cancel := context.WithCancel(t.Context())
	b = newBench(t, ctx, target, ask(), "command: BLPOP never 0")
	time.AfterFunc(20*time.Millisecond, cancel)
	require.Equal(t, protocol.Interrupted, b.do(0).Kind)
	require.Equal(t, protocol.Interrupted, b.do(0).Kind)

	// A connection that the server has closed while it was idle is replaced without a failure.
	b = newBench(t, t.Context(), target, ask(), "command: CLIENT KILL TYPE normal", "command: PING")
	b.must(1)
	other := newBench(t, t.Context(), target, ask(), "command: CLIENT KILL TYPE normal SKIPME yes")
	other.must(0)
	time.Sleep(probeAfter + 50*time.Millisecond)
	require.False(t, b.must(1).Reused)
}

func resp3(t *testing.T, target string) {
	b := newBench(t, t.Context(), target, ask(), "command: HELLO 3\nexpect: {type: map}", "command: GET nothing\nexpect: {type: nil}",
		"pipeline: [{command: DEL h s z}, {command: HSET h a 1}, {command: SADD s x}, {command: ZADD z 1.5 m}]",
		"pipeline: [{command: HGETALL h, expect: {type: map}}, {command: SMEMBERS s, expect: {type: array}}, {command: ZSCORE z m, expect: {type: double, value: 1.5}}]",
		"command: CLIENT TRACKING ON", "pipeline: [{command: GET h2}, {command: SET h2 1}, {command: GET h2, expect: {value: 1}}]")
	for i := range 6 {
		require.NoError(t, b.do(i).Err, "step %d", i)
	}
}

func TestConfigIsStrict(t *testing.T) {
	for text, want := range map[string]string{
		"{}":          "is missing",
		"command: ''": "is missing",
		"command: GET a\npipeline: [{command: X}]":      "stands beside",
		"pipeline: [{command: []}]":                     "pipeline[0].command",
		"command: GET {{random}}":                       "takes two whole numbers",
		"command: 'GET \"a'":                            "is not closed",
		"command: subscribe a":                          "cannot be a step",
		"command: AUTH x":                               "stand in the target",
		"command: CLIENT reply off":                     "cannot be a step",
		"command: GET a\nexpect: {type: bulk}":          "is not one of",
		"command: GET a\nexpect: {type: nil, value: a}": "has no value",
		"pipeline: [{command: A}]\nexpect: B":           "belongs to a command",
	} {
		doc, err := spec.Parse("", []byte(text))
		require.NoError(t, err)
		var p Pipeline
		doc.Decode(&p)
		p.Validate(doc.Reportf)
		require.ErrorContains(t, doc.Err(), want, text)
	}
	_, err := spec.Schema("pipeline", &Pipeline{})
	require.NoError(t, err)
}

func TestLinesAreSplitAsRedisCLIDoes(t *testing.T) {
	for line, want := range map[string][]string{
		"SET a  b":                    {"SET", "a", "b"},
		`SET "a b" 'c "d\' e'`:        {"SET", "a b", `c "d' e`},
		`SET k "\x00\n\"\\"`:          {"SET", "k", "\x00\n\"\\"},
		"SET user:{{random 1 9}}:x y": {"SET", "user:{{random 1 9}}:x", "y"},
		`SET "" a`:                    {"SET", "", "a"},
	} {
		got, err := split(line)
		require.NoError(t, err)
		require.Equal(t, want, got, line)
	}
	for _, line := range []string{`"`, `'a`, `"\x1"`, `"\`, "{{n}"} {
		_, err := split(line)
		require.Error(t, err, line)
	}
}

func TestTargetsNeverShowAPassword(t *testing.T) {
	for target, want := range map[string]string{
		"http://:hunter2@h":              "must start with redis://",
		"redis://:hunter2@":              "has no host",
		"redis://:hunter2@h:0":           "not from 1 to 65535",
		"redis://:hunter2@h/x":           "is no number",
		"redis://:hunter2@h/0?a=b":       "parameters after ?",
		"redis://:hunter2@h/%zz":         "invalid URL escape",
		"redis://user@h":                 "has a user and no password",
		"redis://:hunter2@h:port":        "invalid port",
		"redis://:hunter2@h/99999999999": "is no number",
	} {
		_, err := New(target, protocol.Options{})
		require.ErrorContains(t, err, want, target)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestHostileServers(t *testing.T) {
	deep := strings.Repeat("*1\r\n", 100)
	for name, c := range map[string]struct {
		reply string
		close bool
		kinds []protocol.Kind
	}{
		"silence":             {"", false, []protocol.Kind{protocol.Timeout}},
		"closes":              {"", true, []protocol.Kind{protocol.Closed, protocol.Reset}},
		"closes in a reply":   {"$10\r\nabc", true, []protocol.Kind{protocol.Closed, protocol.Reset}},
		"silent in a reply":   {"*2\r\n+a\r\n", false, []protocol.Kind{protocol.Timeout}},
		"not Redis":           {"HTTP/1.1 400 Bad Request\r\n\r\n", false, []protocol.Kind{protocol.BadResponse}},
		"bare LF":             {"+OK\n", false, []protocol.Kind{protocol.BadResponse}},
		"empty line":          {"\r\n", false, []protocol.Kind{protocol.BadResponse}},
		"length is no number": {"$x\r\n", false, []protocol.Kind{protocol.BadResponse}},
		"length too large":    {"$9999999999\r\n", false, []protocol.Kind{protocol.BadResponse}},
		"negative length":     {"*-2\r\n", false, []protocol.Kind{protocol.BadResponse}},
		"string without end":  {"$1\r\nabc\r\n", false, []protocol.Kind{protocol.BadResponse}},
		"endless line":        {"+" + strings.Repeat("x", 2*maxLine), false, []protocol.Kind{protocol.BadResponse}},
		"too deep":            {deep, false, []protocol.Kind{protocol.BadResponse}},
		"many":                {"*1073741824\r\n:1\r\n", false, []protocol.Kind{protocol.Timeout}},
		"nasty error":         {"-ERR \x1b[2Jboo\u202e\r\n", false, []protocol.Kind{protocol.Status4xx, protocol.Timeout}},
		"pushes for ever":     {strings.Repeat(">1\r\n:1\r\n", 5000), false, []protocol.Kind{protocol.Timeout}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = conn.Read(make([]byte, 100))
					_, _ = io.WriteString(conn, c.reply)
					if !c.close {
						_, _ = io.Copy(io.Discard, conn)
					}
					_ = conn.Close()
				}
			}()
			s := ask()
			if slices.Contains(c.kinds, protocol.Timeout) {
				s.Timeout = 200 * time.Millisecond
			}
			b := newBench(t, t.Context(), "redis://"+l.Addr().String(), s, "command: PING")
			for range 2 {
				out := b.do(0)
				require.Contains(t, c.kinds, out.Kind, "%v", out.Err)
				require.Error(t, out.Err)
				require.NotContains(t, out.Err.Error(), "\x1b")
			}
			b.client.Close()
			require.NoError(t, l.Close())
			<-done
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.Equal(t, protocol.Refused, newBench(t, t.Context(), "redis://"+l.Addr().String(), ask(), "command: PING").do(0).Kind)
}

// memory is a source that has everything already, in pieces.
type memory struct {
	in, rest []byte
	piece    int
}

func (m *memory) In() []byte    { return m.in }
func (m *memory) Consume(n int) { m.in = m.in[n:] }
func (m *memory) Fill(limit int) error {
	if len(m.rest) == 0 {
		return io.EOF
	}
	if len(m.in) >= limit {
		return io.ErrShortBuffer
	}
	n := min(m.piece, len(m.rest), limit-len(m.in))
	m.in, m.rest = append(bytes.Clone(m.in), m.rest[:n]...), m.rest[n:]
	return nil
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{"+OK\r\n", "$3\r\nabc\r\n", "*2\r\n:1\r\n$-1\r\n", "%1\r\n+a\r\n#t\r\n", ">1\r\n+x\r\n,1.5\r\n", "|1\r\n+a\r\n+b\r\n_\r\n", "=7\r\ntxt:abc\r\n", "!5\r\nERR x\r\n", "*1\r\n-ERR y\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var first string
		for i, piece := range []int{1, 3, 1 << 20} {
			r := reader{}
			r.begin(&memory{rest: data, piece: piece}, 50)
			err := r.reply(10)
			require.LessOrEqual(t, len(r.kept), 50)
			require.LessOrEqual(t, len(r.text), maxFault)
			if err == nil {
				require.NotEmpty(t, r.kind)
			}
			got := string(r.kind) + "|" + string(r.text) + "|" + string(r.kept)
			if err != nil {
				got = "failed"
			}
			if i == 0 {
				first = got
			}
			require.Equal(t, first, got, "how a reply is cut into pieces changes nothing")
		}
	})
}

func BenchmarkGet(b *testing.B) {
	bn := newBench(b, b.Context(), servertest.Redis(b), protocol.Step{Name: "s", Timeout: patience}, "command: GET user:{{n}}")
	var out protocol.Outcome
	call := protocol.Call{Values: bn.values}
	b.ReportAllocs()
	for b.Loop() {
		call.N++
		if bn.client.Do(&call, &out); out.Err != nil {
			b.Fatal(out.Err)
		}
	}
}
