package sample

import (
	"strings"
	"time"

	"gameday/sources/signal"
)

// reportLines is a kept run's report, as gameday writes it.
var reportLines = strings.Split("# ✘ Checkout survives a slow payment provider: broken\n\n> Orders still go through within 200 ms\n\n**Because** p95 was 412 ms, expected < 200ms, 6s after the first fault.\n\n"+
	"| | |\n| --- | --- |\n| system | shop, staging |\n| rollback | The fault is gone: its undo was verified. |\n\n## Probes\n\n| probe | expected | before | during | after |\n| --- | --- | --- | --- | --- |\n"+
	"| requests succeed | &gt; 99% | ✔ 100.00 % | ✔ 99.87 % | ✔ 100.00 % |\n| p95 | < 200ms | ✔ 38.1 ms, worst 41.0 ms | ✘ 412 ms, worst 431 ms | ✔ 39.9 ms |\n\n## Load\n\n25 req/s against http:<!-- -->//127.0.0.1:8080\n\n"+
	"| step | answers | p95 |\n| --- | ---: | ---: |\n| list \\| view | 334 | 8.78 ms |\n| checkout | 1295 | 412 ms |\n\nTrace `4f2a91c0`, 1.88 ms\n\n```text\n      +0 s    1.88 ms  gateway POST /checkout\n```\n\n<details><summary>The experiment as it was run</summary>\n\n```yaml\nkind: Experiment\n```\n\n</details>", "\n")

// chaos fills in what the chaos workspace shows besides the faults.
func chaos(f *signal.Frame) *signal.Frame {
	f.Catalog = []signal.FaultKind{
		{Kind: "host.loss", Hits: "process", Help: "packets of a service are lost", Undo: "its table of rules is deleted", Needs: "root (CAP_NET_ADMIN), nf_tables", Tried: true, Cannot: "the kernel has no nf_tables"},
		{Kind: "network.latency", Hits: "link", Help: "requests on the link answer later", Undo: "the proxy passes everything through again", Needs: "a link that gameday carries", Tried: true,
			Params: []signal.FaultParam{{Name: "delay", Type: "duration; required", Help: "how much later"}, {Name: "jitter", Type: "duration; default 0s", Help: "more or less by at most this"}}},
		{Kind: "process.kill", Hits: "process", Help: "the process is gone", Undo: "cannot be undone; whether the supervisor restarts it is watched"},
	}
	run := func(id, title string, v signal.Verdict, ago time.Duration, reason string) signal.KeptRun {
		return signal.KeptRun{ID: id, Name: "payment-slow", Title: title, Started: Now.Add(-ago), Ended: Now.Add(-ago + time.Minute), Verdict: v.String(), Reason: reason}
	}
	f.Runs = []signal.KeptRun{
		run("20261122T110000.000Z-payment-slow", "Checkout survives a slow payment provider", signal.VerdictBroken, time.Hour, "p95 was 412 ms"),
		run("20261121T110000.000Z-payment-slow", "Checkout survives a slow payment provider", signal.VerdictHeld, 25*time.Hour, ""),
		{ID: "20261120T110000.000Z-x", Err: "20261120T110000.000Z-x.json is not a whole run of gameday: it ends too early"},
	}
	f.Report = &signal.KeptReport{ID: f.Runs[0].ID, Lines: reportLines}
	f.Definitions = []signal.Definition{
		{ID: "payment-slow", Title: "Checkout survives a slow payment provider", Lines: []signal.DefinitionLine{
			{Text: "# a comment"}, {Text: "apiVersion: gameday/v1", Help: "gameday/v1"}, {Text: "metadata:", Help: "what the experiment is called"}, {Text: "  name: payment-slow", Help: "a short word for commands and file names: letters, digits and -"},
			{Text: "hypothesis: Orders still go through", Help: "the claim that is tested, in one sentence"}, {Text: "method:", Help: "the faults and when they are in force; they may overlap"}, {Text: "  - fault: network.latency"}}},
		{ID: "broken", Title: "broken", Err: "broken.yaml:3: hypothesis is missing"},
	}
	return f
}
