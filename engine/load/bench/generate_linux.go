//go:build linux && (amd64 || arm64)

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"gameday/engine/load"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

// generate is our side of a comparison, with everything on that a real run has: checks, trace headers, all recording,
// metrics once a second.
func generate(target, text string) error {
	text = "apiVersion: gameday/v1\nkind: Load\ntarget: " + target + "\n" + text +
		"scenarios: [{name: s, steps: [{path: /, check: {status: 200}}]}]\n"
	doc, err := spec.Parse("bench", []byte(text))
	if err != nil {
		return err
	}
	plan, err := load.ParsePlan(doc)
	if err != nil {
		return err
	}
	run, err := load.Start(context.Background(), plan, load.Options{
		Engine: load.Engine(os.Getenv("BENCH_ENGINE")), Emit: func([]signal.MetricPoint) {},
	})
	if err != nil {
		return err
	}
	res := run.Wait()
	for _, n := range res.Notes {
		fmt.Fprintln(os.Stderr, n)
	}
	h := res.Total.Response
	return json.NewEncoder(os.Stdout).Encode(outcome{
		Done: res.Total.Done, Failed: res.Total.Failed, Rate: res.Total.Rate, Missed: res.Missed, Dials: res.Total.Dials,
		InTime:    res.Total.Lag.Share(time.Millisecond),
		Quantiles: [4]time.Duration{h.Quantile(0.5), h.Quantile(0.9), h.Quantile(0.99), h.Quantile(0.999)},
	})
}
