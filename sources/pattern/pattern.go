// Package pattern groups log lines by the statement that wrote them: "order 77120 written in 12ms" and "order 9 written in
// 3ms" are both "order <num> written in <dur>".
//
// It is a parser after Drain: P. He, J. Zhu, Z. Zheng and M. R. Lyu, "Drain: An Online Log Parsing Approach with Fixed Depth
// Tree", ICWS 2017, written from the paper. A line is split at blanks and what is a number, a hexadecimal ID, a UUID, an IP
// address or a duration is masked; a tree of fixed depth leads by the service, the count of words and the first words to
// a short list of groups; the line joins the group with which it has the greatest share of words in common (simSeq of the
// paper), if that is above the similarity, and the words in which they differ become <*>; else it founds a new one.
// Beyond the paper: a line that is masked as one before is found by its hash at once, a service has groups of its own, the
// groups that were seen the longest ago make room for new ones, and every group counts its lines over time.
package pattern

import (
	"hash/maphash"
	"strings"
	"time"

	"gameday/sources/signal"
)

// The bounds a zero in Config stands for, and those that cannot be configured.
const (
	DefaultPatterns   = 1000
	DefaultStep       = 5 * time.Second
	DefaultSteps      = 720 // an hour
	DefaultSimilarity = 0.5

	depth       = 1    // words that lead to a leaf; the paper's depth 4 counts root, length and leaf as well
	maxKey      = 64   // bytes of a word that leads; longer ones go on as <*>
	maxLeaf     = 128  // groups of a leaf
	maxChildren = 100  // of a node of the tree; words beyond that go on as <*>
	maxLine     = 1024 // bytes of a line that are looked at
	maxWords    = 64   // of a line; what follows is one <*>
	maxKnown    = 8192 // masked lines that are found at once
	maxExample  = 2048 // bytes of a body that are kept as an example
	maxFirsts   = 8192 // groups that made room whose first appearance is still known
)

// Config bounds a parser. A zero takes the default.
type Config struct {
	Patterns   int           // groups that are kept
	Step       time.Duration // lines are counted for each step
	Steps      int           // so many of them; what is older is forgotten
	Similarity float64       // share of words that must be the same, 0 to 1
}

// Parser holds the groups. It is not safe for concurrent use. A group takes up to 4 kB and its counts (4 bytes a step).
type Parser struct {
	cfg    Config
	seed   maphash.Seed
	root   map[rootKey]*node
	groups map[uint64]*group
	known  map[uint64]*group // by the hash of service and masked line
	firsts map[uint64]time.Time
	next   uint64
	recent ring // of groups, by when they were seen last
	gone   uint64
	newest time.Time // of all records

	masked []byte
	words  []string
	ends   []int
	hash   maphash.Hash
}

type rootKey struct {
	service string
	words   int
}

// node is one of the tree; a leaf has groups.
type node struct {
	root     rootKey // of the uppermost
	up       *node
	key      string
	children map[string]*node
	groups   []*group
}

// New makes a parser.
func New(c Config) *Parser {
	if c.Patterns <= 0 {
		c.Patterns = DefaultPatterns
	}
	if c.Step <= 0 {
		c.Step = DefaultStep
	}
	if c.Steps <= 0 {
		c.Steps = DefaultSteps
	}
	if c.Similarity <= 0 {
		c.Similarity = DefaultSimilarity
	}
	p := &Parser{cfg: c, seed: maphash.MakeSeed(), root: map[rootKey]*node{}, groups: map[uint64]*group{}, known: map[uint64]*group{}, firsts: map[uint64]time.Time{}}
	p.hash.SetSeed(p.seed)
	p.recent.init()
	return p
}

// Len is how many groups are held.
func (p *Parser) Len() int { return len(p.groups) }

// Gone is how many groups made room for others so far.
func (p *Parser) Gone() uint64 { return p.gone }

// Add puts a record into its group. The record is not kept, and its text is copied where it is needed.
func (p *Parser) Add(r *signal.Record) {
	if r.Time.After(p.newest) {
		p.newest = r.Time
	}
	key := p.mask(r)
	g := p.known[key]
	if g == nil || g.gone {
		g = p.find(r.Service)
		if len(p.known) >= maxKnown {
			clear(p.known)
		}
		p.known[key] = g
	}
	p.recent.touch(g)
	g.count(r, p.cfg)
}

// Text is the pattern of the group that a record's line has joined, as far as the lines so far tell, and the line itself,
// masked: two statements that differ in one word may share the one, and never share the other.
func (p *Parser) Text(r *signal.Record) (pattern, line string) {
	key := p.mask(r)
	line = string(p.masked)
	if g := p.known[key]; g != nil && !g.gone {
		return strings.Join(g.words, " "), line
	}
	return line, line
}

