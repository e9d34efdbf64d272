package spec

import (
	"strconv"
	"strings"
)

// joinPath appends a relative path to a prefix: "a" and "b" are "a.b", "a" and "[0]" are "a[0]".
func joinPath(prefix, path string) string {
	if prefix == "" || path == "" || path[0] == '[' {
		return prefix + path
	}
	return prefix + "." + path
}

// keyPath is the step to a key: `name`, or `["a.b"]` for a key that would not read as one word.
func keyPath(prefix, key string) string {
	if key == "" || len(key) > 60 || strings.ContainsAny(key, ".[]\" \t\n") || strconv.Quote(key) != `"`+key+`"` {
		return prefix + "[" + Quote(key) + "]"
	}
	return joinPath(prefix, key)
}

func indexPath(prefix string, i int) string { return prefix + "[" + strconv.Itoa(i) + "]" }

// step is one part of a path: a key or an index.
type step struct {
	key   string
	index int // -1 for a key
}

// splitPath reads a path. A malformed path yields the steps up to the fault: it comes from code, not from users, and
// only costs precision of a position.
func splitPath(path string) []step {
	var steps []step
	for len(path) > 0 {
		switch path[0] {
		case '.':
			path = path[1:]
		case '[':
			end := strings.IndexByte(path, ']')
			if strings.HasPrefix(path, `["`) {
				quoted, err := strconv.QuotedPrefix(path[1:])
				if err != nil {
					return steps
				}
				key, err := strconv.Unquote(quoted)
				if err != nil {
					return steps
				}
				steps = append(steps, step{key: key, index: -1})
				path = strings.TrimPrefix(path[1+len(quoted):], "]")
				continue
			}
			if end < 0 {
				return steps
			}
			i, err := strconv.Atoi(path[1:end])
			if err != nil {
				return steps
			}
			steps = append(steps, step{index: i})
			path = path[end+1:]
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			steps = append(steps, step{key: path[:end], index: -1})
			path = path[end:]
		}
	}
	return steps
}

// find walks to a path. at is where it is written: a single value's own place, the key of a map or list.
func (d *Document) find(path string) (n *node, at position, ok bool) {
	n, at, all := d.walk(path)
	return n, at, all
}

// locate is the place of the nearest part of path that exists.
func (d *Document) locate(path string) position {
	_, at, _ := d.walk(path)
	return at
}

func (d *Document) walk(path string) (n *node, at position, all bool) {
	n, at = d.root, d.at
	for _, s := range splitPath(path) {
		next, nextAt, ok := n.step(s)
		if !ok {
			return n, at, false
		}
		n, at = next, nextAt
	}
	return n, at, true
}

func (n *node) step(s step) (next *node, at position, ok bool) {
	if s.index >= 0 {
		if n.kind != kindList || s.index >= len(n.items) {
			return nil, position{}, false
		}
		next = n.items[s.index]
		return next, next.at, true
	}
	if n.kind != kindMap {
		return nil, position{}, false
	}
	for i := range n.entries {
		if e := &n.entries[i]; e.key == s.key {
			return e.value, e.place(), true
		}
	}
	return nil, position{}, false
}
