// Package hours says when something may be done: on which days, between which times of day, in which time zone, and not
// on holidays. It computes and never waits.
package hours

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gameday/sources/spec"
)

// Hours are the times when something may be done. The zero value is always. Times of day are those on the wall in Zone; a
// window that ends before it begins goes over midnight and belongs to the day on which it begins.
type Hours struct {
	Days     []string `yaml:"days" doc:"mon, tue … or ranges such as mon-fri; every day when not given"`
	From     string   `yaml:"from" doc:"time of day such as 09:00; 00:00 when not given"`
	To       string   `yaml:"to" doc:"time of day such as 17:00, not included; 24:00 when not given; before from: the next day"`
	Zone     string   `yaml:"zone" doc:"time zone such as Europe/Berlin; this machine's when not given"`
	Holidays []string `yaml:"holidays" doc:"days when nothing is done: 2026-12-24, or 12-25 for every year"`
}

const fullDay = 24 * 60 // minutes

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// IsZero reports whether nothing is limited.
func (h Hours) IsZero() bool {
	return len(h.Days) == 0 && h.From == "" && h.To == "" && h.Zone == "" && len(h.Holidays) == 0
}

// Check reports what is wrong; paths count from the hours.
func (h Hours) Check(report func(path, format string, args ...any)) {
	if _, err := h.days(); err != nil {
		report("days", "%s", err)
	}
	from, err := clock(h.From, 0)
	if err != nil {
		report("from", "%s", err)
	}
	to, toErr := clock(h.To, fullDay)
	if toErr != nil {
		report("to", "%s", toErr)
	}
	if err == nil && toErr == nil && from == to {
		report("to", "the window from %s to %s is empty", h.From, h.To)
	}
	if from == fullDay {
		report("from", "24:00 is the end of a day, not its beginning")
	}
	if _, err := h.Location(); err != nil {
		report("zone", "%s", err)
	}
	for i, d := range h.Holidays {
		if !isDay(d) {
			report(fmt.Sprintf("holidays[%d]", i), "%s is no day such as 2026-12-24, or 12-25 for every year", spec.Quote(d))
		}
	}
}

// Location is the time zone.
func (h Hours) Location() (*time.Location, error) {
	if h.Zone == "" {
		return time.Local, nil
	}
	loc, err := time.LoadLocation(h.Zone)
	if err != nil {
		return nil, fmt.Errorf("%s is no time zone such as Europe/Berlin or UTC", spec.Quote(h.Zone))
	}
	return loc, nil
}

// Open reports whether something may be done at an instant, and why not. Hours that Check complains about are never open.
func (h Hours) Open(t time.Time) (open bool, why string) {
	loc, err := h.Location()
	if err != nil {
		return false, err.Error()
	}
	t = t.In(loc)
	for _, day := range []time.Time{t, yesterday(t)} {
		if from, to, ok := h.Window(day); ok && !t.Before(from) && t.Before(to) {
			return true, ""
		}
	}
	return false, fmt.Sprintf("it is %s, and the hours are %s", t.Format("Mon 2006-01-02 15:04 MST"), h)
}

func yesterday(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()-1, 12, 0, 0, 0, t.Location())
}

// Window is the time that begins on the day of t, as that day is in Zone; ok is false when there is none.
func (h Hours) Window(t time.Time) (from, to time.Time, ok bool) {
	loc, err := h.Location()
	if err != nil {
		return from, to, false
	}
	t = t.In(loc)
	days, err := h.days()
	if err != nil || !days[t.Weekday()] || h.holiday(t) {
		return from, to, false
	}
	a, errFrom := clock(h.From, 0)
	b, errTo := clock(h.To, fullDay)
	if errFrom != nil || errTo != nil || a == b {
		return from, to, false
	}
	if b < a {
		b += fullDay
	}
	at := func(minutes int) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day()+minutes/fullDay, minutes%fullDay/60, minutes%60, 0, 0, loc)
	}
	return at(a), at(b), true
}

func (h Hours) holiday(t time.Time) bool {
	return slices.Contains(h.Holidays, t.Format("2006-01-02")) || slices.Contains(h.Holidays, t.Format("01-02"))
}

// String is the hours in words: "mon-fri 09:00 to 17:00 Europe/Berlin".
func (h Hours) String() string {
	var parts []string
	if len(h.Days) > 0 {
		parts = append(parts, strings.Join(h.Days, ", "))
	}
	if h.From != "" || h.To != "" {
		from, to := h.From, h.To
		if from == "" {
			from = "00:00"
		}
		if to == "" {
			to = "24:00"
		}
		parts = append(parts, from+" to "+to)
	}
	if h.Zone != "" {
		parts = append(parts, h.Zone)
	}
	if len(h.Holidays) > 0 {
		parts = append(parts, "but for holidays")
	}
	if len(parts) == 0 {
		return "any time"
	}
	return strings.Join(parts, " ")
}

// days says which days of the week are meant.
func (h Hours) days() (on [7]bool, err error) {
	if len(h.Days) == 0 {
		return [7]bool{true, true, true, true, true, true, true}, nil
	}
	for _, d := range h.Days {
		first, last, isRange := strings.Cut(strings.ToLower(strings.TrimSpace(d)), "-")
		if !isRange {
			last = first
		}
		i, j := dayIndex(first), dayIndex(last)
		if i < 0 || j < 0 {
			return on, fmt.Errorf("%s is no day; write mon, tue, wed, thu, fri, sat, sun or a range such as mon-fri", spec.Quote(d))
		}
		for ; ; i = (i + 1) % 7 {
			on[i] = true
			if i == j {
				break
			}
		}
	}
	return on, nil
}

func dayIndex(s string) int {
	for i, name := range dayNames {
		if s == name || s == strings.ToLower(time.Weekday(i).String()) {
			return i
		}
	}
	return -1
}

// clock reads a time of day as minutes since midnight.
func clock(s string, absent int) (int, error) {
	if s == "" {
		return absent, nil
	}
	hour, minute, ok := strings.Cut(s, ":")
	h, err1 := strconv.Atoi(hour)
	m, err2 := strconv.Atoi(minute)
	if !ok || err1 != nil || err2 != nil || len(hour) > 2 || len(minute) != 2 || h < 0 || m < 0 || m > 59 || h*60+m > fullDay {
		return 0, fmt.Errorf("%s is no time of day such as 09:00", spec.Quote(s))
	}
	return h*60 + m, nil
}

func isDay(s string) bool {
	if _, err := time.Parse("2006-01-02", s); err == nil {
		return true
	}
	_, err := time.Parse("2006-01-02", "2000-"+s) // a leap year: 02-29 is a day
	return err == nil
}
