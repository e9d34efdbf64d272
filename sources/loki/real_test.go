package loki

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/driver"
	"gameday/sources/logql"
	"gameday/sources/signal"
)

const config = `
auth_enabled: false
server: {http_listen_address: 127.0.0.1, http_listen_port: %d, grpc_listen_address: 127.0.0.1, grpc_listen_port: %d, log_level: error}
ingester:
  lifecycler: {address: 127.0.0.1, ring: {kvstore: {store: inmemory}, replication_factor: 1}, final_sleep: 0s, min_ready_duration: 0s, interface_names: [lo]}
schema_config:
  configs: [{from: "2020-01-01", store: boltdb, object_store: filesystem, schema: v11, index: {prefix: index_, period: 168h}}]
storage_config: {boltdb: {directory: %[3]s/index}, filesystem: {directory: %[3]s/chunks}}
limits_config: {reject_old_samples: false, enforce_metric_name: false, ingestion_rate_mb: 100, ingestion_burst_size_mb: 100}
ruler: {storage: {type: local, local: {directory: %[3]s/rules}}, ring: {kvstore: {store: inmemory}}}
`

// start runs a Loki of its own until the test ends.
func start(t *testing.T) (address string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	bin := filepath.Join(cache, "gameday-testservers", "loki")
	if _, err := os.Stat(bin); err != nil {
		t.Skipf("%s is not there: make test-loki builds it, in 2 to 20 minutes", bin)
	}
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "rules"), 0o755))
	ports := free(t, 2)
	file := filepath.Join(dir, "loki.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, config, ports[0], ports[1], dir), 0o600))
	var says bytes.Buffer
	cmd := exec.Command(bin, "-config.file="+file)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &says, &says
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it holds nothing that is wanted
		_ = cmd.Wait()         // killed, which is an error
		if t.Failed() {
			t.Log(says.String())
		}
	})
	address = fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	require.Eventually(t, func() bool {
		resp, err := http.Get(address + "/ready")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, time.Minute, 50*time.Millisecond, "Loki did not become ready")
	return address
}

// free are ports that nobody listens on.
func free(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close() // it was only to find the port
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// give pushes lines, in the order of their times.
func give(t *testing.T, address string, entries []entry) {
	t.Helper()
	data, err := json.Marshal(map[string]any{"streams": streams(entries)})
	require.NoError(t, err)
	resp, err := http.Post(address+"/loki/api/v1/push", "application/json", bytes.NewReader(data))
	require.NoError(t, err)
	said, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusNoContent, resp.StatusCode, "%s", said)
}

// lines are what the two are asked about.
func lines(from time.Time) (out []entry) {
	for i := range 60 {
		e := entry{at: from.Add(time.Duration(i)*time.Second + 137*time.Millisecond).UnixNano(), labels: attrs("app", []string{"cart", "payment", "web"}[i%3], "env", []string{"dev", "prod"}[i%2])}
		switch i % 6 {
		case 0:
			e.line = fmt.Sprintf(`{"status":%d,"took":"%dms","msg":"card \"%d\"","err":{"code":"E%d","deep":{"x":true}},"list":[1,2],"none":null,"size":"%dKB","env":"json"}`, 200+i*7, i*40, i, i%4, i)
		case 1:
			e.line = fmt.Sprintf(`level=%s took=%dms status=%d msg="hello \"world\" %d" size=%dKB env=logfmt`, []string{"info", "warn", "error"}[i%5%3], i*50, 200+i*5, i, i)
		case 2:
			e.line = fmt.Sprintf(`10.0.0.%d - - "GET /cart/%d HTTP/1.1" %d %d`, i, i, 200+i*5, i*100)
		case 3:
			e.line = fmt.Sprintf("ERROR timeout after %d ms in %s", i*10, "payment")
		case 4:
			e.line = fmt.Sprintf(`{"status":"%d","took":%d.5,"nested":{"a.b":"c","9d":"e"},"ünï":"ü","u":"\u00e9\n"}`, 200+i*7, i)
		default:
			e.line = strings.Repeat("x", i) + " Timeout REFUSED"
		}
		out = append(out, e)
	}
	return out
}

