// Package spec reads gameday's YAML documents strictly: every fault in a file is reported at once, with its line, its
// path and the nearest known word.
//
// A document is parsed once into a tree that remembers where everything stood. Decode fills a Go struct from it by
// `yaml:"name"` tags, Reportf adds what only the reader of the document can judge, and Err hands back all of it. A part
// of a document that belongs to another package travels on as a *Document of its own with the right line numbers.
//
// Documents are read from files that other people wrote, so size, number of tokens, nesting and what aliases unfold to
// are bounded, and nothing in them makes the parser panic or hang.
//
// Importers that make such documents of other tools' files share two things from here: Coverage, the table of what became
// of every element, and Text, a scalar that is read back as it was.
package spec

import (
	"errors"
	"fmt"
	"os"
	"sort"
)

// The bounds of one document. They are far above what a person writes and far below what would hurt.
const (
	maxBytes  = 4 << 20 // of YAML text
	maxMarks  = 200_000 // line ends, commas, colons and brackets, which make tokens
	maxTokens = 50_000  // of the lexer: the parser underneath is quadratic in them
	maxNodes  = 100_000 // after aliases are unfolded
	maxDepth  = 64      // maps and lists within each other
)

// Document is one parsed YAML document, or the part of one that Sub handed out. It is not safe for concurrent use.
type Document struct {
	file     string
	prefix   string // path of root within the whole file
	root     *node
	at       position // where root is written: its key, or its first item
	up       *Document
	problems []Problem
}

// Load reads and parses a file.
func Load(file string) (*Document, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, errors.Unwrap(err))
	}
	if info.IsDir() {
		return nil, fmt.Errorf("read %s: it is a folder; name a YAML file", file)
	}
	if info.Size() > maxBytes {
		return nil, fmt.Errorf("read %s: %d bytes are more than the %d MiB that a document may have", file, info.Size(), maxBytes>>20)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, errors.Unwrap(err))
	}
	return Parse(file, data)
}

// Parse reads one YAML document. file only names it in messages and may be "". The error is a *Problems and says where
// the text is not YAML, or is YAML of a kind that is not accepted here (several documents, tags, keys that are not
// words, keys that come twice).
func Parse(file string, data []byte) (*Document, error) {
	d := &Document{file: file}
	root, faults := parseTree(data)
	for _, f := range faults {
		d.add(f.at, f.path, f.message)
	}
	if len(faults) > 0 {
		return nil, d.Err()
	}
	d.root = root
	d.at = root.at
	return d, nil
}

// File is the name that was given to Parse or Load.
func (d *Document) File() string { return d.file }

// Reportf records a problem at a path such as "method[0].fault" or `labels["a.b"]`. The position is that of the value;
// where the path leads nowhere, such as to a field that is missing, that of the nearest part that exists.
func (d *Document) Reportf(path, format string, args ...any) {
	d.add(d.locate(path), path, fmt.Sprintf(format, args...))
}

// Position returns line and column, both from 1, of what stands at path, and whether it is there. Where it is not, they
// are those of the nearest part around it.
func (d *Document) Position(path string) (line, col int, ok bool) {
	at := d.locate(path)
	_, _, ok = d.find(path)
	return at.line, at.col, ok
}

// Has reports whether something other than null stands at path.
func (d *Document) Has(path string) bool {
	n, _, ok := d.find(path)
	return ok && n.kind != kindNull
}

// Keys are the keys of the map at path in the order of the file; nil when there is no map.
func (d *Document) Keys(path string) []string {
	n, _, ok := d.find(path)
	if !ok || n.kind != kindMap {
		return nil
	}
	keys := make([]string, len(n.entries))
	for i, e := range n.entries {
		keys[i] = e.key
	}
	return keys
}

// Sub returns the part at path as a document of its own: paths given to it count from there, its messages carry the
// whole path, and what is reported to it is reported to d as well. ok is false when nothing stands there.
func (d *Document) Sub(path string) (sub *Document, ok bool) {
	n, at, ok := d.find(path)
	if !ok || n.kind == kindNull {
		return nil, false
	}
	return d.child(path, n, at), true
}

// Scalar returns the text of the single value at the document's root, and whether the root is one.
func (d *Document) Scalar() (text string, ok bool) {
	if d.root.kind != kindScalar {
		return "", false
	}
	return d.root.text, true
}

// Err is nil, or a *Problems with everything found so far, sorted by line. The error of a part holds the part's own
// problems only.
func (d *Document) Err() error {
	if len(d.problems) == 0 {
		return nil
	}
	list := append([]Problem(nil), d.problems...)
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Col < b.Col
	})
	// A part may be read by two readers, or by one twice; what both say is said once.
	unique := list[:0]
	seen := map[Problem]bool{}
	for _, p := range list {
		if !seen[p] {
			seen[p] = true
			unique = append(unique, p)
		}
	}
	return &Problems{List: unique}
}

func (d *Document) child(path string, n *node, at position) *Document {
	return &Document{file: d.file, prefix: joinPath(d.prefix, path), root: n, at: at, up: d}
}

// add records a problem here and in every document that this one is part of. path counts from here.
func (d *Document) add(at position, path, message string) {
	p := Problem{File: d.file, Line: at.line, Col: at.col, Path: joinPath(d.prefix, path), Message: message}
	for doc := d; doc != nil; doc = doc.up {
		doc.problems = append(doc.problems, p)
	}
}
