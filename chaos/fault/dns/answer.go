package dns

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Answer says what becomes of a query for a name that is hit.
type Answer string

// The answers.
const (
	NXDomain Answer = "nxdomain" // there is no such name
	ServFail Answer = "servfail" // the server failed
	Refused  Answer = "refused"  // the server does not want to
	Timeout  Answer = "timeout"  // nothing comes back
	Address  Answer = "address"  // another address
	Delay    Answer = "delay"    // the right answer, late
)

// ttl is the time in seconds that a false answer may be kept: names shall be right again soon after the undo.
const ttl = 1

// names are patterns of names: "*" is every name, "*.x" those below x, and "x" that one.
type names []string

func parseNames(s string) (names, error) {
	var out names
	for _, n := range strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ',' || r == ' ' }) {
		n = strings.TrimSuffix(n, ".")
		body := strings.TrimPrefix(n, "*.")
		if n != "*" {
			if _, err := dnsmessage.NewName(body + "."); err != nil || body == "" || strings.Contains(body, "*") || strings.HasPrefix(body, ".") || len(body) > 253 {
				return nil, fmt.Errorf(`%q is no name; write it like api.example.com, *.example.com, or * for all`, n)
			}
		}
		out = append(out, n)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("say which names are hit, such as api.example.com, *.example.com, or * for all")
	}
	if len(out) > 1000 {
		return nil, fmt.Errorf("%d names are more than 1000", len(out))
	}
	return out, nil
}

func (ns names) match(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	for _, n := range ns {
		if n == "*" || n == name {
			return true
		}
		if below, ok := strings.CutPrefix(n, "*"); ok && strings.HasSuffix(name, below) {
			return true
		}
	}
	return false
}

// question reads the header and the first question of a query.
func question(q []byte) (dnsmessage.Header, dnsmessage.Question, error) {
	var p dnsmessage.Parser
	h, err := p.Start(q)
	if err != nil {
		return h, dnsmessage.Question{}, err
	}
	qu, err := p.Question()
	return h, qu, err
}

// reply makes an answer to a query. Addresses of the other family, and other types, are answered with nothing found.
func reply(h dnsmessage.Header, q dnsmessage.Question, code dnsmessage.RCode, addrs []netip.Addr) ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: h.ID, Response: true, OpCode: h.OpCode, RecursionDesired: h.RecursionDesired,
		RecursionAvailable: true, RCode: code})
	b.EnableCompression()
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(q); err != nil {
		return nil, err
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: ttl}
	for _, a := range addrs {
		var err error
		switch {
		case q.Type == dnsmessage.TypeA && a.Is4():
			err = b.AResource(head, dnsmessage.AResource{A: a.As4()})
		case q.Type == dnsmessage.TypeAAAA && a.Is6():
			err = b.AAAAResource(head, dnsmessage.AAAAResource{AAAA: a.As16()})
		}
		if err != nil {
			return nil, err
		}
	}
	return b.Finish()
}
