package load

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/spec"
)

// echo answers each line with "got " and the line, and remembers the lines.
func echo(t *testing.T) (addr string, lines func() []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	var all []string
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				for in := bufio.NewScanner(c); in.Scan(); {
					mu.Lock()
					all = append(all, in.Text())
					mu.Unlock()
					fmt.Fprintf(c, "got %s\n", in.Text())
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); conns.Wait() })
	return l.Addr().String(), func() []string { mu.Lock(); defer mu.Unlock(); return append([]string(nil), all...) }
}

func TestOneScenarioSpeaksSeveralProtocols(t *testing.T) {
	addr, lines := echo(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":7}`) }))
	defer srv.Close()
	r, err := Start(t.Context(), plan(t, `
vars: {word: hello}
executor: {kind: shared-iterations, users: 2, iterations: 4}
scenarios:
  - name: s
    steps:
      - {path: /id, extract: [{name: id, json: $.id}]}
      - {name: line, target: "tcp://${peer}", tcp: {send: "${word} {{id}}\n"}, check: {that: [{contains: "got hello 7"}]}}
      - {name: unset, target: "tcp://${peer}", tcp: {send: "{{nobody}}\n"}}
      - {if: {value: never, equals: x, steps: [{path: /x, extract: [{name: nobody, json: $.no}]}]}}
`), Options{Target: srv.URL, Vars: map[string]string{"peer": addr}})
	require.NoError(t, err)
	res := r.Wait()
	require.Equal(t, uint64(12), res.Total.Done)
	require.Equal(t, uint64(4), res.Total.Failed, "%+v", res.Exemplars)
	require.Equal(t, strings.Repeat("hello 7 ", 4), strings.Join(lines(), " ")+" ")
	require.Contains(t, strings.Join(res.Notes, "\n"), "more than one target")
}

func TestStepsOfOtherProtocolsAreCheckedWithThePlan(t *testing.T) {
	doc, err := spec.Parse("bad.yaml", []byte(`apiVersion: gameday/v1
kind: Load
target: tcp://127.0.0.1:1
executor: {kind: constant-users, users: 1}
scenarios:
  - name: s
    steps:
      - {tcp: {framing: {kind: lines}}}
      - {udp: {send: x, count: -1}}
      - {path: /, tcp: {send: x}}
      - {redis: {command: ""}}
`))
	require.NoError(t, err)
	_, err = ParsePlan(doc)
	for _, want := range []string{`8:`, `"lines" is not one of line`, "9:", "steps[1].udp.count", "has tcp and path: a step is one of them", "steps[3].redis"} {
		require.ErrorContains(t, err, want)
	}
}

func TestHTTP2IsAskedForByVersion(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"proto":%q,"body":%q}`, r.Proto, r.URL.Path)
	}))
	var versions http.Protocols
	versions.SetUnencryptedHTTP2(true)
	srv.Config.Protocols = &versions
	srv.Start()
	defer srv.Close()
	r, err := Start(t.Context(), plan(t, `
version: 2
executor: {kind: user-iterations, users: 3, iterations: 5}
scenarios: [{name: s, steps: [{path: "/a/{{n}}", check: {that: [{json: $.proto, equals: HTTP/2.0}]}}]}]
`), Options{Target: srv.URL})
	require.NoError(t, err)
	res := r.Wait()
	require.Equal(t, uint64(15), res.Total.Done)
	require.Zero(t, res.Total.Failed, "%+v", res.Exemplars)
}
