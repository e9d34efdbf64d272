package hours_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos/hours"
	"gameday/sources/spec"
)

func TestOpen(t *testing.T) {
	office := hours.Hours{Days: []string{"mon-fri"}, From: "09:00", To: "17:00", Zone: "Europe/Berlin", Holidays: []string{"2026-12-24", "12-25"}}
	night := hours.Hours{Days: []string{"fri"}, From: "22:00", To: "06:00", Zone: "UTC"}
	for _, c := range []struct {
		h    hours.Hours
		at   string
		open bool
	}{
		{hours.Hours{}, "2026-11-22T03:00:00Z", true},
		{office, "2026-11-23T08:00:00Z", true}, // Monday, 09:00 in Berlin
		{office, "2026-11-23T07:59:59Z", false},
		{office, "2026-11-23T15:59:59Z", true},
		{office, "2026-11-23T16:00:00Z", false}, // the end is not included
		{office, "2026-07-20T07:00:00Z", true},  // summer time
		{office, "2026-11-22T10:00:00Z", false}, // Sunday
		{office, "2026-12-24T10:00:00Z", false},
		{office, "2025-12-24T10:00:00Z", true},
		{office, "2031-12-25T10:00:00Z", false},
		{night, "2026-11-27T23:00:00Z", true}, // Friday
		{night, "2026-11-28T05:59:00Z", true}, // Friday's window goes on
		{night, "2026-11-28T06:00:00Z", false},
		{night, "2026-11-27T05:00:00Z", false}, // Thursday's does not exist
		{hours.Hours{Days: []string{"sat-mon"}, Zone: "UTC"}, "2026-11-23T00:00:00Z", true},
		{hours.Hours{Days: []string{"sat-mon"}, Zone: "UTC"}, "2026-11-24T00:00:00Z", false},
		{hours.Hours{To: "24:00", From: "23:00", Zone: "UTC"}, "2026-11-24T23:59:59Z", true},
		{hours.Hours{Zone: "Nowhere/City"}, "2026-11-24T23:59:59Z", false},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		require.NoError(t, err)
		open, why := c.h.Open(at)
		require.Equal(t, c.open, open, "%s at %s: %s", c.h, c.at, why)
		require.Equal(t, open, why == "")
	}
	_, why := office.Open(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	require.Equal(t, "it is Sun 2026-11-22 11:00 CET, and the hours are mon-fri 09:00 to 17:00 Europe/Berlin but for holidays", why)
}

func TestCheck(t *testing.T) {
	for text, want := range map[string]string{
		`{days: [mon-fri, sunday], from: 09:00, to: "17:30", zone: UTC, holidays: [02-29, 2026-01-01]}`: "",
		`{}`:                       "",
		`{days: [mon, fryday]}`:    `h.yaml:1:2: days: "fryday" is no day; write mon, tue, wed, thu, fri, sat, sun or a range such as mon-fri`,
		`{from: 9, to: 25:00}`:     "h.yaml:1:8: from: \"9\" is no time of day such as 09:00\nh.yaml:1:15: to: \"25:00\" is no time of day such as 09:00",
		`{from: 09:00, to: 09:00}`: `h.yaml:1:19: to: the window from 09:00 to 09:00 is empty`,
		`{zone: Mars/Olympus}`:     `h.yaml:1:8: zone: "Mars/Olympus" is no time zone such as Europe/Berlin or UTC`,
		`{holidays: [25-12]}`:      `h.yaml:1:13: holidays[0]: "25-12" is no day such as 2026-12-24, or 12-25 for every year`,
		`{from: 24:00, to: 03:00}`: `h.yaml:1:8: from: 24:00 is the end of a day, not its beginning`,
	} {
		d, err := spec.Parse("h.yaml", []byte(text))
		require.NoError(t, err)
		var h hours.Hours
		d.Decode(&h)
		h.Check(d.Reportf)
		if want == "" {
			require.NoError(t, d.Err(), text)
		} else {
			require.EqualError(t, d.Err(), want, text)
		}
	}
}
