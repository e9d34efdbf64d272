package storage

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// mount is one line of /proc/self/mountinfo.
type mount struct {
	ID      string `json:"id"`
	Dev     string `json:"dev"`  // MAJOR:MINOR
	Root    string `json:"root"` // which directory of the file system is mounted
	Point   string `json:"point"`
	Type    string `json:"type"`
	Source  string `json:"source"`
	options []string
}

func (m mount) readOnly() bool { return slices.Contains(m.options, "ro") }

// same reports whether two lines are about the same mount. Its options may differ.
func (m mount) same(o mount) bool {
	return m.ID == o.ID && m.Dev == o.Dev && m.Root == o.Root && m.Point == o.Point && m.Type == o.Type && m.Source == o.Source
}

func mounts() ([]mount, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w; this needs Linux", err)
	}
	return parseMounts(string(data)), nil
}

// parseMounts reads the form described in proc(5). Lines that have another form are left out.
func parseMounts(text string) []mount {
	plain := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var out []mount
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 6 || len(r) < 2 {
			continue
		}
		out = append(out, mount{ID: l[0], Dev: l[2], Root: plain.Replace(l[3]), Point: plain.Replace(l[4]), Type: r[0],
			Source: plain.Replace(r[1]), options: strings.Split(l[5], ",")})
	}
	return out
}

var errNoMount = errors.New("nothing is mounted there")

// mountAt is what is mounted at exactly that path; the uppermost when there are several.
func mountAt(point string) (mount, error) {
	all, err := mounts()
	if err != nil {
		return mount{}, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Point == point {
			return all[i], nil
		}
	}
	return mount{}, fmt.Errorf("%s: %w", point, errNoMount)
}

// mountOf is the mount that a path lies in.
func mountOf(path string) (mount, error) {
	all, err := mounts()
	if err != nil {
		return mount{}, err
	}
	best := -1
	for i, m := range all {
		if below(path, m.Point) && (best < 0 || len(m.Point) >= len(all[best].Point)) {
			best = i
		}
	}
	if best < 0 {
		return mount{}, fmt.Errorf("find the file system of %s: no mount has it", path)
	}
	return all[best], nil
}
