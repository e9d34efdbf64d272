package mesh

import (
	"slices"
	"strings"
	"time"

	"gameday/chaos/format"
)

// clock is TimeChaos: timeOffset is added to the clocks of clockIds, CLOCK_REALTIME when none is given.
func (f *fault) clock() (format.Map, bool) {
	p, why := f.pods(f.spec)
	if why != "" {
		return f.needs("kubernetes", why)
	}
	ids := f.spec.Get("clockIds")
	if names := ids.Texts(); len(names) > 0 && !slices.Contains(names, "CLOCK_REALTIME") {
		return f.needs("kubernetes", strings.Join(names, ", ")+" without CLOCK_REALTIME")
	} else if len(names) > 1 {
		f.cov.Add("clockIds", ids.Path, format.Approximated, "the clocks that tell the time of day, and no others")
	}
	f.spec.Lost(f.cov, "all processes of the name are hit", "containerNames")
	by, err := time.ParseDuration(strings.TrimSpace(f.spec.Get("timeOffset").Text()))
	if err != nil || by == 0 || by.Abs() < time.Millisecond || by.Abs() > format.MaxMethod*365*20 {
		return f.lost("its timeOffset is no duration that a clock can be off by")
	}
	args, title := format.Map{{Key: "by", Value: by}}, p.String()+": clock +"+by.String()
	if by < 0 {
		args, title = format.Map{{Key: "by", Value: -by}, {Key: "direction", Value: "behind"}}, p.String()+": clock "+by.String()
	}
	return f.step("process.clock", p.Processes(), args, title, "the process, and what it forks meanwhile")
}
