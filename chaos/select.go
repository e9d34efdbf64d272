package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
)

// Labels about zones.
const (
	LabelZone = "zone" // of a process or container; for links a selector means those that cross the zone's border
	// Which zones a link's ends are in.
	LabelFromZone   = "fromZone"
	LabelToZone     = "toZone"
	LabelRegion     = "region" // as zone, for regions
	LabelFromRegion = "fromRegion"
	LabelToRegion   = "toRegion"
)

// Selector says which targets a fault shall hit. All fields that are set must match. A selector that names nothing is
// refused; Name "*" is how to say "everything".
type Selector struct {
	Service string            // process: label service or the name; link: where it leads to
	From    string            // link only: where it comes from
	To      string            // link only: where it leads to
	Name    string            // the target's name; "*" matches all
	Labels  map[string]string // role, zone, ...
	Pick    string            // which of those that match: "" or "all", "one", a count "2", a share "50%" (at least one)
}

// String is the selector as it would be written in an experiment.
func (s Selector) String() string {
	var parts []string
	add := func(k, v string) {
		if v != "" {
			parts = append(parts, k+": "+v)
		}
	}
	add("service", s.Service)
	add("from", s.From)
	add("to", s.To)
	add("name", s.Name)
	keys := make([]string, 0, len(s.Labels))
	for k := range s.Labels {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		add(k, s.Labels[k])
	}
	add("pick", s.Pick)
	return "{" + strings.Join(parts, ", ") + "}"
}

// Validate says what is wrong with the selector for targets of that kind, before anything is resolved.
func (s Selector) Validate(kind TargetKind) error {
	if s.Service == "" && s.From == "" && s.To == "" && s.Name == "" && len(s.Labels) == 0 {
		return errors.New(`the selector names no target; give service, name or a label, or name: "*" for all`)
	}
	if kind != TargetLink && (s.From != "" || s.To != "") {
		return fmt.Errorf("from and to select links, but this fault hits a %s; select it by service or name", kind)
	}
	if kind == TargetLink && s.Service != "" && s.To != "" && s.Service != s.To {
		return fmt.Errorf("service (%s) and to (%s) both say where the link leads to; give one of them", s.Service, s.To)
	}
	_, err := pickCount(s.Pick, 1)
	return err
}

func (s Selector) matches(t Target) bool {
	if s.Name != "" && s.Name != "*" && s.Name != t.Name {
		return false
	}
	if t.Kind == TargetLink {
		if s.Service != "" && t.Labels["to"] != s.Service ||
			s.To != "" && t.Labels["to"] != s.To || s.From != "" && t.Labels["from"] != s.From {
			return false
		}
	} else if s.Service != "" && t.Labels["service"] != s.Service && t.Name != s.Service {
		return false
	}
	for k, v := range s.Labels {
		if from, to, ok := border(k); ok && t.Kind == TargetLink { // one end inside, the other outside
			if (t.Labels[from] == v) == (t.Labels[to] == v) {
				return false
			}
		} else if t.Labels[k] != v {
			return false
		}
	}
	return true
}

// pickCount says how many of n are meant.
func pickCount(pick string, n int) (int, error) {
	bad := fmt.Errorf(`pick %q is not understood; write all, one, a count such as "2", or a share such as "50%%"`, pick)
	switch {
	case pick == "" || pick == "all":
		return n, nil
	case pick == "one":
		return min(1, n), nil
	case strings.HasSuffix(pick, "%"):
		p, err := strconv.ParseFloat(strings.TrimSuffix(pick, "%"), 64)
		if err != nil || !(p > 0 && p <= 100) {
			return 0, bad
		}
		return min(n, max(1, int(float64(n)*p/100))), nil
	}
	c, err := strconv.Atoi(pick)
	if err != nil || c < 1 {
		return 0, bad
	}
	return min(c, n), nil
}

