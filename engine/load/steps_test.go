package load

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
	"gameday/sources/signal"
)

// shop is a target that remembers who asked for what.
type shop struct {
	mu   sync.Mutex
	seen []string // "METHOD path body", in order
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body strings.Builder
	if r.Body != nil {
		b := make([]byte, 1<<16)
		for {
			n, err := r.Body.Read(b)
			body.Write(b[:n])
			if err != nil {
				break
			}
		}
	}
	s.mu.Lock()
	s.seen = append(s.seen, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+body.String()))
	s.mu.Unlock()
	switch r.URL.Path {
	case "/login":
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s-" + r.URL.Query().Get("u"), Path: "/"})
		w.Header().Set("X-Token", "t-"+r.URL.Query().Get("u"))
		_ = json.NewEncoder(w).Encode(map[string]any{"user": map[string]any{"id": 12345678901234567, "name": `a"b`}, "tags": []string{"x", "y"}})
	case "/me":
		c, err := r.Cookie("sid")
		if err != nil || r.Header.Get("Authorization") != "Bearer "+strings.Replace(c.Value, "s-", "t-", 1) {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "<html><body><p class='n'>Hello</p></body></html>")
	case "/fail":
		http.Error(w, "no", http.StatusInternalServerError)
	default:
		fmt.Fprint(w, "ok")
	}
}

func (s *shop) took() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

// runShop runs a plan against a target of its own to its end.
func runShop(t *testing.T, engine Engine, text string, o Options) (*shop, Result) {
	t.Helper()
	s := &shop{}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	o.Target, o.Engine = srv.URL, engine
	r, err := Start(t.Context(), plan(t, text), o)
	require.NoError(t, err)
	return s, r.Wait()
}

// overBoth runs a test with goroutines and, where they serve, with loops: what is sent must not depend on that.
func overBoth(t *testing.T, test func(t *testing.T, engine Engine)) {
	for _, engine := range []Engine{EngineGoroutine, EngineAuto} {
		name := string(engine)
		if engine == EngineAuto {
			name = "auto"
		}
		t.Run(name, func(t *testing.T) { test(t, engine) })
	}
}

func TestWhatIsExtractedIsSentOn(t *testing.T) {
	overBoth(t, func(t *testing.T, engine Engine) {
		s, res := runShop(t, engine, `
cookies: user
executor: {kind: shared-iterations, users: 2, iterations: 6}
feeds: [{rows: [{u: ann}, {u: bob}, {u: "c d"}]}]
scenarios:
  - name: s
    steps:
      - path: "/login?u={{url u}}"
        check: {status: 200, that: [{json: "$.user.id", above: 5}, {contains: '"x"'}, {header: X-Token, matches: "^t-"}]}
        extract:
          - {name: token, header: X-Token}
          - {name: id, json: $.user.id}
          - {name: who, json: $.user.name}
          - {name: second, json: "$.tags[*]", which: last}
          - {name: nothing, json: $.no, default: none}
          - {name: re, regex: '"tags":\["(\w)'}
      - path: /me
        headers: {Authorization: "Bearer {{token}}"}
        check: {that: [{xpath: "//p[@class='n']", equals: Hello}, {contains: Goodbye, not: true}]}
      - {path: /buy, method: POST, body: '{"id":{{id}},"who":"{{json who}}","x":"{{second}}{{nothing}}{{re}}"}'}
`, Options{})
		require.Equal(t, uint64(18), res.Total.Done, "%+v", res.Errors)
		// A cookie cannot hold the space that one user has in its name: only that user is not let in.
		require.LessOrEqual(t, res.Total.Failed, uint64(2), "%+v", res.Exemplars)
		n := 0
		for _, line := range s.took() {
			if strings.HasPrefix(line, "POST") {
				n++
				require.Equal(t, `POST /buy {"id":12345678901234567,"who":"a\"b","x":"ynonex"}`, line)
			}
		}
		require.Equal(t, 6, n)
	})
}

