package chaos

import (
	"fmt"
	"strings"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// Catalog lists every fault there is, and whether this machine can do it.
func Catalog() pane.Pane {
	return &list{id: "catalog", empty: "No catalog: nothing can be injected here.",
		want: func(v *signal.View, _ string) { v.Catalog = true },
		title: func(f *signal.Frame) string {
			cannot := 0
			for i := range f.Catalog {
				if f.Catalog[i].Cannot != "" {
					cannot++
				}
			}
			t := fmt.Sprintf("catalog %d faults", len(f.Catalog))
			if cannot > 0 {
				t += fmt.Sprintf(", %d not on this machine", cannot)
			}
			return t
		},
		items: func(ctx pane.Context, p widget.Pen) []item {
			out := make([]item, 0, len(ctx.Frame.Catalog))
			for i := range ctx.Frame.Catalog {
				k := &ctx.Frame.Catalog[i]
				role, glyph, _ := able(k, p)
				out = append(out, item{id: k.Kind, text: k.Kind + ": " + k.Help, more: k.Help, segs: []widget.Seg{seg(role, " "+glyph+" "), seg(themes.Text, p.Left(k.Kind, 23)+" "), seg(themes.Muted, k.Help)}})
			}
			return out
		},
		inner: func(ctx pane.Context, p widget.Pen, id string) []line {
			for i := range ctx.Frame.Catalog {
				if k := &ctx.Frame.Catalog[i]; k.Kind == id {
					return kind(k, p)
				}
			}
			return nil
		}}
}

func able(k *signal.FaultKind, p widget.Pen) (themes.Role, string, string) {
	switch {
	case k.Cannot != "":
		return themes.Failed, p.Glyph(widget.Failed), "no: " + k.Cannot
	case !k.Tried:
		return themes.Muted, p.Glyph(widget.Pending), "not tried yet"
	}
	return themes.OK, p.Glyph(widget.Passed), "yes, as far as can be told before a target is known"
}

func kind(k *signal.FaultKind, p widget.Pen) []line {
	role, glyph, here := able(k, p)
	out := []line{{label: "does", role: themes.Text, text: k.Help}, {label: "hits", role: themes.Text, text: "a " + k.Hits},
		{label: "undo", role: themes.OK, text: k.Undo}}
	if k.Needs != "" {
		out = append(out, line{label: "needs", role: themes.Text, text: k.Needs})
	}
	out = append(out, line{label: "here", role: role, text: glyph + " " + here})
	for i, x := range k.Params {
		label := ""
		if i == 0 {
			label = "args"
		}
		out = append(out, line{label: label, role: themes.Text, text: x.Name + " (" + x.Type + "): " + x.Help})
	}
	return out
}

// Faults lists the faults in force, then the last ones undone.
func Faults() pane.Pane {
	return &list{id: "faults", empty: "No fault has been injected.", hint: "Press e to pick an experiment.",
		title: func(f *signal.Frame) string {
			active := 0
			for i := range f.Faults {
				if f.Faults[i].Phase.Active() {
					active++
				}
			}
			return fmt.Sprintf("faults %d in force", active)
		},
		items: func(ctx pane.Context, p widget.Pen) []item {
			out := make([]item, 0, len(ctx.Frame.Faults))
			all := ctx.Frame.Faults
			state := widget.Widest(14, len(all), func(i int) string { return all[i].Phase.String() })
			title := widget.Widest(28, len(all), func(i int) string { return all[i].Title })
			more := widget.Widest(12, len(all), func(i int) string { return left(ctx.Frame, &all[i]) })
			for i := range ctx.Frame.Faults {
				f := &ctx.Frame.Faults[i]
				role, glyph := phase(f, p)
				text := f.Title + "  " + strings.Join(f.Targets, ", ")
				segs := []widget.Seg{seg(role, " "+glyph+" "+p.Left(f.Phase.String(), state)+" "), seg(themes.Text, p.Left(f.Title, title)+"  "), seg(themes.Muted, p.Left(left(ctx.Frame, f), more)+"  ")}
				if f.Remedy != "" {
					segs = append(segs, seg(themes.Failed, "run: "+f.Remedy))
				}
				segs = append(segs, seg(themes.Muted, fmt.Sprintf("%s %s  %s", widget.Count(f.Touched), f.Unit, strings.Join(f.Targets, ", "))))
				out = append(out, item{id: f.ID, text: text, segs: segs})
			}
			return out
		},
		inner: faultLines}
}

func phase(f *signal.FaultState, p widget.Pen) (themes.Role, string) {
	switch {
	case f.Phase == signal.FaultNeedsHuman:
		return themes.Failed, p.Glyph(widget.Alarm)
	case f.Phase.Active():
		return themes.Fault, p.Glyph(widget.Closed)
	case f.Phase == signal.FaultUndone:
		return themes.OK, p.Glyph(widget.Passed)
	}
	return themes.Muted, p.Glyph(widget.Pending)
}

// left is how long a fault stays in force by itself.
func left(fr *signal.Frame, f *signal.FaultState) string {
	if f.Phase.Active() && !f.Until.IsZero() {
		if d := f.Until.Sub(fr.Now); d > 0 {
			return d.Round(time.Second).String() + " left"
		}
	}
	return ""
}

func faultLines(ctx pane.Context, p widget.Pen, id string) []line {
	clock := func(t interface {
		IsZero() bool
		Format(string) string
	}) string {
		if t.IsZero() {
			return "-"
		}
		return t.Format("15:04:05")
	}
	loc := ctx.Frame.Now.Location()
	for i := range ctx.Frame.Faults {
		f := &ctx.Frame.Faults[i]
		if f.ID != id {
			continue
		}
		role, glyph := phase(f, p)
		out := []line{{label: "fault", role: role, text: glyph + " " + f.Title + ", " + f.Phase.String()}, {label: "kind", role: themes.Text, text: f.Kind},
			{label: "targets", role: themes.Title, text: strings.Join(f.Targets, ", ")},
			{label: "since", role: themes.Text, text: clock(f.Injected.In(loc)) + ", until " + clock(f.Until.In(loc)) + ", undone " + clock(f.Undone.In(loc))},
			{label: "touched", role: themes.Text, text: fmt.Sprintf("%d %s", f.Touched, f.Unit)}, {label: "undo", role: themes.OK, text: f.Undo}}
		if f.Err != "" {
			out = append(out, line{label: "error", role: themes.Failed, text: f.Err})
		}
		if f.Remedy != "" {
			out = append(out, line{label: "remedy", role: themes.Failed, text: f.Remedy})
		}
		return out
	}
	return []line{{label: "fault", role: themes.Muted, text: "it is not remembered any more"}}
}

// Runs lists the runs that were kept; one opens as its report.
func Runs() pane.Pane {
	var laid struct {
		of    *signal.KeptReport
		ascii bool
		lines []line
	}
	return &list{id: "runs", empty: "No run has been kept yet.", hint: "One is kept of every experiment that ran; gameday runs lists them too.",
		want:  func(v *signal.View, open string) { v.Runs, v.Report = true, open },
		title: func(f *signal.Frame) string { return fmt.Sprintf("runs %d kept", len(f.Runs)) },
		items: func(ctx pane.Context, p widget.Pen) []item {
			out := make([]item, 0, len(ctx.Frame.Runs))
			for i := range ctx.Frame.Runs {
				r := &ctx.Frame.Runs[i]
				if r.Err != "" {
					out = append(out, item{id: r.ID, text: r.Err, more: r.Err, segs: []widget.Seg{seg(themes.Warning, " "+p.Glyph(widget.Warn)+" "+r.Err)}})
					continue
				}
				role, glyph := verdict(r.Verdict, p)
				when := r.Started.In(ctx.Frame.Now.Location()).Format("2006-01-02 15:04")
				out = append(out, item{id: r.ID, text: when + " " + r.Verdict + " " + r.Title, more: sentence(r.Title, r.Reason), segs: []widget.Seg{seg(themes.Muted, " "+when+" "),
					seg(role, glyph+" "+p.Left(r.Verdict, 15)+" "), seg(themes.Text, r.Title), seg(themes.Muted, "  "+r.Reason)}})
			}
			return out
		},
		inner: func(ctx pane.Context, p widget.Pen, id string) []line {
			r := ctx.Frame.Report
			switch {
			case r == nil || r.ID != id:
				return []line{{label: "report", role: themes.Muted, text: "is being read"}}
			case r.Err != "":
				return []line{{label: "report", role: themes.Failed, text: r.Err}}
			}
			if laid.of != r || laid.ascii != p.ASCII {
				laid.of, laid.ascii, laid.lines = r, p.ASCII, report(p, r.Lines)
			}
			return laid.lines
		}}
}

// sentence joins a title and what there is to say of it.
func sentence(title, reason string) string {
	if reason == "" {
		return title
	}
	return title + ": " + reason
}

// verdict is how a run ended, as a colour and a sign.
func verdict(word string, p widget.Pen) (themes.Role, string) {
	switch word {
	case signal.VerdictHeld.String():
		return themes.OK, p.Glyph(widget.Passed)
	case signal.VerdictBroken.String(), signal.VerdictRollbackFailed.String():
		return themes.Failed, p.Glyph(widget.Failed)
	}
	return themes.Warning, p.Glyph(widget.Aborted)
}

// Definitions lists the experiments; one opens as its file, with what each part means.
func Definitions() pane.Pane {
	return &list{id: "definitions", empty: "No experiment to read.", hint: "gameday.yaml names files with experiments.",
		want: func(v *signal.View, open string) { v.Runs, v.Definition = true, open },
		title: func(f *signal.Frame) string {
			return fmt.Sprintf("definitions %d experiments, read only", len(f.Definitions))
		},
		items: func(ctx pane.Context, p widget.Pen) []item {
			out := make([]item, 0, len(ctx.Frame.Definitions))
			for i := range ctx.Frame.Definitions {
				d := &ctx.Frame.Definitions[i]
				segs := []widget.Seg{seg(themes.Key, " "+p.Left(d.ID, 22)+" "), seg(themes.Text, d.Title)}
				if d.Err != "" {
					segs = []widget.Seg{seg(themes.Failed, " "+p.Glyph(widget.Failed)+" "+d.ID+": "+d.Err)}
				}
				out = append(out, item{id: d.ID, text: d.ID + " " + d.Title, segs: segs})
			}
			return out
		},
		inner: func(ctx pane.Context, _ widget.Pen, id string) []line {
			var out []line
			for i := range ctx.Frame.Definitions {
				d := &ctx.Frame.Definitions[i]
				if d.ID != id {
					continue
				}
				if d.Err != "" {
					out = append(out, line{label: "wrong", role: themes.Failed, text: d.Err})
				}
				for _, l := range d.Lines {
					role := themes.Text
					if strings.HasPrefix(strings.TrimSpace(l.Text), "#") {
						role = themes.Muted
					}
					note := l.Help
					if strings.HasSuffix(l.Text, ": "+note) { // it says no more than the line itself
						note = ""
					}
					out = append(out, line{role: role, text: l.Text, asIs: true, note: note})
				}
			}
			return out
		}}
}