// resolve returns the targets of a kind that the selector means, sorted by name. Nothing matching is an error that says
// what there is.
func (s Selector) resolve(all []Target, kind TargetKind, rnd *rand.Rand) ([]Target, error) {
	if err := s.Validate(kind); err != nil {
		return nil, err
	}
	var found, of []Target
	for _, t := range all {
		if t.Kind != kind {
			continue
		}
		of = append(of, t)
		if s.matches(t) {
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		return nil, s.nothing(of, kind)
	}
	n, err := pickCount(s.Pick, len(found))
	if err != nil {
		return nil, err
	}
	byName := func(a, b Target) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(found, byName)
	if n < len(found) {
		rnd.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
		found = found[:n]
		slices.SortFunc(found, byName)
	}
	return found, nil
}

// nothing is the error for a selector that matches nothing: what there is, and what may have been meant.
func (s Selector) nothing(of []Target, kind TargetKind) error {
	if len(of) == 0 {
		return fmt.Errorf("no %s matches %v: there is no %s to hit at all; is the system running and known to gameday?", kind, s, kind)
	}
	known := map[string]bool{}
	var names []string
	for _, t := range of {
		names = append(names, t.Name)
		known[t.Name] = true
		for _, v := range t.Labels {
			known[v] = true
		}
	}
	slices.Sort(names)
	list := strings.Join(names, ", ")
	if len(names) > 20 {
		list = strings.Join(names[:20], ", ") + fmt.Sprintf(" and %d more", len(names)-20)
	}
	hint := ""
	for _, w := range append([]string{s.Name, s.Service, s.From, s.To}, values(s.Labels)...) {
		if near, ok := nearest(w, known); ok && !known[w] {
			hint = fmt.Sprintf("; did you mean %q instead of %q?", near, w)
			break
		}
	}
	return fmt.Errorf("no %s matches %v; there are: %s%s", kind, s, list, hint)
}

func values(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// nearest finds the known word closest to what was written, if any is close enough to have been meant.
func nearest(word string, known map[string]bool) (string, bool) {
	best, dist := "", 1+len(word)/3
	for k := range known {
		if d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(k), nil); word != "" && (d < dist || d == dist && (best == "" || k < best)) {
			best, dist = k, d
		}
	}
	return best, best != ""
}

// BlastRadius is the limit on what may be hit at the same time. The zero value limits nothing.
type BlastRadius struct {
	MaxTargets   int      // targets hit at the same time, those of faults already in force included; 0: no limit
	Percent      float64  // of all targets of the fault's kind, 0..100; 0: no limit
	Environments []string // where faults are allowed; empty: anywhere
	Protected    []string // names of targets or services that are never hit
}

// Merge returns the stricter of both in each respect.
func (b BlastRadius) Merge(o BlastRadius) BlastRadius {
	out := b
	if o.MaxTargets > 0 && (b.MaxTargets == 0 || o.MaxTargets < b.MaxTargets) {
		out.MaxTargets = o.MaxTargets
	}
	if o.Percent > 0 && (b.Percent == 0 || o.Percent < b.Percent) {
		out.Percent = o.Percent
	}
	if len(b.Environments) == 0 {
		out.Environments = o.Environments
	} else if len(o.Environments) > 0 {
		out.Environments = []string{}
		for _, e := range b.Environments {
			if slices.Contains(o.Environments, e) {
				out.Environments = append(out.Environments, e)
			}
		}
		if len(out.Environments) == 0 {
			out.Environments = []string{"(none: two limits exclude each other)"}
		}
	}
	out.Protected = append(slices.Clone(b.Protected), o.Protected...)
	return out
}

// check refuses what goes beyond the limit. active are the names hit already, total is how many targets of the kind
// there are.
func (b BlastRadius) check(environment string, targets []Target, active map[string]bool, total int) error {
	if len(b.Environments) > 0 && !slices.Contains(b.Environments, environment) {
		return fmt.Errorf("blast radius: faults are allowed in %s, and this is %q", strings.Join(b.Environments, ", "), environment)
	}
	hit := map[string]bool{}
	for n := range active {
		hit[n] = true
	}
	for _, t := range targets {
		for _, p := range b.Protected {
			if p != "" && (p == t.Name || p == t.Labels["service"] || p == t.Labels["to"]) {
				return fmt.Errorf("blast radius: %s is protected", t.Name)
			}
		}
		hit[t.Name] = true
	}
	already := ""
	if len(active) > 0 {
		already = fmt.Sprintf(" together with the %d that are hit already", len(active))
	}
	if b.MaxTargets > 0 && len(hit) > b.MaxTargets {
		return fmt.Errorf("blast radius: %d targets would be hit%s, at most %d may; narrow the selector or use pick", len(hit), already, b.MaxTargets)
	}
	if b.Percent > 0 && total > 0 {
		if share := 100 * float64(len(hit)) / float64(total); share > b.Percent+1e-9 {
			return fmt.Errorf("blast radius: %d of %d targets would be hit%s, that is %.0f %%, at most %g %% may be", len(hit), total, already, share, b.Percent)
		}
	}
	return nil
}

// Inventories joins several inventories into one.
type Inventories []Inventory

// Targets lists the targets of all. One that fails fails the whole: half a list would make shares come out too small.
func (is Inventories) Targets(ctx context.Context) ([]Target, error) {
	var all []Target
	for _, i := range is {
		ts, err := i.Targets(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, ts...)
	}
	return all, nil
}

// InventoryFunc makes a function an Inventory.
type InventoryFunc func(ctx context.Context) ([]Target, error)

// Targets calls the function.
func (f InventoryFunc) Targets(ctx context.Context) ([]Target, error) { return f(ctx) }

// border names the labels that say in which zone, or region, the ends of a link are.
func border(label string) (from, to string, ok bool) {
	switch label {
	case LabelZone:
		return LabelFromZone, LabelToZone, true
	case LabelRegion:
		return LabelFromRegion, LabelToRegion, true
	}
	return "", "", false
}