// queries get the same answers of package logql and of the real Loki.
var queries = []string{
	`{app="cart"}`, `{app=~"cart|web", env!="dev"}`, `{app!~"c.*", env=~".+"}`, `{env=~"d.v|p.*"} |= "timeout"`, `{env=~".+"} != "x" |~ "(?i)timeout"`,
	`{env=~".+"} |~ "after [0-9]+0 ms"`, `{env=~".+"} !~ "^\\{|GET"`, `{env=~".+"} |~ "card|hello"`, `{env=~".+"} |= "" != "Timeout"`, "{env=~`.+`} |~ `GET /cart/\\d{2} `",
	`{env=~".+"} | json`, `{env=~".+"} | json | __error__=""`, `{env=~".+"} | json | status >= 400`, `{env=~".+"} |= "status" | json | status >= 400 | __error__=""`,
	`{env=~".+"} | json | took > 500ms | __error__=""`, `{env=~".+"} | json | err_code="E1" or err_deep_x="true" and status < 500 | __error__=""`,
	`{env=~".+"} | json | env_extracted="json"`, `{env=~".+"} | json | size >= 18KB | __error__=""`, `{env=~".+"} | json | nested_a_b="c"`, `{env=~".+"} | json | msg=~"card \".*"`,
	`{env=~".+"} | json | status = 284`, `{env=~".+"} | json | (status > 300 and status <= 500) or err_code="E0" | __error__=""`, `{env=~".+"} | json | absent > 5`, `{env=~".+"} | json | absent=""`,
	`{env=~".+"} |= "level=" | logfmt`, `{env=~".+"} |= "level=" | logfmt | level="error"`, `{env=~".+"} |= "level=" | logfmt | took > 1s and status > 300`, `{env=~".+"} |= "level=" | logfmt | size < 20KB`,
	`{env=~".+"} |= "level=" | logfmt | msg=~".*\"world\".*" | env_extracted="logfmt"`, `{env=~".+"} |= "GET" | regexp "GET (?P<path>\\S+) .* (?P<code>\\d+) (?P<bytes>\\d+)$" | code > 300`,
	`{env=~".+"} |= "level=" | logfmt | line_format "{{.level}} {{.took}} {{.absent}}|"`, `{env=~".+"} |= "level=" | logfmt | line_format "{{.level}}" |= "warn"`,
	`{env=~".+"} |= "level=" | logfmt | label_format lvl=level, both="{{.app}}-{{.level | ToUpper}}"`, `{env=~".+"} |= "level=" | logfmt | line_format "{{ Replace .msg \"o\" \"0\" -1 }}"`,
	`count_over_time({env=~".+"}[10s])`, `rate({app="cart"}[20s])`, `sum(rate({env=~".+"}[10s]))`, `sum by (app) (count_over_time({env=~".+"} |~ "(?i)timeout" [30s]))`,
	`sum without (env) (count_over_time({env=~".+"}[10s]))`, `bytes_rate({app="web"}[10s])`, `bytes_over_time({env="dev"}[15s])`, `topk(1, sum by (app) (bytes_over_time({env=~".+"}[30s])))`,
	`max(count_over_time({env=~".+"}[30s]))`, `avg by (env) (count_over_time({env=~".+"}[30s]))`, `count(count_over_time({env=~".+"}[10s]))`, `min(bytes_over_time({env=~".+"}[20s]))`,
	`sum by (level) (count_over_time({env=~".+"} |= "level=" | logfmt [30s]))`, `sum by (status) (count_over_time({env=~".+"} | json | __error__="" | status > 300 [30s]))`,
	`sum(count_over_time({env=~".+"}[10s])) * 3`, `sum(count_over_time({env=~".+"}[10s])) > 9`, `sum by (app) (count_over_time({env=~".+"}[20s])) >= 7`, `sum(rate({env=~".+"}[10s])) / 2 + 1`,
}

func TestEqualAnswersOfTheRealLoki(t *testing.T) {
	address := start(t)
	from := time.Now().Add(-10 * time.Minute).Truncate(time.Minute)
	all := lines(from)
	give(t, address, all)
	var records []*signal.Record
	for i := range all {
		records = append(records, &signal.Record{Time: time.Unix(0, all[i].at), Body: all[i].line, Attrs: all[i].labels})
	}
	for _, text := range queries {
		q, err := logql.Parse(text)
		require.NoError(t, err, text)
		to, step := from.Add(2*time.Minute), 5*time.Second
		theirs := ask2(t, address, text, from, to, step)
		var ours []string
		if q.IsMetric() {
			series, err := q.Eval(slices.Values(records), signal.Window{From: from, To: to}, step)
			require.NoError(t, err, text)
			for _, s := range series {
				for _, p := range s.Samples {
					if !math.IsNaN(p.V) {
						ours = append(ours, fmt.Sprintf("%d %.9g %s", p.T.Unix(), p.V, s.Labels))
					}
				}
			}
		} else {
			m := q.Matcher()
			for _, r := range records {
				if line, ok := m.Process(r); ok {
					labels := slices.DeleteFunc(m.Labels(), func(a signal.Attr) bool { return a.Key == "__error_details__" }) // of Loki 3
					ours = append(ours, fmt.Sprintf("%d %s %s", r.Time.UnixNano(), line, labels))
				}
			}
		}
		slices.Sort(ours)
		require.NotEmpty(t, append(ours, map[bool][]string{true: {"may be empty"}}[strings.Contains(text, "absent > 5")]...), text)
		require.Equal(t, theirs, ours, "%s: theirs, and ours", text)
	}
}

