package widget

import (
	"math"
	"sort"
	"strconv"
	"time"

	"github.com/NimbleMarkets/ntcharts/canvas/graph"

	"gameday/sources/signal"
	"gameday/themes"
)

// Band is a span of time that is marked across a chart, such as a fault that was active.
type Band struct {
	From, To time.Time
	Label    string
}

// ChartData is what a chart shows.
type ChartData struct {
	Panel     signal.Panel
	Window    signal.Window
	Bands     []Band
	Exemplars []signal.Exemplar // by time
	Picked    int               // index into Exemplars, -1 for none
	Mark      time.Time         // a vertical line at this instant; zero for none
	Selected  bool              // the cursor is on this chart
	Note      string            // stands in the place of the time axis
	Log       bool              // the y axis is logarithmic, as long as something is above zero
	Min, Max  *float64          // where the y axis begins and ends; nil goes by what is drawn
	Limits    []Limit           // drawn across, besides the panel's bound
	Hidden    func(i int) bool  // which series are not drawn; nil draws all
	Figures   []string          // what the legend says of each series; nil says the newest value
}

// Limit is a value that is marked across a chart.
type Limit struct {
	At   float64
	Role themes.Role
}

// figure is what stands behind a series' name.
func (d *ChartData) figure(i int, s signal.Series) string {
	if i < len(d.Figures) {
		return d.Figures[i]
	}
	return Value(last(s), d.Panel.Unit)
}

func (d *ChartData) hidden(i int) bool { return d.Hidden != nil && d.Hidden(i) }

// Chart draws a panel. It keeps its canvas between calls and must not be shared between goroutines.
type Chart struct {
	plot plot
	grid *graph.BrailleGrid
	gw   int
	gh   int
	hits []hit
}

// hit is where an exemplar was drawn, in cells of the chart.
type hit struct{ x, y, index int }

// At is the index of the exemplar drawn at a cell of the chart or beside it.
func (c *Chart) At(x, y int) (int, bool) {
	best, dist := -1, 3
	for _, h := range c.hits {
		dx, dy := abs(h.x-x), abs(h.y-y)
		if dx+dy < dist && dy <= 1 {
			best, dist = h.index, dx+dy
		}
	}
	return best, best >= 0
}

// Rows draws the chart in exactly height rows of exactly width cells.
func (c *Chart) Rows(p Pen, d ChartData, width, height int) []string {
	c.hits = c.hits[:0]
	if height <= 0 {
		return nil
	}
	legend := c.legend(p, d, width, height)
	rows := []string{c.title(p, d, width, legend == nil)}
	if reason := c.empty(d); reason != "" {
		for _, line := range Wrap(reason, max(width-2, 1)) {
			rows = append(rows, p.Row(width, Seg{themes.Text, "  "}, Seg{themes.Muted, line}))
		}
		return p.Page(rows, width, height)
	}
	if height < 4 || width < 24 {
		for len(rows) < height {
			rows = append(rows, c.strip(p, d, width, len(rows)-1))
		}
		return rows
	}
	rows = append(rows, c.body(p, d, width, height-1-len(legend))...)
	rows = append(rows, legend...)
	return p.Page(rows, width, height)
}

// empty says why there is nothing to draw.
func (c *Chart) empty(d ChartData) string {
	if d.Panel.Err != "" {
		return d.Panel.Err
	}
	for i, s := range d.Panel.Series {
		if d.hidden(i) {
			continue
		}
		for _, v := range s.Samples {
			if !math.IsNaN(v.V) {
				return ""
			}
		}
	}
	if d.Hidden != nil && len(d.Panel.Series) > 0 {
		return "nothing to draw: its series are turned off, or have no values here"
	}
	return "no samples in this window yet"
}

func (c *Chart) title(p Pen, d ChartData, width int, values bool) string {
	mark, role := "  ", themes.Title
	if d.Selected {
		mark = p.Glyph(Cursor) + " "
		role = themes.Accent
	}
	right := ""
	var segs []Seg
	if values && d.Panel.Err == "" {
		for i, s := range d.Panel.Series {
			if i == 3 {
				break
			}
			if d.hidden(i) {
				continue
			}
			v := d.figure(i, s)
			if len(d.Panel.Series) > 1 {
				v = strconv.Itoa(i+1) + " " + v
			}
			segs = append(segs, Seg{themes.Text, "  "}, Seg{seriesRole(i), v})
			right += "  " + v
		}
	}
	if !d.Panel.Stale.IsZero() {
		segs = append([]Seg{{themes.Warning, "  stale"}}, segs...)
		right += "  stale"
	}
	if d.Panel.Bound > 0 {
		limit := "limit " + Value(d.Panel.Bound, d.Panel.Unit)
		if width > Width(d.Panel.Title)+Width(right)+Width(limit)+6 {
			segs = append([]Seg{{themes.Warning, limit}}, segs...)
			right = limit + right
		}
	}
	room := width - 2 - Width(right)
	if room < 8 {
		return p.Row(width, Seg{themes.Accent, mark}, Seg{role, d.Panel.Title})
	}
	head := []Seg{{themes.Accent, mark}, {role, p.Left(d.Panel.Title, room)}}
	return p.Row(width, append(head, segs...)...)
}