// mask fills p.masked and returns its hash, with the service's. Words lie between the blanks, so that a pattern is written
// exactly as its lines are.
func (p *Parser) mask(r *signal.Record) uint64 {
	body, cut := r.Body, false
	if len(body) > maxLine {
		body, cut = body[:maxLine], true
	}
	p.masked, p.ends = p.masked[:0], p.ends[:0]
	for {
		word, rest, more := strings.Cut(body, " ")
		if len(p.ends) == maxWords-1 && more || cut && !more {
			p.masked = append(p.masked, Any...) // the last word may be half of one
			p.ends = append(p.ends, len(p.masked))
			break
		}
		if hasDigit(word) {
			p.masked = appendMasked(p.masked, word)
		} else {
			p.masked = append(p.masked, word...)
		}
		p.ends = append(p.ends, len(p.masked))
		if !more {
			break
		}
		p.masked = append(p.masked, ' ')
		body = rest
	}
	p.hash.Reset()
	_, _ = p.hash.WriteString(r.Service) // a maphash takes everything
	_ = p.hash.WriteByte(0)              // likewise
	_, _ = p.hash.Write(p.masked)        // likewise
	return p.hash.Sum64()
}

func hasDigit(s string) bool {
	for i := range len(s) {
		if digit(s[i]) {
			return true
		}
	}
	return false
}

// find is the group that the masked line belongs to, a new one if there is none.
func (p *Parser) find(service string) *group {
	line := string(p.masked)
	p.words = p.words[:0]
	for i, start := 0, 0; i < len(p.ends); i++ {
		p.words = append(p.words, line[start:p.ends[i]])
		start = p.ends[i] + 1
	}
	leaf := p.leaf(service)
	var best *group
	most := -1.0
	for _, g := range leaf.groups {
		if s := similarity(g.words, p.words); s > most {
			best, most = g, s
		}
	}
	if best != nil && most > p.needed() {
		best.join(p.words)
		return best
	}
	return p.found(service, leaf)
}

// needed is the similarity above which a line joins. Of two or three words each says too much to be left open: "stock read"
// and "stock reserved" are two statements, and so are "GET /cart <num>" and "GET /orders <num>".
func (p *Parser) needed() float64 {
	if len(p.words) <= 3 {
		return max(p.cfg.Similarity, 0.7)
	}
	return p.cfg.Similarity
}

// leaf goes down the tree. Masked words, and those that find no more room, go on as <*>.
func (p *Parser) leaf(service string) *node {
	k := rootKey{service, len(p.words)}
	n := p.root[k]
	if n == nil {
		k.service = strings.Clone(service)
		n = &node{root: k}
		p.root[k] = n
	}
	for i := range min(depth, len(p.words)) {
		word := p.words[i]
		if strings.IndexByte(word, '<') >= 0 || len(word) > maxKey {
			word = Any
		}
		next := n.children[word]
		if next == nil && len(n.children) >= maxChildren {
			word = Any
			next = n.children[word]
		}
		if next == nil {
			if n.children == nil {
				n.children = map[string]*node{}
			}
			next = &node{up: n, key: strings.Clone(word)}
			n.children[next.key] = next
		}
		n = next
	}
	return n
}

// similarity is the share of words that are the same (simSeq, equation 1 of the paper). A word that the group knows to be
// different each time counts for half: else a group that has become mostly <*> would not take its own lines any more.
func similarity(have, line []string) float64 {
	if len(line) == 0 {
		return 1
	}
	same := 0.0
	for i, w := range have {
		switch w {
		case line[i]:
			same++
		case Any:
			same += 0.5
		}
	}
	return same / float64(len(line))
}

// found makes a new group for the words. Where a leaf is full it is one of its own that makes room, so that a flood of one
// kind of line does not push the others out.
func (p *Parser) found(service string, leaf *node) *group {
	switch {
	case len(leaf.groups) >= maxLeaf:
		oldest := leaf.groups[0]
		for _, g := range leaf.groups {
			if g.last.Before(oldest.last) {
				oldest = g
			}
		}
		p.forget(oldest)
		leaf = p.leaf(service)
	case len(p.groups) >= p.cfg.Patterns:
		p.forget(p.recent.oldest())
		leaf = p.leaf(service) // it may have been taken out of the tree with its last group
	}
	p.next++
	g := &group{id: p.next, service: strings.Clone(service), leaf: leaf, words: append([]string(nil), p.words...), counts: make([]uint32, p.cfg.Steps)}
	g.key = maphash.String(p.seed, service+"\x00"+strings.Join(g.words, " "))
	g.first = p.firsts[g.key] // it made room before, and comes again
	leaf.groups = append(leaf.groups, g)
	p.groups[g.id] = g
	p.recent.push(g)
	return g
}

// forget lets go of a group, and of the part of the tree that led to it alone.
func (p *Parser) forget(g *group) {
	p.gone++
	p.recent.remove(g)
	delete(p.groups, g.id)
	if len(p.firsts) >= maxFirsts {
		clear(p.firsts)
	}
	p.firsts[g.key] = g.first
	n := g.leaf
	for i, o := range n.groups {
		if o == g {
			n.groups = append(n.groups[:i], n.groups[i+1:]...)
			break
		}
	}
	for len(n.groups) == 0 && len(n.children) == 0 {
		if n.up == nil {
			delete(p.root, n.root)
			break
		}
		delete(n.up.children, n.key)
		n = n.up
	}
	*g = group{gone: true} // p.known may still point to it
}
