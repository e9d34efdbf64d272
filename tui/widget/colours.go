package widget

import (
	"hash/fnv"

	"gameday/themes"
)

// Colours gives each service a colour, the same wherever its name stands, and not one that another has while there are free ones:
// of three services that are coloured by their names alone, every third set has two alike. A colour once given stays. The zero value
// is ready; nil colours by the name alone. Not safe for concurrent use.
type Colours struct {
	of   map[string]themes.Role
	used [8]int
}

// maxColours bounds the names that are remembered; later ones are coloured by their names alone.
const maxColours = 4096

// Service is the colour of a service: the one that its name stands for, or the next one that the fewest have.
func (c *Colours) Service(name string) themes.Role {
	at := byName(name)
	if c == nil {
		return themes.Series0 + themes.Role(at)
	}
	if r, ok := c.of[name]; ok {
		return r
	}
	if len(c.of) >= maxColours {
		return themes.Series0 + themes.Role(at)
	}
	if c.of == nil {
		c.of = map[string]themes.Role{}
	}
	best := at
	for i := range c.used {
		if next := (at + i) % len(c.used); c.used[next] < c.used[best] {
			best = next
		}
	}
	c.used[best]++
	c.of[name] = themes.Series0 + themes.Role(best)
	return c.of[name]
}

func byName(name string) int {
	h := fnv.New32a()
	h.Write([]byte(name))
	return int(h.Sum32() % 8)
}

// Service is the colour of a service's name.
func (p Pen) Service(name string) themes.Role { return p.Names.Service(name) }
