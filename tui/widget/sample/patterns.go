package sample

import (
	"time"

	"gameday/sources/signal"
)

// Patterns are those of the sample's log lines: two that appeared with the fault, and what is written all the time.
func Patterns() []signal.LogPattern {
	make := func(id uint64, service, text string, count uint64, level signal.Severity, since time.Duration, example signal.Record) signal.LogPattern {
		p := signal.LogPattern{ID: id, Service: service, Text: text, Count: count, Total: 3 * count, First: Now.Add(-since), Last: Now, Example: example,
			New: since < 29*time.Second, Filter: `{service="` + service + `"} |> "x <_>"`}
		p.Levels[signal.LevelRank(level)] = p.Total
		for i := range 24 {
			v := float64(count) / 24 * (1 + 0.3*float64(i%4))
			if p.New && i < 22 {
				v = 0
			}
			p.Spark = append(p.Spark, v)
		}
		p.Example.Service = service
		return p
	}
	l := Logs(8)
	mixed := make(6, "inventory", "reserved <num> items ✓ für <*> <num> — 在庫あり", 3100, signal.SeverityInfo, time.Hour, l[6])
	mixed.Levels[signal.LevelRank(signal.SeverityWarn)] = mixed.Total / 3
	mixed.Levels[signal.LevelRank(signal.SeverityInfo)] -= mixed.Total / 3
	return []signal.LogPattern{
		make(1, "checkout", "payment failed: context deadline exceeded after <dur>", 412, signal.SeverityError, 27*time.Second, l[4]),
		make(2, "checkout", "payment answered late, attempt <num> of <num>", 96, signal.SeverityWarn, 28*time.Second, l[3]),
		make(3, "gateway", "POST /checkout <num>", 18211, signal.SeverityInfo, time.Hour, l[0]),
		make(4, "catalog", "listed <num> products", 9100, signal.SeverityInfo, time.Hour, l[1]),
		make(5, "cart", "cache hit for cart <num>", 8800, signal.SeverityDebug, time.Hour, l[2]),
		mixed,
		make(7, "payment", "provider said: <*>", 12, signal.SeverityUnset, time.Hour, l[7]),
	}
}

// around are records of one service beside each other.
func around() []signal.Record {
	out := Logs(21)
	for i := range out {
		out[i].Service, out[i].Source = "checkout", "otlp"
	}
	return out
}