func TestChecksThatFailSayWhich(t *testing.T) {
	overBoth(t, func(t *testing.T, engine Engine) {
		_, res := runShop(t, engine, `
executor: {kind: user-iterations, users: 3, iterations: 2}
scenarios:
  - name: s
    steps:
      - {name: text, path: /a, check: {that: [{name: says sorry, contains: sorry}]}}
      - {name: size, path: /b, check: {minSize: 100}}
      - {name: needs, path: "/c/{{gone}}", extract: [{name: gone, header: X-Gone}]}
`, Options{})
		require.Equal(t, uint64(18), res.Total.Done)
		require.Equal(t, uint64(18), res.Total.Failed)
		require.ElementsMatch(t, []signal.ErrorCount{{Kind: "check failed", Count: 12}, {Kind: "unsendable", Count: 6}}, res.Errors)
		var said []string
		for _, e := range res.Exemplars {
			said = append(said, e.Err)
		}
		all := strings.Join(said, "\n")
		require.Contains(t, all, "check failed: says sorry")
		require.Contains(t, all, "unsendable: {{gone}} has no value: no step before has extracted it")
	})
}

func TestBlocksRunAsTheySay(t *testing.T) {
	overBoth(t, func(t *testing.T, engine Engine) {
		s, res := runShop(t, engine, `
executor: {kind: user-iterations, users: 1, iterations: 2}
scenarios:
  - name: s
    steps:
      - once: [{path: /first}]
      - set: {left: "3", mode: a}
      - repeat: {times: 2, steps: [{path: /twice}]}
      - if: {value: "{{mode}}", equals: a, steps: [{name: then, path: /then}], else: [{name: else, path: /else}]}
      - if: {value: "{{mode}}", equals: a, not: true, steps: [{name: then2, path: /then}], else: [{name: else2, path: /else}]}
      - while: {value: "{{left}}", above: 0, max: 5, steps: [{path: /loop}, {set: {left: "0"}}]}
      - while: {value: "x", max: 2, steps: [{path: /most}]}
      - share: {of: 0%, steps: [{path: /never}]}
      - share: {of: 100%, steps: [{path: /always}]}
      - random: [{path: /pick}, {path: /pick, name: other}]
      - group: {name: both, steps: [{path: /g1}, {pause: 20ms}, {path: /g2}]}
`, Options{})
		want := []string{"GET /first"}
		for range 2 {
			for _, p := range strings.Fields("twice twice then else loop most most always pick g1 g2") {
				want = append(want, "GET /"+p)
			}
		}
		require.Equal(t, want, s.took())
		require.Equal(t, uint64(len(want)), res.Total.Done)
		for _, st := range res.Steps {
			if st.Name == "both" {
				require.True(t, st.Group)
				require.Equal(t, uint64(2), st.Done)
				require.GreaterOrEqual(t, st.Response.Quantile(0), 20*time.Millisecond, "pauses count in a group")
				return
			}
		}
		t.Fatal("the group has no figures")
	})
}

func TestAFeedThatEndsEndsTheRun(t *testing.T) {
	for _, executor := range []string{"{kind: constant-users, users: 2}", "{kind: constant-rate, rate: 200}"} {
		overBoth(t, func(t *testing.T, engine Engine) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "ids.csv"), []byte("id,name\n1,a\n2,\"b,c\"\n3,d\n"), 0o600))
			s, _ := runShop(t, engine, `
duration: 3s
executor: `+executor+`
feeds: [{file: "`+dir+`/ids.csv", atEnd: stop}]
scenarios: [{name: s, steps: [{path: "/i/{{id}}?n={{url name}}"}]}]
`, Options{})
			got := s.took()
			sort.Strings(got)
			require.Equal(t, []string{"GET /i/1?n=a", "GET /i/2?n=b%2Cc", "GET /i/3?n=d"}, got)
		})
	}
}

