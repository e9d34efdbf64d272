package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// lengths are the windows that can be chosen.
var lengths = [...]time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour}

// window is the span of time that is wanted now.
func (m *Model) window() signal.Window {
	to := m.clock()
	if m.paused {
		to = m.at.Add(m.lead)
	}
	return signal.Window{From: to.Add(-m.length), To: to}
}

// pause stands still at the picture that is on the screen, or goes on.
func (m *Model) pause() tea.Cmd {
	if m.play != nil {
		return m.pausePlayback()
	}
	if m.paused {
		m.paused = false
		m.say(themes.OK, "live again")
		return m.fetchSoon()
	}
	m.paused, m.lead = true, 0
	m.at = m.now()
	if m.seen && !m.frame.Window.To.IsZero() {
		m.at = m.frame.Window.To
	}
	m.say(themes.Text, "paused: arrows and < > move the time, %s goes on", m.keys.Key("pause"))
	return nil
}

// travel moves the instant; it pauses first.
func (m *Model) travel(by time.Duration) tea.Cmd {
	if m.play != nil {
		return m.travelPlayback(by)
	}
	if !m.paused {
		if by > 0 {
			return nil // there is nothing after now
		}
		m.pause()
		m.status = message{}
	}
	m.at = m.at.Add(by)
	if now := m.now(); m.at.Add(m.lead).After(now) {
		m.at = now.Add(-m.lead)
	}
	return m.fetchSoon()
}

// moment pauses with an instant on the screen, a little room behind it.
func (m *Model) moment(at time.Time) tea.Cmd {
	last := m.now()
	if m.play != nil {
		m.play.hold(last)
		m.play.seek(last, at)
		at, last = m.play.at, m.play.span.To
	}
	m.paused = true
	m.at = at
	m.lead = min(m.length/10, max(last.Sub(at), 0))
	return m.fetchSoon()
}

// resize chooses the next longer or shorter window.
func (m *Model) resize(longer bool) tea.Cmd {
	next := m.length
	for _, l := range lengths {
		if longer && l > m.length {
			next = l
			break
		}
		if !longer && l < m.length {
			next = l
		}
	}
	m.length, m.most = next, 0
	if m.lead > 0 {
		m.lead = min(next/10, m.lead)
	}
	m.say(themes.Text, "window of %s", lengthText(next))
	return m.fetchSoon()
}

// grow lengthens the window as time goes by, so that the first minute is not drawn as the last fifth of an empty chart.
// It stops as soon as the operator chooses a length himself.
func (m *Model) grow() {
	if m.most == 0 || m.paused || m.now().Sub(m.began) < m.length {
		return
	}
	for _, l := range lengths {
		if l > m.length {
			m.length = min(l, m.most)
			break
		}
	}
	if m.length >= m.most {
		m.most = 0
	}
}

func lengthText(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return widget.Number(d.Hours()) + "h"
	case d%time.Minute == 0:
		return widget.Number(d.Minutes()) + "m"
	}
	return d.String()
}
