package experiment

import (
	"strings"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// verdict is the banner at the end: sign, word and reason across the whole width, and what to do next.
func verdict(pen widget.Pen, f *signal.Frame, width, height int) []line {
	e := f.Experiment
	glyph, role, word := widget.Unknown, themes.Warning, ""
	switch e.Verdict {
	case signal.VerdictNone:
		return nil
	case signal.VerdictHeld:
		glyph, role, word = widget.Passed, themes.OK, "HELD"
	case signal.VerdictBroken:
		glyph, role, word = widget.Failed, themes.Failed, "DID NOT HOLD"
	case signal.VerdictAborted:
		glyph, role, word = widget.Aborted, themes.Warning, "ABORTED"
	case signal.VerdictRollbackFailed:
		glyph, role, word = widget.Alarm, themes.Production, "ROLLBACK FAILED"
	case signal.VerdictError:
		glyph, role, word = widget.Alarm, themes.Failed, "COULD NOT RUN"
	default:
		word = "INCONCLUSIVE"
	}
	bg, text := themes.Header, themes.Text
	if role == themes.Production {
		bg, text = themes.Production, themes.Production
	}
	loud := func(segs ...widget.Seg) line { return line{segs: segs, bg: bg, loud: true} }
	head := " " + pen.Glyph(glyph) + " " + word + "  "
	reason := widget.Wrap(e.Reason, max(width-widget.Width(head), 12))
	out := []line{loud(seg(role, head), seg(text, reason[0]))}
	for _, more := range reason[1:] {
		out = append(out, loud(seg(text, strings.Repeat(" ", widget.Width(head))+more)))
	}
	next := append([]widget.Seg{seg(themes.Muted, "   next: ")}, next(f)...)
	if bg == themes.Production {
		for i := range next {
			next[i].Role = bg
		}
	}
	out = append(out, loud(next...))
	if height >= 16 { // room enough to set it off from what is around it
		rule := loud(seg(role, strings.Repeat(pen.Glyph(widget.Rule), width+1)))
		out = append(append([]line{rule}, out...), rule)
	}
	return out
}

// question is the banner of a method that waits for a go-ahead: what to look at, how long there is, and the keys.
func question(pen widget.Pen, f *signal.Frame, width int) []line {
	e := f.Experiment
	if e.Suspended == nil || e.Phase == signal.PhaseDone {
		return nil
	}
	loud := func(segs ...widget.Seg) line { return line{segs: segs, bg: themes.Header, loud: true} }
	head := " " + pen.Glyph(widget.Warn) + " WAITING FOR YOU  "
	message := widget.Wrap(squeeze(e.Suspended.Message), max(width-widget.Width(head), 12))
	out := []line{loud(seg(themes.Warning, head), seg(themes.Text, message[0]))}
	for _, more := range message[1:] {
		out = append(out, loud(seg(themes.Text, strings.Repeat(" ", widget.Width(head))+more)))
	}
	left := widget.Clock(max(e.Suspended.Until.Sub(f.Now), 0))
	return append(out, loud(seg(themes.Key, "   c"), seg(themes.Text, " goes on, "), seg(themes.Key, "ctrl+x"), seg(themes.Text, " undoes everything; "),
		seg(themes.Warning, left), seg(themes.Text, " left")))
}

// next says what the operator may do with the verdict.
func next(f *signal.Frame) []widget.Seg {
	say := func(parts ...string) (out []widget.Seg) { // keys and words in turn
		for i, p := range parts {
			role := themes.Text
			if i%2 == 0 {
				role = themes.Key
			}
			out = append(out, seg(role, p))
		}
		return out
	}
	switch f.Experiment.Verdict {
	case signal.VerdictHeld:
		if patterns(f) {
			return say("p", " switches the patterns off, ", "e", " shows it without")
		}
		return say("e", " picks the next experiment")
	case signal.VerdictBroken:
		if len(f.Switches) > 0 && !patterns(f) {
			return say("p", " switches the patterns on, ", "e", " runs it again")
		}
		return say("enter", " on the probe shows why, ", "e", " runs it again")
	case signal.VerdictAborted:
		return say("e", " runs it again, ", "l", " starts the load again")
	case signal.VerdictRollbackFailed:
		return say("", "do by hand what stands at the fault below")
	case signal.VerdictInconclusive:
		if f.Load == nil || !f.Load.Running {
			return say("l", " starts some load, ", "e", " runs it again")
		}
	}
	return say("e", " runs it again once that is mended")
}

// patterns reports whether the switch for all resilience patterns, or every single one, is on.
func patterns(f *signal.Frame) bool {
	all := len(f.Switches) > 0
	for _, s := range f.Switches {
		if s.Name == "patterns" {
			return s.On
		}
		all = all && s.On
	}
	return all
}
