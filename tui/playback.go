package tui

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// speeds are those that a replay can have.
var speeds = [...]float64{0.25, 0.5, 1, 2, 4, 8, 16, 32, 64}

// Playback is the clock of a replay: which instant of the recording it is, while it plays, stands still and is moved. It
// belongs to the cockpit that was given it.
type Playback struct {
	span  signal.Window
	at    time.Time // of the recording
	since time.Time // of the world, when it was at; zero while it stands still
	speed float64
}

// NewPlayback is a clock that stands at an offset into the recording; the cockpit lets it run. speed is how many seconds
// of the recording pass in one.
func NewPlayback(span signal.Window, offset time.Duration, speed float64) (*Playback, error) {
	switch {
	case offset < 0 || offset > span.Length():
		return nil, fmt.Errorf("start the replay at %s: the recording is %s long", offset, span.Length().Round(time.Second))
	case !(speed >= speeds[0] && speed <= speeds[len(speeds)-1]):
		return nil, fmt.Errorf("replay at speed %g: it can be from %g to %g", speed, speeds[0], speeds[len(speeds)-1])
	}
	return &Playback{span: span, at: span.From.Add(offset), speed: speed}, nil
}

// now is the instant of the recording at an instant of the world.
func (p *Playback) now(world time.Time) time.Time {
	if p.since.IsZero() {
		return p.at
	}
	at := p.at.Add(time.Duration(float64(world.Sub(p.since)) * p.speed))
	if at.After(p.span.To) {
		return p.span.To
	}
	return at
}

func (p *Playback) ended(world time.Time) bool { return !p.now(world).Before(p.span.To) }

func (p *Playback) seek(world, at time.Time) {
	if at.Before(p.span.From) {
		at = p.span.From
	}
	if at.After(p.span.To) {
		at = p.span.To
	}
	p.at = at
	if !p.since.IsZero() {
		p.since = world
	}
}

func (p *Playback) hold(world time.Time) { p.at, p.since = p.now(world), time.Time{} }

func (p *Playback) run(world time.Time) { p.at, p.since = p.now(world), world }

// shift chooses the next faster or slower speed.
func (p *Playback) shift(world time.Time, faster bool) {
	next := p.speed
	for _, s := range speeds {
		if faster && s > p.speed {
			next = s
			break
		}
		if !faster && s < p.speed {
			next = s
		}
	}
	p.at = p.now(world)
	if !p.since.IsZero() {
		p.since = world
	}
	p.speed = next
}

// clock is the time that the picture is of: that of the world, or that of the recording.
func (m *Model) clock() time.Time {
	if m.play != nil {
		return m.play.now(m.now())
	}
	return m.now()
}

// past refuses what cannot be done to what has happened already, and says why.
func (m *Model) past(a keymap.Action) bool {
	if m.play == nil {
		return false
	}
	switch a {
	case keymap.Experiments, keymap.LoadPlans, keymap.Proceed, keymap.Switches, keymap.Note, keymap.Incidents, keymap.Silence, keymap.Abort,
		keymap.RaiseLoad, keymap.LowerLoad, keymap.HoldLoad, keymap.ResumeLoad, keymap.StopLoad:
		m.say(themes.Warning, "a replay: this has happened, so nothing can be started, changed or undone")
		return true
	}
	return false
}

// hurry plays faster or slower.
func (m *Model) hurry(faster bool) tea.Cmd {
	if m.play == nil {
		m.say(themes.Muted, "only a replay can be played faster or slower")
		return nil
	}
	m.play.shift(m.now(), faster)
	m.say(themes.Text, "speed %s", speedText(m.play.speed))
	return nil
}

func speedText(s float64) string { return "×" + widget.Number(s) }

// pausePlayback stands still at the instant on the screen, or plays on from there; at the end, from the beginning.
func (m *Model) pausePlayback() tea.Cmd {
	world := m.now()
	if m.paused {
		if m.play.ended(world) {
			m.play.seek(world, m.play.span.From)
		}
		m.paused, m.lead = false, 0
		m.play.run(world)
		m.say(themes.OK, "playing")
		return m.fetchSoon()
	}
	m.play.hold(world)
	m.paused, m.lead, m.at = true, 0, m.play.at
	m.say(themes.Text, "paused: arrows and < > move the time, %s plays on", m.keys.Key(keymap.Pause))
	return nil
}

// travelPlayback moves the instant, and plays on from there when it was playing.
func (m *Model) travelPlayback(by time.Duration) tea.Cmd {
	world := m.now()
	m.play.seek(world, m.play.now(world).Add(by))
	m.at, m.lead = m.play.at, 0
	return m.fetchSoon()
}

// played stops a replay at its end.
func (m *Model) played() {
	if m.play == nil || m.paused || !m.play.ended(m.now()) {
		return
	}
	m.play.hold(m.now())
	m.paused, m.lead, m.at = true, 0, m.play.at
	m.say(themes.Text, "the recording ends here: %s plays it again, < goes back", m.keys.Key(keymap.Pause))
}

// replaySegs say in the header that this is a replay, where it is, and how fast it goes.
func (m *Model) replaySegs() []widget.Seg {
	at := m.clock()
	if m.paused {
		at = m.at
	}
	sign, role := m.either("▶", ">"), themes.Accent
	if m.paused {
		sign, role = m.either("‖", "||"), themes.Warning
	}
	segs := []widget.Seg{sg(role, sign+" replay "), sg(themes.Header, widget.Clock(at.Sub(m.play.span.From))),
		sg(themes.Muted, "/"+widget.Clock(m.play.span.Length()))}
	if m.play.speed != 1 {
		segs = append(segs, sg(role, " "+m.either(speedText(m.play.speed), "x"+widget.Number(m.play.speed))))
	}
	return segs
}
