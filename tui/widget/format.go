package widget

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Duration writes d in at most seven cells, with its unit: "850 µs", "3.42 ms", "143 ms", "1.24 s", "2m03s", "1h05m".
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(-max(d, math.MinInt64+1))
	}
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d < time.Microsecond:
		return strconv.Itoa(int(d)) + " ns"
	case d < time.Millisecond:
		return strconv.Itoa(int(d/time.Microsecond)) + " µs"
	case ms < 9.995:
		return strconv.FormatFloat(ms, 'f', 2, 64) + " ms"
	case ms < 999.5:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case ms < 9995:
		return strconv.FormatFloat(ms/1000, 'f', 2, 64) + " s"
	case ms < 59950:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + " s"
	}
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 100*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}

// Whole is Duration without fractions of a second, for what was chosen or is counted in seconds: "7 s", "42 s", "2m03s". What is
// not whole seconds and shorter than ten stays as exact as it is.
func Whole(d time.Duration) string {
	if d >= 0 && d < time.Minute && (d%time.Second == 0 || d >= 10*time.Second) {
		if s := d.Round(time.Second); s < time.Minute {
			return strconv.Itoa(int(s/time.Second)) + " s"
		}
	}
	return Duration(d)
}

// Clock writes a run's time as 00:23 or 1:02:03.
func Clock(d time.Duration) string {
	s := int64(max(d, 0).Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// Number writes v in at most six cells: "0", "0.12", "3.4", "143", "1.2k", "12.3M". NaN is "–".
func Number(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	if math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	a := math.Abs(v)
	for _, m := range []struct {
		at     float64
		suffix string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if a >= m.at*0.9995 {
			return scaled(v/m.at) + m.suffix
		}
	}
	switch {
	case a == 0:
		return "0"
	case a < 0.001:
		return strconv.FormatFloat(v, 'g', 2, 64)
	case a < 1:
		return trim(strconv.FormatFloat(v, 'f', 3, 64))
	}
	return trim(scaled(v))
}

// scaled writes a value between 1 and 1000 with three digits at most.
func scaled(v float64) string {
	if math.Abs(v) < 99.95 {
		return trim(strconv.FormatFloat(v, 'f', 1, 64))
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// trim drops zeros after the decimal point.
func trim(s string) string {
	end := len(s)
	for end > 0 && s[end-1] == '0' {
		end--
	}
	if end > 0 && s[end-1] == '.' {
		return s[:end-1]
	}
	for i := 0; i < end; i++ {
		if s[i] == '.' {
			return s[:end]
		}
	}
	return s
}

// Count writes a whole number with its suffix: "143", "1.2k", "3.4M".
func Count(n uint64) string { return Number(float64(n)) }

// Percent writes v, 0 to 100, with as many digits as matter: "0.12 %", "1.2 %", "45 %", "99.87 %".
func Percent(v float64) string {
	switch {
	case math.IsNaN(v):
		return "– %"
	case v == 0 || v == 100:
		return strconv.FormatFloat(v, 'f', 0, 64) + " %"
	case math.Abs(v) < 1 || v > 99 && v < 100:
		return strconv.FormatFloat(v, 'f', 2, 64) + " %"
	case math.Abs(v) < 10 || v > 90 && v < 100:
		return trim(strconv.FormatFloat(v, 'f', 1, 64)) + " %"
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " %"
}

// Bytes writes a size in powers of 1024: "512 B", "1.5 KiB", "3.2 GiB".
func Bytes(v float64) string {
	if math.IsNaN(v) {
		return "– B"
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for math.Abs(v) >= 1024 && i < len(units)-1 {
		v /= 1024
		i++
	}
	return Number(v) + " " + units[i]
}

// Value writes a value of a panel with its unit: "s", "ms", "%" (0 to 100), "bytes", "req/s", or any other word.
func Value(v float64, unit string) string {
	if math.IsNaN(v) {
		return "–"
	}
	switch unit {
	case "s":
		return seconds(v)
	case "ms":
		return seconds(v / 1000)
	case "%":
		return Percent(v)
	case "bytes", "B":
		return Bytes(v)
	case "bytes/s", "B/s":
		return Bytes(v) + "/s"
	case "":
		return Number(v)
	}
	if text, ok := grafanaUnit(v, unit); ok {
		return text
	}
	return Number(v) + " " + unit
}

// seconds is Duration for a float that may be too large for one.
func seconds(v float64) string {
	switch {
	case math.IsInf(v, 0) || math.Abs(v) > 1e9:
		return Number(v) + " s"
	case v == 0:
		return "0 s"
	}
	return Duration(time.Duration(v * float64(time.Second)))
}
