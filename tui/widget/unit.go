package widget

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// durations are Grafana's units of time, in seconds.
var durations = map[string]float64{"ns": 1e-9, "µs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "dtdurations": 1, "dtdurationms": 1e-3,
	"dthms": 1, "clocks": 1, "clockms": 1e-3, "timeticks": 0.01}

// dataSizes are Grafana's units of data: how many bytes or bits, on which base they grow, and what stands behind.
var dataSizes = map[string]struct {
	times, base float64
	suffix      string
}{
	"bytes": {1, 1024, "iB"}, "decbytes": {1, 1000, "B"}, "bits": {1, 1024, "ib"}, "decbits": {1, 1000, "b"},
	"kbytes": {1 << 10, 1024, "iB"}, "deckbytes": {1e3, 1000, "B"}, "mbytes": {1 << 20, 1024, "iB"}, "decmbytes": {1e6, 1000, "B"},
	"gbytes": {1 << 30, 1024, "iB"}, "decgbytes": {1e9, 1000, "B"}, "tbytes": {1 << 40, 1024, "iB"}, "dectbytes": {1e12, 1000, "B"},
	"binBps": {1, 1024, "iB/s"}, "Bps": {1, 1000, "B/s"}, "binbps": {1, 1024, "ib/s"}, "bps": {1, 1000, "b/s"},
	"KiBs": {1 << 10, 1024, "iB/s"}, "KBs": {1e3, 1000, "B/s"}, "Kbits": {1e3, 1000, "b/s"}, "MiBs": {1 << 20, 1024, "iB/s"}, "MBs": {1e6, 1000, "B/s"},
	"Mbits": {1e6, 1000, "b/s"}, "GBs": {1e9, 1000, "B/s"}, "Gbits": {1e9, 1000, "b/s"},
}

// rates are Grafana's units of throughput and of physics that are a number with a word.
var rates = map[string]string{"reqps": "req/s", "ops": "ops/s", "rps": "rd/s", "wps": "wr/s", "iops": "io/s", "cps": "c/s", "eps": "ev/s", "mps": "msg/s", "recps": "rec/s",
	"rowsps": "rows/s", "pps": "p/s", "reqpm": "req/min", "opm": "ops/min", "rpm": "rd/min", "wpm": "wr/min", "hertz": "Hz", "rothz": "Hz", "celsius": "°C", "fahrenheit": "°F",
	"kelvin": "K", "volt": "V", "amp": "A", "watt": "W", "joule": "J", "watth": "Wh", "humidity": "%H", "pressurehpa": "hPa", "decibel": "dB", "rotrpm": "rpm", "lengthm": "m",
	"lengthkm": "km", "massg": "g", "masskg": "kg", "degree": "°", "ppm": "ppm", "currencyUSD": "$", "currencyEUR": "EUR", "currencyGBP": "GBP"}

// grafanaUnit writes a value in one of Grafana's units; ok is false for words that are none.
func grafanaUnit(v float64, unit string) (text string, ok bool) {
	if times, is := durations[unit]; is {
		return seconds(v * times), true
	}
	if d, is := dataSizes[unit]; is {
		return dataSize(v*d.times, d.base, d.suffix), true
	}
	if word, is := rates[unit]; is {
		return Number(v) + " " + word, true
	}
	switch unit {
	case "none", "short", "string", "locale", "sishort":
		return Number(v), true
	case "percent":
		return Percent(v), true
	case "percentunit":
		return Percent(100 * v), true
	case "sci":
		return strconv.FormatFloat(v, 'e', 2, 64), true
	case "hex", "hex0x":
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return Number(v), true
		}
		return "0x" + strconv.FormatInt(int64(v), 16), true
	case "bool":
		return either(v, "true", "false"), true
	case "bool_yes_no":
		return either(v, "yes", "no"), true
	case "bool_on_off":
		return either(v, "on", "off"), true
	case "dateTimeAsIso", "dateTimeAsIsoNoDateIfToday", "dateTimeAsLocal", "dateTimeAsSystem", "dateTimeAsUS":
		if v > 0 && v < 1e14 {
			return time.UnixMilli(int64(v)).UTC().Format("2006-01-02 15:04:05"), true
		}
		return Number(v), true
	case "dateTimeFromNow":
		return Number(v), true
	}
	for _, p := range []string{"suffix:", "si:", "count:", "time:"} {
		if word, is := strings.CutPrefix(unit, p); is {
			return strings.TrimSpace(Number(v) + " " + word), true
		}
	}
	if word, is := strings.CutPrefix(unit, "prefix:"); is {
		return word + Number(v), true
	}
	return "", false
}

func either(v float64, yes, no string) string {
	if v != 0 {
		return yes
	}
	return no
}

// dataSize writes a size on base 1024 or 1000; the suffix is "iB" for KiB, "B" for kB.
func dataSize(v, base float64, suffix string) string {
	letters := "kMGTPE"
	if base == 1024 {
		letters = "KMGTPE"
	}
	i := 0
	for math.Abs(v) >= base*0.9995 && i < len(letters) {
		v /= base
		i++
	}
	if i == 0 {
		return Number(v) + " " + strings.TrimPrefix(suffix, "i")
	}
	return Number(v) + " " + letters[i-1:i] + suffix
}

// Decimals writes a value with so many digits after the point where its unit is a plain number or a share; other units choose
// theirs.
func Decimals(v float64, unit string, digits int) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0) || digits < 0 || digits > 10:
		return Value(v, unit)
	case unit == "" || unit == "none" || unit == "short" && math.Abs(v) < 1000:
		return strconv.FormatFloat(v, 'f', digits, 64)
	case unit == "percent" || unit == "%":
		return strconv.FormatFloat(v, 'f', digits, 64) + " %"
	case unit == "percentunit":
		return strconv.FormatFloat(100*v, 'f', digits, 64) + " %"
	}
	return Value(v, unit)
}

func parseNumber(s string) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}
