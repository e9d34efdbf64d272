package status

import (
	"fmt"
	"math"
	"strings"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// plain is a fact without a colour of its own.
func plain(label, text string) fact { return fact{label, themes.Text, text} }

// told leaves out the facts that say nothing.
func told(facts ...fact) []fact {
	out := facts[:0]
	for _, f := range facts {
		if strings.TrimSpace(f.text) != "" {
			out = append(out, f)
		}
	}
	return out
}

// moment is an instant in full, as a person reads it; "" for none.
func moment(f *signal.Frame, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(f.Now.Location()).Format("2006-01-02 15:04:05")
}

// incidentFacts are an incident with everything that was done about it.
func incidentFacts(f *signal.Frame, inc *signal.Incident, role themes.Role) []fact {
	out := told(fact{"incident", role, fmt.Sprintf("SEV%d %s", inc.Severity, inc.Status())}, fact{"title", themes.Title, inc.Title},
		plain("opened", moment(f, inc.Opened)), plain("taken", moment(f, inc.Acknowledged)), plain("resolved", moment(f, inc.Resolved)), plain("told", inc.LevelName),
		fact{"trace", themes.Focus, inc.Trace})
	for _, e := range inc.Entries {
		out = append(out, entryFacts(f, &e)...)
	}
	return out
}

func entryFacts(f *signal.Frame, e *signal.IncidentEntry) []fact {
	return []fact{{e.At.In(f.Now.Location()).Format(time.TimeOnly), themes.Accent, strings.TrimSpace(e.Kind + " " + byWhom(e.By))}, plain("", e.Text)}
}

func byWhom(who string) string {
	if who == "" {
		return ""
	}
	return "by " + who
}

// eventFacts are an entry of the timeline.
func eventFacts(f *signal.Frame, e *signal.Event, role themes.Role) []fact {
	end := moment(f, e.End)
	if e.Open {
		end = "going on"
	}
	out := told(fact{kind(e.Kind), role, e.Title}, plain("detail", e.Detail), plain("target", e.Target), plain("by", e.By), plain("began", moment(f, e.Start)), plain("ended", end))
	if !e.TraceID.IsZero() {
		out = append(out, fact{"trace", themes.Focus, e.TraceID.String()})
	}
	for _, a := range e.Attrs {
		out = append(out, fact{"", themes.Muted, a.Key + "=" + a.Value})
	}
	return out
}

// sloFacts are an objective with each of its burn rates.
func sloFacts(s *signal.SLO, p widget.Pen) []fact {
	role, glyph, word := judged(s, p)
	good := "not known"
	if !math.IsNaN(s.Good) {
		good = shareText(s.Good)
	}
	out := told(fact{"objective", role, glyph + " " + s.Name + ", " + word}, plain("says", s.Title), plain("good", good+" of "+shareText(s.Target)),
		plain("budget", budgetText(s.Budget)), plain("window", strings.TrimPrefix(coverage(s), " · ")), fact{"error", themes.Failed, s.Err})
	for _, b := range s.Burns {
		out = append(out, plain("burn", strings.TrimSpace(burnRow(b, p).text)))
	}
	return out
}

// sourceFacts are a source with why it is lost.
func sourceFacts(f *signal.Frame, h *signal.SourceHealth, role themes.Role, word, balance string) []fact {
	dropped := ""
	if h.Dropped > 0 {
		dropped = "dropped " + widget.Count(h.Dropped)
	}
	return told(fact{"source", role, h.Name + ", " + word}, plain("kind", h.Kind), plain("address", h.Address), plain("since", moment(f, h.Since)),
		plain("balance", balance), fact{"", themes.Warning, dropped}, fact{"error", themes.Failed, h.Err}, plain("next try", moment(f, h.Retry)))
}

// partFacts are a part of the grade.
func partFacts(part signal.ScorePart, points string) []fact {
	return told(fact{"part", themes.Title, part.Name}, plain("points", points), plain("says", part.Says))
}

// orID is a key of rows: by number where there is one.
func orID(what string, id uint64, text string) string {
	if id == 0 {
		return what + text
	}
	return fmt.Sprint(what, id)
}