// strip is a chart for a handful of rows: one sparkline a series.
func (c *Chart) strip(p Pen, d ChartData, width, row int) string {
	if row >= len(d.Panel.Series) || d.hidden(row) {
		return p.Blank(width)
	}
	s := d.Panel.Series[row]
	w := max(width-3, 1)
	return p.Row(width, Seg{themes.Text, "  "}, Seg{seriesRole(row), p.SparkDots(columns(s, d.Window, 2*w), w)})
}

// columns is the largest value of the series in each of n equal parts of the window.
func columns(s signal.Series, w signal.Window, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	length := w.Length()
	if length <= 0 {
		return out
	}
	for _, v := range s.Samples {
		at := v.T.Sub(w.From)
		if at < 0 || at > length || math.IsNaN(v.V) {
			continue
		}
		i := min(int(float64(at)/float64(length)*float64(n)), n-1)
		if math.IsNaN(out[i]) || v.V > out[i] {
			out[i] = v.V
		}
	}
	prev := math.NaN() // samples may lie further apart than columns
	for i, v := range out {
		if math.IsNaN(v) {
			out[i] = prev
		} else {
			prev = v
		}
	}
	return out
}

// legend names the series with their newest values, the largest first, in a second row when the chart is high enough.
// What has no room is counted; nil when there is nothing to tell apart, or too little room.
func (c *Chart) legend(p Pen, d ChartData, width, height int) []string {
	if height < 7 || len(d.Panel.Series) < 2 {
		return nil
	}
	var order []int
	for i := range d.Panel.Series {
		if !d.hidden(i) {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return worth(d.Panel.Series[order[a]]) > worth(d.Panel.Series[order[b]]) })
	lines := 1
	if height >= 8 {
		lines = 2
	}
	var rows []string
	for len(order) > 0 && len(rows) < lines {
		segs := []Seg{{themes.Text, "  "}}
		used := 2
		for n, i := range order {
			s := d.Panel.Series[i]
			number, name, value := strconv.Itoa(i+1)+" ", seriesName(s.Name)+" ", d.figure(i, s)
			room := width - used
			if left := len(order) - n - 1; left > 0 && len(rows) == lines-1 {
				room -= 3 + len(strconv.Itoa(left)) // "  +N"
			}
			if w := Width(number + name + value); n > 0 && w > room {
				break
			}
			segs = append(segs, Seg{seriesRole(i), number}, Seg{themes.Muted, name}, Seg{seriesRole(i), value}, Seg{themes.Text, "  "})
			used += Width(number+name+value) + 2
		}
		order = order[(len(segs)-1)/4:]
		if len(order) > 0 && len(rows) == lines-1 {
			segs = append(segs, Seg{themes.Muted, "+" + strconv.Itoa(len(order))})
		}
		rows = append(rows, p.Row(width, segs...))
	}
	return rows
}

// worth orders series in a legend: those without a value come last.
func worth(s signal.Series) float64 {
	if v := last(s); !math.IsNaN(v) {
		return v
	}
	return math.Inf(-1)
}

// seriesName is how people write a series that is named by its quantile: p95 for 0.95.
func seriesName(name string) string {
	if q, err := strconv.ParseFloat(name, 64); err == nil && q > 0 && q < 1 {
		return "p" + strconv.FormatFloat(math.Round(q*1e5)/1e3, 'f', -1, 64)
	}
	return name
}

// body draws axes, lines, bands and exemplars.
func (c *Chart) body(p Pen, d ChartData, width, height int) []string {
	axis := height >= 3
	f := frame{h: height, from: d.Window.From, length: d.Window.Length()}
	if axis {
		f.h--
	}
	ticks := c.scale(&f, d)
	labels := 0
	for _, t := range ticks {
		labels = max(labels, Width(Value(t, d.Panel.Unit)))
	}
	labels = max(labels, 7)
	f.x0 = labels + 2
	f.w = width - f.x0 - 1
	if len(d.Panel.Series) < 2 {
		f.w = width - f.x0
	}
	if f.w < 4 {
		return []string{c.strip(p, d, width, 0)}
	}
	f.align()
	c.plot.reset(width, height)
	c.lines(p, d, f)
	c.axes(p, d, f, ticks, labels, axis)
	c.exemplars(p, d, f)
	c.mark(p, d, f)
	c.bands(p, d, f)
	rows := c.plot.rows(p, p.Shade(themes.Fault))
	if axis && d.Note != "" {
		rows[height-1] = p.Row(width, Seg{themes.Text, "  "}, Seg{themes.Focus, d.Note})
	}
	return rows
}

func seriesRole(i int) themes.Role { return themes.Series0 + themes.Role(i%8) }

// last is the newest value of a series, NaN when it has none.
func last(s signal.Series) float64 {
	if n := len(s.Samples); n > 0 {
		return s.Samples[n-1].V
	}
	return math.NaN()
}

func abs(v int) int { return max(v, -v) }
