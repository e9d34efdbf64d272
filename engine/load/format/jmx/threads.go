package jmx

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/format"
)

const (
	maxRows     = 200
	assumedHold = time.Minute // ten of them are what an endless group with a ramp is held
)

// executor turns a thread group of any kind into an executor; false when it is none that a plan can have.
func (c *converter) executor(e element, at string, u *users) (*load.Executor, bool) {
	num := func(name string, otherwise float64) float64 {
		return c.number(e.prop(name), e.kind()+" "+name, at, otherwise)
	}
	var out *load.Executor
	switch e.kind() {
	case "ThreadGroup":
		out = c.standard(e, num, at)
	case "UltimateThreadGroup":
		out = c.ultimate(e, at)
	case "ConcurrencyThreadGroup":
		out = ramped(e, num, load.RampingUsers, unit(e))
		c.cov.Add(e.kind(), at, format.Converted, "")
	case "ArrivalsThreadGroup":
		out = ramped(e, num, load.RampingRate, unit(e))
		c.cov.Add(e.kind(), at, format.Converted, "")
	case "FreeFormArrivalsThreadGroup":
		out = c.freeForm(e, at)
	case "SteppingThreadGroup":
		out = stepping(num)
		c.cov.Add(e.kind(), at, format.Converted, "")
	default:
		why, known := reasons[e.kind()]
		if !known {
			why = "a kind of thread group that is not known"
		}
		c.cov.Add(e.kind(), at, format.NotConverted, why)
		return nil, false
	}
	if out == nil {
		c.cov.Add(e.kind(), at, format.NotConverted, "it has no user, or no time to run")
		return nil, false
	}
	switch e.prop("ThreadGroup.on_sample_error") {
	case "", "continue":
	case "startnextloop":
		u.onFailure = "end-iteration"
		c.cov.Add("on sample error", at, format.Converted, "")
	default:
		u.onFailure = "end-iteration"
		c.cov.Add("on sample error", at, format.Approximated, "ends the iteration, and neither the user nor the test")
	}
	return out, true
}

// unit is what a plug-in group counts its times in, minutes unless it says S.
func unit(e element) float64 {
	if strings.TrimSpace(e.prop("Unit")) == "S" {
		return 1
	}
	return 60
}

func userCount(v float64) int { return int(min(max(math.Round(v), 0), 1e6)) }

// standard is JMeter's own thread group.
func (c *converter) standard(e element, num func(string, float64) float64, at string) *load.Executor {
	n := userCount(num("ThreadGroup.num_threads", 1))
	rise := seconds(num("ThreadGroup.ramp_time", 0))
	if n == 0 {
		return nil
	}
	scheduled := e.flag("ThreadGroup.scheduler")
	length, delay := seconds(0), seconds(0)
	if scheduled {
		length, delay = seconds(num("ThreadGroup.duration", 0)), seconds(num("ThreadGroup.delay", 0))
	}
	loops, endless := -1.0, true
	if main := e.find("ThreadGroup.main_controller"); main != nil {
		loops = c.number(main.prop("LoopController.loops"), "loop count", at, -1)
		endless = main.flag("LoopController.continue_forever") && loops < 1 || loops < 0
	}
	endless = endless || c.endless
	switch {
	case !endless && (length == 0 || c.several == 1):
		if loops < 1 {
			return nil
		}
		c.draft.Duration = max(c.draft.Duration, length)
		return c.rounds(n, loops, rise, delay, at)
	case !endless:
		c.cov.Add("loop count", at, format.Approximated, fmt.Sprintf("not %v rounds for each user, but for the whole duration", loops))
	case length == 0 && rise == 0 && delay == 0:
		c.cov.Add("ThreadGroup", at, format.Converted, "")
		return &load.Executor{Kind: load.ConstantUsers, Users: n}
	case length == 0:
		length = rise + 10*assumedHold
		c.cov.Add("ThreadGroup", at, format.Approximated, fmt.Sprintf("an endless group ends after %v", length))
	}
	c.cov.Add("ThreadGroup", at, format.Converted, "")
	// What is left of the ramp when the time is up was never reached.
	height := float64(n)
	if rise > length {
		height = math.Round(height * float64(length) / float64(rise))
		rise = length
	}
	return laidOut(load.RampingUsers, []ramp{{height: height, delay: delay, up: rise, hold: length - rise}})
}

