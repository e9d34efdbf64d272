// Package kafka loads Kafka, and what speaks its protocol (Redpanda, WarpStream): producing records, consuming them, and
// round trips, in which a record is produced and waited for at the other end.
//
// What workers share: one producer for each set of acks, linger, batchSize and compression, as the threads of a producing
// application share theirs, so that their records travel in common batches; and for round trips one reader of each topic.
// Each worker that consumes has a consumer of its own.
package kafka

import (
	"strings"
	"time"

	"gameday/engine/load/payload"
	"gameday/engine/load/template"
)

// The bounds of one step.
const (
	maxRecords = 1_000_000
	maxBatch   = 64 << 20
	minBatch   = 1 << 10
	maxLinger  = time.Minute
	maxHeaders = 100
)

// Operation is one step: one of the three.
type Operation struct {
	Produce   *Record  `yaml:"produce" doc:"Produces a record and waits until it is acknowledged."`
	Consume   *Consume `yaml:"consume" doc:"Waits for the next records of a topic."`
	Roundtrip *Record  `yaml:"roundtrip" doc:"Produces a record and waits until it has been consumed: the latency from end to end."`
}

// Record is what is produced, and how.
type Record struct {
	Topic       string            `yaml:"topic,required" doc:"The topic. To produce, it may hold {{values}}."`
	Key         string            `yaml:"key" doc:"The record's key; may hold {{values}}. Without one, records are spread over the partitions."`
	Value       string            `yaml:"value" doc:"The record's value; may hold {{values}}."`
	Headers     map[string]string `yaml:"headers" doc:"Headers of the record beside traceparent and X-Correlation-ID; may hold {{values}}."`
	Acks        string            `yaml:"acks" enum:"all,leader,none" doc:"Who must have the record before it counts as done. Default all."`
	Linger      time.Duration     `yaml:"linger" doc:"How long a batch waits for more records. Default 0s."`
	BatchSize   int               `yaml:"batchSize" doc:"Most bytes of a batch. Default 1000012."`
	Compression string            `yaml:"compression" enum:"none,gzip,snappy,lz4,zstd" doc:"Of batches. Default none."`
}

// Consume is what is consumed.
type Consume struct {
	Topic   string `yaml:"topic,required" doc:"The topic."`
	Group   string `yaml:"group" doc:"Consumer group whose members the workers are. Without one, each worker reads all partitions."`
	From    string `yaml:"from" enum:"end,start" doc:"Where reading begins when the group has no offsets: at what comes from now on, or at the oldest record. Default end."`
	Records int    `yaml:"records" doc:"How many records one request waits for. Default 1."`
}

// reserved are the headers the engine itself sets, in lower case.
var reserved = map[string]bool{"traceparent": true, "x-correlation-id": true, roundtripHeader: true}

// Validate reports what is wrong with the step and can be said without the brokers.
func (o *Operation) Validate(report func(path, format string, args ...any)) {
	given := 0
	for _, set := range []bool{o.Produce != nil, o.Consume != nil, o.Roundtrip != nil} {
		if set {
			given++
		}
	}
	if given != 1 {
		report("", "give one of produce, consume and roundtrip")
	}
	if o.Produce != nil {
		o.Produce.validate("produce", report)
	}
	if r := o.Roundtrip; r != nil {
		r.validate("roundtrip", report)
		if strings.Contains(r.Topic, "{{") {
			report("roundtrip.topic", "must not hold {{values}}: the topic is read all the time")
		}
		if r.Acks == "none" {
			report("roundtrip.acks", "must not be none: a record that is lost could not be told from one that is late")
		}
	}
	c := o.Consume
	if c == nil {
		return
	}
	if c.Topic == "" || strings.Contains(c.Topic, "{{") {
		report("consume.topic", "must be the name of a topic, without {{values}}")
	}
	if c.Records < 0 || c.Records > maxRecords {
		report("consume.records", "%d is not from 1 to %d", c.Records, maxRecords)
	}
}

func (r *Record) validate(at string, report func(path, format string, args ...any)) {
	if r.Topic == "" {
		report(at+".topic", "must not be empty")
	}
	for name, text := range map[string]string{"topic": r.Topic, "key": r.Key, "value": r.Value} {
		if _, err := template.Compile(text, payload.AnyName); err != nil {
			report(at+"."+name, "%v", err)
		}
	}
	if len(r.Headers) > maxHeaders {
		report(at+".headers", "%d are more than the %d a record may have", len(r.Headers), maxHeaders)
	}
	for name, text := range r.Headers {
		if reserved[strings.ToLower(name)] {
			report(at+".headers", "%s cannot be set: every record gets its own", name)
		}
		if _, err := template.Compile(text, payload.AnyName); err != nil {
			report(at+".headers", "%s: %v", name, err)
		}
	}
	if r.Linger < 0 || r.Linger > maxLinger {
		report(at+".linger", "%v is not from 0s to %v", r.Linger, maxLinger)
	}
	if r.BatchSize != 0 && (r.BatchSize < minBatch || r.BatchSize > maxBatch) {
		report(at+".batchSize", "%d bytes are not from %d to %d", r.BatchSize, minBatch, maxBatch)
	}
}
