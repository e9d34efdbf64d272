package analysis

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFiguresAsAPersonWritesThem(t *testing.T) {
	for want, got := range map[string]string{
		"1,240": count(1240.4), "-12,345,678": count(-12345678), "0.34": count(0.34), "41.2": count(41.23), "0": count(0), "?": count(math.NaN()),
		"1e-07": count(1e-7), "100": count(99.96), "4.1 %": share(0.041), "0.02 %": share(0.0002), "0 %": share(0), "under 0.001 %": share(1e-9),
		"1.8 ms": latency(0.0018), "850 µs": latency(850e-6), "1.24 s": latency(1.24), "1 s": latency(0.99996), "1 ms": latency(0.00099996),
		"12.5 s": Span(12500 * time.Millisecond), "3 min 5 s": Span(185 * time.Second), "2 h": Span(2 * time.Hour),
		"3 d 1 h": Span(73 * time.Hour), "-1 s": Span(-time.Second), "0 s": Span(0), "1 h": Span(time.Hour),
		"2.1 MB": bytes(2.1 * 1024 * 1024), "12 B": bytes(12), "p < 0.001": Probability(1e-9), "p = 0.012": Probability(0.0123),
		"p unknown": Probability(math.NaN()), "-3 B": bytes(-3),
	} {
		require.Equal(t, want, got)
	}
}

func TestVerdictsHaveWords(t *testing.T) {
	require.Equal(t, "inconclusive clear found", Inconclusive.String()+" "+Clear.String()+" "+Found.String())
}