// rounds is a group whose users make so many iterations each. They are all there from the start, and wait for their turn.
func (c *converter) rounds(n int, loops float64, rise, delay time.Duration, at string) *load.Executor {
	wait := load.ThinkTime{Constant: delay}
	c.cov.Add("ThreadGroup", at, format.Converted, "")
	if rise > 0 && n > 1 {
		wait = load.ThinkTime{Min: delay, Max: delay + rise}
		c.cov.Add("ramp of a thread group with a loop count", at, format.Approximated, "users begin at random instants of the ramp, not one after the other")
	}
	if wait != (load.ThinkTime{}) {
		c.lead = within(format.Block{Kind: "once"}, pauses([]thinkTime{wait}))
	}
	return &load.Executor{Kind: load.UserIterations, Users: n, Iterations: int(min(loops, 1e9))}
}

// laidOut lays ramps out as an executor; nil without any.
func laidOut(kind load.ExecutorKind, rows []ramp) *load.Executor {
	out := &load.Executor{Kind: kind}
	peak, length := 0.0, time.Duration(0)
	for _, st := range stages(rows) {
		if kind == load.RampingUsers {
			st.To = min(math.Round(st.To), 1e6)
		}
		out.Stages = append(out.Stages, st)
		peak = max(peak, st.To)
		length += st.For
	}
	if peak <= 0 || length <= 0 {
		return nil
	}
	return out
}

// cells are the numbers of a table's row.
func (c *converter) cells(row []string, what, at string, n int) []float64 {
	out := make([]float64, n)
	for i := range min(n, len(row)) {
		out[i] = max(c.number(row[i], what, at, 0), 0)
	}
	return out
}

func (c *converter) table(e element, name, at string) [][]string {
	rows := e.rows(name)
	if len(rows) > maxRows {
		c.cov.Add(e.kind()+" rows", at, format.NotConverted, "only the first "+strconv.Itoa(maxRows)+" are")
		rows = rows[:maxRows]
	}
	return rows
}

// ultimate adds up rows of users, delay, startup, hold and shutdown.
func (c *converter) ultimate(e element, at string) *load.Executor {
	var rows []ramp
	for _, row := range c.table(e, "ultimatethreadgroupdata", at) {
		v := c.cells(row, e.kind(), at, 5)
		rows = append(rows, ramp{height: v[0], delay: seconds(v[1]), up: seconds(v[2]), hold: seconds(v[3]), down: seconds(v[4])})
	}
	c.cov.Add(e.kind(), at, format.Converted, "")
	return laidOut(load.RampingUsers, rows)
}

// ramped is a concurrency or an arrivals group: up in steps or straight, then held.
func ramped(e element, num func(string, float64) float64, kind load.ExecutorKind, unit float64) *load.Executor {
	target := num("TargetLevel", 0)
	if kind == load.RampingRate {
		target /= unit // arrivals for each minute or second
	}
	rise, hold := seconds(num("RampUp", 0)*unit), seconds(num("Hold", 0)*unit)
	steps := int(min(max(num("Steps", 0), 0), maxRows))
	var out *load.Executor
	if steps > 1 && rise > 0 {
		var rows []ramp
		each := rise / time.Duration(steps)
		for i := range steps {
			rows = append(rows, ramp{height: target / float64(steps), delay: each * time.Duration(i), hold: rise + hold - each*time.Duration(i)})
		}
		out = laidOut(kind, rows)
	} else {
		out = laidOut(kind, []ramp{{height: target, up: rise, hold: hold}})
	}
	if out != nil && kind == load.RampingRate {
		out.MaxConnections = userCount(num("ConcurrencyLimit", 0))
	}
	return out
}

