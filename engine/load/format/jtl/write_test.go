package jtl

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load"
	"gameday/engine/load/protocol"
	"gameday/engine/load/requests"
)

func TestWrittenResultsAreReadBack(t *testing.T) {
	labels := &Labels{Scenarios: true}
	labels.Users(12)
	for form, e := range map[string]requests.Encoder{"CSV": CSV{labels}, "XML": XML{labels}} {
		out := e.Begin(nil)
		for k := range protocol.Kind(protocol.Kinds) {
			r := load.RequestLog{
				At: time.UnixMilli(1_700_000_000_000), Latency: 1500 * time.Millisecond, Service: time.Second, Scenario: "s", Step: `a "<,>` + "\n" + `b`,
				User: 4, Kind: k, Err: errors.New("because\x1b"),
			}
			switch k {
			case protocol.OK, protocol.CheckFailed:
				r.Status = 200
			case protocol.Status4xx:
				r.Status = 404
			case protocol.Status5xx:
				r.Status = 503
			}
			out = e.Append(out, &r)
			r.Warmup = true
			require.Equal(t, len(out), len(e.Append(out, &r)), "warming up is not measured")
		}
		out = e.End(out, 0, 0)
		rep, err := Read(bytes.NewReader(out))
		require.NoError(t, err)
		require.Equal(t, uint64(protocol.Kinds-1), rep.Total.Count, "%s: all but the interrupted one", form)
		require.Equal(t, uint64(protocol.Kinds-2), rep.Total.Failed)
		require.Len(t, rep.Errors, protocol.Kinds-2, "%s: each kind is known again: %v", form, rep.Errors)
		for _, k := range rep.Errors {
			require.True(t, ours(k.Kind), k.Kind)
		}
		require.InDelta(t, 1500, rep.Total.P50.Milliseconds(), 2)
		require.Contains(t, rep.Source, "gameday's requests")
	}
}

// JMeter's own reader refuses a header with a column it does not know, unless the name is in quotes: then it is a sample
// variable, which it passes over.
func TestHeaderKeepsJMetersRules(t *testing.T) {
	known := strings.Split("timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,sentBytes,"+
		"grpThreads,allThreads,URL,Filename,Latency,Encoding,SampleCount,ErrorCount,Hostname,IdleTime,Connect", ",")
	next := 0
	for _, name := range strings.Split(strings.TrimSpace(header), ",") {
		if strings.HasPrefix(name, `"`) {
			next = len(known) // only at the end
			continue
		}
		for next < len(known) && known[next] != name {
			next++
		}
		require.Less(t, next, len(known), "%s is unknown or out of order", name)
	}
	r := load.RequestLog{Status: 200, Scenario: "s", Step: "a", Latency: 2 * time.Millisecond, Phases: protocol.Phases{Connect: time.Millisecond, Read: time.Millisecond}}
	rows, err := csv.NewReader(strings.NewReader(header + string(CSV{&Labels{}}.Append(nil, &r)))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"2", "a", "200", "OK", "s 1-0", "text", "true"}, rows[1][1:8])
	require.Equal(t, []string{"1", "0", "1"}, rows[1][14:17])
}
