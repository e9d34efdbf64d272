package logql

import "testing"

// BenchmarkMatch is one record through a filter: 20,000 arrive in a second.
func BenchmarkMatch(b *testing.B) {
	js := rec(`{"time":"2026-11-29T12:00:00Z","level":"error","msg":"timeout after 1.5s","status":502,"http":{"path":"/cart/7","method":"POST"},"took":"1.5s"}`, "k8s.pod", "p-1", "env", "prod")
	for name, text := range map[string]string{
		"other-service": `{service="cart"} |= "timeout" | json | status >= 500`,
		"other-line":    `{service="payment"} |= "refused" | json | status >= 500`,
		"regex":         `{service="payment"} |~ "(?i)refused|reset"`,
		"json":          `{service="payment"} |= "timeout" | json | status >= 500`,
		"line-format":   `{service="payment"} | json | line_format "{{.status}} {{.http_path}}" |= "502"`,
	} {
		b.Run(name, func(b *testing.B) {
			q, err := Parse(text)
			if err != nil {
				b.Fatal(err)
			}
			m := q.Matcher()
			b.ReportAllocs()
			for b.Loop() {
				m.Process(js)
			}
		})
	}
}