func TestOnFailureEndsTheIteration(t *testing.T) {
	overBoth(t, func(t *testing.T, engine Engine) {
		s, res := runShop(t, engine, `
executor: {kind: shared-iterations, users: 1, iterations: 2}
scenarios: [{name: s, onFailure: end-iteration, steps: [{group: {name: all, steps: [{path: /fail}, {path: /after}]}}]}]
`, Options{})
		require.Equal(t, []string{"GET /fail", "GET /fail"}, s.took())
		for _, st := range res.Steps {
			if st.Group {
				require.Equal(t, [2]uint64{2, 2}, [2]uint64{st.Done, st.Failed}, "a group that is left is one that failed")
			}
		}
	})
}

func TestAVariableCannotBreakOutOfItsLine(t *testing.T) {
	overBoth(t, func(t *testing.T, engine Engine) {
		s, res := runShop(t, engine, `
executor: {kind: shared-iterations, users: 1, iterations: 2}
feeds: [{rows: [{v: "x\r\nX-Evil: 1"}]}]
scenarios: [{name: s, steps: [{path: "/a/{{v}}"}, {path: /b, headers: {X-V: "{{v}}"}}, {path: "/c/{{url v}}"}]}]
`, Options{})
		require.Equal(t, []string{"GET /c/x%0D%0AX-Evil%3A+1", "GET /c/x%0D%0AX-Evil%3A+1"}, s.took())
		require.Equal(t, []signal.ErrorCount{{Kind: protocol.Unsendable.String(), Count: 4}}, res.Errors)
	})
}

func TestPartsOfAPlanAreThePlan(t *testing.T) {
	overBoth(t, func(t *testing.T, engine Engine) {
		text := `
seed: 3
duration: 1s
executor: {kind: constant-rate, rate: 90}
scenarios: [{name: s, mix: [{path: "/i/{{n}}/{{random 1 1000}}"}, {name: b, path: "/b/{{n}}"}]}]
`
		whole, _ := runShop(t, engine, text, Options{})
		var parts []string
		for i := range uint64(3) {
			s, _ := runShop(t, engine, text, Options{Shards: Shards{Index: i, Of: 3}})
			require.Len(t, s.took(), 30)
			parts = append(parts, s.took()...)
		}
		require.ElementsMatch(t, whole.took(), parts)
	})
}

func TestAnOperatorTurnsTheRate(t *testing.T) {
	overBoth(t, func(t *testing.T, engine Engine) {
		s := &shop{}
		srv := httptest.NewServer(s)
		defer srv.Close()
		r, err := Start(t.Context(), plan(t, `
executor: {kind: external-rate, rate: 0, most: 500}
scenarios: [{name: s, steps: [{path: /}]}]
`), Options{Target: srv.URL, Engine: engine})
		require.NoError(t, err)
		defer r.Wait()
		defer r.Stop()
		_, err = r.Adjust(Adjustment{Factor: -1})
		require.Error(t, err)
		_, err = r.Adjust(Adjustment{Rate: 10_000})
		require.NoError(t, err)
		require.InDelta(t, 500, r.State().Target, 0.1, "the plan's limit holds")
		require.Eventually(t, func() bool { return len(s.took()) > 50 }, 20*time.Second, 10*time.Millisecond)
		_, err = r.Adjust(Adjustment{Factor: 0})
		require.NoError(t, err)
		require.Zero(t, r.State().Target)
		// What was due before the pause is still made, on a busy machine much later.
		quiet := func() bool {
			n := len(s.took())
			time.Sleep(300 * time.Millisecond)
			return r.State().InFlight == 0 && len(s.took()) == n
		}
		require.Eventually(t, quiet, 20*time.Second, time.Millisecond)
		before := len(s.took())
		time.Sleep(200 * time.Millisecond)
		require.Len(t, s.took(), before, "paused")
		_, err = r.Adjust(Adjustment{Resume: true})
		require.NoError(t, err)
		require.Eventually(t, func() bool { return len(s.took()) > before+20 }, 20*time.Second, 10*time.Millisecond)
	})
}
