//go:build linux && (amd64 || arm64)

package http1

// timers is a heap of connections by the instant for which each is armed. A connection is in it once at most and stays
// there when its request ends: an alarm that comes early costs one look every timeout, setting it anew would cost
// something for every request.
type timers []*Conn

const notArmed = -1

// arm makes sure that an alarm comes no later than the connection's due instant.
func (t *timers) arm(c *Conn) {
	switch {
	case c.alarm == notArmed:
		c.armed, c.alarm = c.due, int32(len(*t))
		*t = append(*t, c)
		t.up(len(*t) - 1)
	case c.due < c.armed:
		c.armed = c.due
		t.up(int(c.alarm))
	}
}

func (t *timers) remove(c *Conn) {
	i := int(c.alarm)
	if i == notArmed {
		return
	}
	last := len(*t) - 1
	t.swap(i, last)
	(*t)[last] = nil
	*t = (*t)[:last]
	if i < last {
		t.down(i)
		t.up(i)
	}
	c.alarm = notArmed
}

func (t timers) swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].alarm, t[j].alarm = int32(i), int32(j)
}

func (t timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if t[parent].armed <= t[i].armed {
			return
		}
		t.swap(i, parent)
		i = parent
	}
}

func (t timers) down(i int) {
	for {
		least := 2*i + 1
		if least >= len(t) {
			return
		}
		if right := least + 1; right < len(t) && t[right].armed < t[least].armed {
			least = right
		}
		if t[i].armed <= t[least].armed {
			return
		}
		t.swap(i, least)
		i = least
	}
}