// ask2 asks the real Loki and writes its answer as the test writes ours.
func ask2(t *testing.T, address, query string, from, to time.Time, step time.Duration) (out []string) {
	t.Helper()
	v := url.Values{"query": {query}, "start": {strconv.FormatInt(from.UnixNano(), 10)}, "end": {strconv.FormatInt(to.UnixNano(), 10)}, "step": {step.String()}, "limit": {"1000"}}
	resp, err := http.Get(address + "/loki/api/v1/query_range?" + v.Encode())
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode, "%s: %s", query, data)
	var a struct {
		Data struct {
			Result []struct {
				Stream, Metric map[string]string
				Values         [][]any
			}
		}
	}
	require.NoError(t, json.Unmarshal(data, &a))
	for _, r := range a.Data.Result {
		var labels signal.Attrs
		for k, v := range r.Stream {
			labels = append(labels, signal.Attr{Key: k, Value: v})
		}
		for k, v := range r.Metric {
			labels = append(labels, signal.Attr{Key: k, Value: v})
		}
		labels = slices.DeleteFunc(labels, func(a signal.Attr) bool { return a.Value == "" })
		for _, pair := range r.Values {
			if r.Stream != nil {
				out = append(out, fmt.Sprintf("%s %s %s", pair[0], pair[1], labels.Sorted()))
				continue
			}
			f, err := strconv.ParseFloat(pair[1].(string), 64)
			require.NoError(t, err)
			out = append(out, fmt.Sprintf("%d %.9g %s", int64(pair[0].(float64)), f, labels.Sorted()))
		}
	}
	slices.Sort(out)
	return out
}

func TestTheDriverAndTheRealLoki(t *testing.T) {
	address := start(t)
	now := time.Now()
	var entries []entry
	for i := range 50 { // five at each instant
		entries = append(entries, entry{at: now.Add(-time.Minute + time.Duration(i/5)*time.Millisecond).UnixNano(), line: fmt.Sprintf("level=warn n=%d trace_id=%s", i, id), labels: attrs("app", "cart")})
	}
	give(t, address, entries)
	opened, err := Open(driver.Settings{Name: "real", Address: address, Every: 20 * time.Millisecond})
	require.NoError(t, err)
	d := opened.(*Driver)
	defer d.Close() // nothing is pending
	d.opt.Page = 7
	a := ask(t, d, driver.Query{})
	require.Len(t, a.Logs, 50)
	require.False(t, a.Truncated)
	require.Equal(t, "cart", a.Logs[0].Service)
	require.Equal(t, signal.SeverityWarn, a.Logs[0].Severity)
	require.Len(t, ask(t, d, driver.Query{ID: id}).Logs, 50)
	require.Empty(t, ask(t, d, driver.Query{ID: "ffffffffffffffffffffffffffffff01"}).Logs)
	words, err := d.Complete(context.Background(), driver.WordLabelValue, "app", "", 10)
	require.NoError(t, err)
	require.Equal(t, []string{"cart"}, words)
	for _, f := range d.Check(context.Background()) {
		require.Equal(t, driver.FindingGood, f.State, "%+v", f)
	}
	d.opt.Follow, d.opt.Backlog = "tail", 5*time.Minute
	n := 0
	got := follow(t, d, func(logs []signal.Record) bool {
		if len(logs) >= 50 && n < 5 {
			n++
			give(t, address, []entry{{at: time.Now().UnixNano(), line: fmt.Sprint("live ", n), labels: attrs("app", "cart")}})
		}
		return len(logs) >= 55
	})
	require.Len(t, got, 55, "each once")
	require.NoError(t, (&Pushing{Driver: d, labels: newPushing(d).labels}).Export(context.Background(), signal.Batch{Events: []signal.Event{{Start: now, Title: "payment +800ms", Kind: signal.EventFault, Open: true}}}))
	require.Eventually(t, func() bool {
		return len(ask(t, d, driver.Query{Text: `{service_name="gameday", kind="fault"}`}).Logs) == 1
	}, wait, 50*time.Millisecond)
}
