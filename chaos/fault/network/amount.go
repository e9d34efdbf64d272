package network

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

var amount = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?|\.[0-9]+) ?([A-Za-z]*)$`)

var prefixes = map[string]float64{"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}

// parseBytes reads a number of bytes: "1500", "16kB", "64KiB".
func parseBytes(s string) (int64, error) {
	f, err := parseAmount(s, "B")
	if err != nil || f != math.Trunc(f) || f > 1<<53 {
		return 0, fmt.Errorf("%q is not a number of bytes; write 1500, 16kB or 64KiB", s)
	}
	return int64(f), nil
}

// parseRate reads bytes per second: "100kB/s", "1MiB/s", "8Mbit/s" (also "8Mbps"), or a bare number of bytes.
func parseRate(s string) (float64, error) {
	text, slash := strings.CutSuffix(s, "/s")
	unit, scale := "B", 1.0
	for _, bits := range []string{"bit", "bps"} {
		if t, ok := strings.CutSuffix(text, bits); ok && slash == (bits == "bit") {
			text, unit, scale, slash = t, "", 1.0/8, true
			break
		}
	}
	_, plain := strconv.ParseFloat(s, 64)
	f, err := parseAmount(text, unit)
	if err != nil || !slash && plain != nil {
		return 0, fmt.Errorf("%q is not a number of bytes or bits per second; write 100kB/s, 1MiB/s or 8Mbit/s", s)
	}
	if f *= scale; !(f >= 1 && f <= 1e12) {
		return 0, fmt.Errorf("%s is not between 1 B/s and 1000 GB/s", s)
	}
	return f, nil
}

// parseAmount reads a number with a prefix and, unless it is alone, a unit.
func parseAmount(s, unit string) (float64, error) {
	m := amount.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0, fmt.Errorf("%q is not a number with a unit", s)
	}
	f, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, err
	}
	prefix, ok := strings.CutSuffix(m[2], unit)
	scale, known := prefixes[prefix]
	if !known || !ok && m[2] != "" {
		return 0, fmt.Errorf("%q has an unknown unit", s)
	}
	return f * scale, nil
}