// freeForm adds up rows of start rate, end rate and duration.
func (c *converter) freeForm(e element, at string) *load.Executor {
	out := &load.Executor{Kind: load.RampingRate}
	per := unit(e)
	peak := 0.0
	for i, row := range c.table(e, "Schedule", at) {
		v := c.cells(row, e.kind(), at, 3)
		from, to := v[0]/per, v[1]/per
		if i == 0 {
			out.Rate = from
		} else if last := out.Stages[len(out.Stages)-1].To; last != from {
			out.Stages = append(out.Stages, load.Stage{To: from})
		}
		out.Stages = append(out.Stages, load.Stage{To: to, For: seconds(v[2] * per)})
		peak = max(peak, from, to)
	}
	if peak == 0 {
		return nil
	}
	out.MaxConnections = userCount(c.number(e.prop("ConcurrencyLimit"), e.kind(), at, 0))
	c.cov.Add(e.kind(), at, format.Converted, "")
	return out
}

// stepping is the old plug-in group that starts users in steps and stops them in steps.
func stepping(num func(string, float64) float64) *load.Executor {
	total := num("ThreadGroup.num_threads", 0)
	delay, first := seconds(num("Threads initial delay", 0)), num("Start users count burst", 0)
	count, period := num("Start users count", 1), seconds(num("Start users period", 0))
	rise, hold := seconds(num("rampUp", 0)), seconds(num("flighttime", 0))
	stop, pause := max(num("Stop users count", total), 1), seconds(num("Stop users period", 0))
	if first <= 0 {
		first = count
	}
	if total <= 0 || count <= 0 {
		return nil
	}
	var heights []float64
	for left := total; left > 0 && len(heights) < maxRows; {
		h := min(count, left)
		if len(heights) == 0 {
			h = min(first, left)
		}
		heights = append(heights, h)
		left -= h
	}
	up := delay + time.Duration(len(heights))*(rise+period)
	var rows []ramp
	for i, h := range heights {
		from := delay + time.Duration(i)*(rise+period)
		// Users that came first go last.
		down := up + hold + time.Duration((total-sum(heights[:i+1]))/stop)*pause
		rows = append(rows, ramp{height: h, delay: from, up: rise, hold: max(down-from-rise, 0)})
	}
	return laidOut(load.RampingUsers, rows)
}

func sum(list []float64) (total float64) {
	for _, v := range list {
		total += v
	}
	return total
}

// pace is a throughput timer: it limits the requests of a group, which as a plan is an open model.
type pace struct {
	rate    float64 // requests per second
	perUser bool
	poisson bool
	kind    string
}

func (c *converter) setPace(e element, at string, throughput, period float64) {
	if throughput <= 0 || period <= 0 {
		c.cov.Add(e.kind(), at, format.NotConverted, "its throughput is no number above zero")
		return
	}
	mode := e.prop("calcMode")
	if n := e.find("calcMode"); n != nil && n.name == "intProp" {
		mode = n.text
	}
	c.pace = &pace{
		rate: throughput / period, kind: e.kind(), poisson: e.kind() == "PreciseThroughputTimer",
		perUser: e.kind() == "ConstantThroughputTimer" && (mode == "" || mode == "0"),
	}
}

// apply turns the group's users into a rate of iterations, which make so many requests each.
func (p *pace) apply(e *load.Executor, requests float64, cov *format.Coverage, at string) *load.Executor {
	peak := float64(e.Users)
	for _, st := range e.Stages {
		peak = max(peak, st.To)
	}
	if e.Kind.Open() || e.Iterations > 0 || requests == 0 || peak == 0 {
		cov.Add(p.kind, at, format.NotConverted, "the group has a rate or a number of iterations of its own")
		return e
	}
	rate := p.rate / requests
	if p.perUser {
		rate *= peak
	}
	out := &load.Executor{Kind: load.ConstantRate, Rate: tidy(rate), MaxConnections: int(peak)}
	if p.poisson {
		out.Spacing = "poisson"
	}
	if len(e.Stages) > 0 {
		out.Kind, out.Rate = load.RampingRate, 0
		for _, st := range e.Stages {
			out.Stages = append(out.Stages, load.Stage{To: tidy(rate * st.To / peak), For: st.For})
		}
	}
	cov.Add(p.kind, at, format.Approximated, fmt.Sprintf("an open model of %v iterations a second instead of %v users that are held back", tidy(rate), peak))
	return out
}

func tidy(v float64) float64 { return max(math.Round(v*1e4)/1e4, 0) }
