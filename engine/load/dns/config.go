// Package dns loads a name server: over UDP with a second attempt over TCP for truncated answers, over TCP, or over TLS.
package dns

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	miekg "github.com/miekg/dns"

	"gameday/engine/load/payload"
	"gameday/engine/load/template"
	"gameday/sources/spec"
)

// Query is one step: a question and what a good answer to it is.
type Query struct {
	Name            string `yaml:"name,required" doc:"What is asked for; may hold {{values}}. A missing dot at the end is added."`
	Type            string `yaml:"type" doc:"Such as A (default), AAAA, MX, TXT, or TYPE123."`
	Recursion       *bool  `yaml:"recursion" doc:"Asks the server to look elsewhere too. Default true."`
	EDNS            int    `yaml:"edns" doc:"Bytes of a UDP answer that are offered by EDNS(0). Default 1232; -1 leaves EDNS out."`
	DNSSEC          bool   `yaml:"dnssec" doc:"Asks for signatures (the DO bit)."`
	AcceptTruncated bool   `yaml:"acceptTruncated" doc:"A truncated answer is good; by default the question is asked again over TCP."`
	Connection      string `yaml:"connection" enum:"keep,per-request" doc:"keep (default) uses a worker's connection or source port again; per-request takes a new one."`
	Expect          Expect `yaml:"expect" doc:"What a good answer is. Default: NOERROR."`
}

// Expect says what a good answer is.
type Expect struct {
	Rcode    Rcodes `yaml:"rcode" doc:"Response code, such as NXDOMAIN, or a list of such. Default NOERROR."`
	Answers  int    `yaml:"answers" doc:"Fewest records in the answer section."`
	Contains string `yaml:"contains" doc:"A part of one of these records, as zone files have them: 192.0.2.1, or 10 mail."`
}

// Rcodes is one or several response codes.
type Rcodes []string

// UnmarshalSpec reads NXDOMAIN or [NOERROR, NXDOMAIN].
func (r *Rcodes) UnmarshalSpec(part *spec.Document) {
	if text, ok := part.Scalar(); ok {
		*r = Rcodes{text}
		return
	}
	var list []string
	part.Decode(&list)
	*r = list
}

// JSONSchema says what UnmarshalSpec accepts.
func (*Rcodes) JSONSchema() map[string]any {
	one := map[string]any{"type": []string{"string", "integer"}}
	return map[string]any{"anyOf": []any{one, map[string]any{"type": "array", "items": one}}}
}

// Bounds of what EDNS offers, in bytes: RFC 6891, 6.2.3 and 6.2.5.
const (
	leastEDNS   = 512
	defaultEDNS = 1232 // passes without fragments wherever IPv6 does
	mostEDNS    = 65535
)

// Validate reports what is wrong with the step, as far as it can be said without its target and its variables.
func (c *Query) Validate(report func(path, format string, args ...any)) {
	name, err := template.Compile(c.Name, payload.AnyName)
	switch {
	case err != nil:
		report("name", "%v", err)
	case c.Name == "":
		report("name", "there is nothing to ask for: the root is \".\"")
	case name.Static():
		if _, err := appendName(nil, c.Name); err != nil {
			report("name", "%v", err)
		}
	}
	if _, err := parseType(c.Type); err != nil {
		report("type", "%v", err)
	}
	if c.EDNS != 0 && c.EDNS != -1 && (c.EDNS < leastEDNS || c.EDNS > mostEDNS) {
		report("edns", "%d is not from %d to %d, and not -1 for none", c.EDNS, leastEDNS, mostEDNS)
	}
	if c.EDNS == -1 && c.DNSSEC {
		report("dnssec", "signatures are asked for by EDNS: leave out edns: -1")
	}
	if c.Connection != "" && c.Connection != "keep" && c.Connection != "per-request" {
		report("connection", "%q is not known: use keep or per-request", c.Connection)
	}
	for _, text := range c.Expect.Rcode {
		if _, err := parseRcode(text); err != nil {
			report("expect.rcode", "%v", err)
		}
	}
	if c.Expect.Answers < 0 || c.Expect.Answers > 65535 {
		report("expect.answers", "%d is not from 0 to 65535", c.Expect.Answers)
	}
}

// parseType reads a type whose answers are single messages.
func parseType(text string) (uint16, error) {
	name := strings.ToUpper(text)
	if name == "" {
		name = "A"
	}
	kind, ok := miekg.StringToType[name]
	if number, found := strings.CutPrefix(name, "TYPE"); found && !ok {
		n, err := strconv.ParseUint(number, 10, 16)
		kind, ok = uint16(n), err == nil
	}
	switch {
	case !ok:
		return 0, fmt.Errorf("%q is no type of record: write it as A, MX or TYPE123", text)
	case kind == miekg.TypeAXFR || kind == miekg.TypeIXFR || kind == miekg.TypeOPT || kind == miekg.TypeNone || kind == miekg.TypeTSIG || kind == miekg.TypeTKEY:
		return 0, fmt.Errorf("%s cannot be asked for here: transfers and protocol records are no questions", name)
	}
	return kind, nil
}

// badVersion is BADVERS, RFC 6891, 9: the library calls this code by its other name, which belongs to TSIG.
const badVersion = 16

func parseRcode(text string) (int, error) {
	if strings.EqualFold(text, "BADVERS") {
		return badVersion, nil
	}
	if code, ok := miekg.StringToRcode[strings.ToUpper(text)]; ok {
		return code, nil
	}
	if n, err := strconv.ParseUint(text, 10, 12); err == nil {
		return int(n), nil
	}
	return 0, fmt.Errorf("%q is no response code: write it as NOERROR, NXDOMAIN, SERVFAIL or a number to 4095", text)
}

var errName = errors.New("the name cannot be asked for: its labels have 1 to 63 bytes, the whole at most 255")

// appendName appends a name as it goes over the wire.
func appendName(dst []byte, name string) ([]byte, error) {
	var wire [256]byte
	if name == "" {
		return nil, errName
	}
	end, err := miekg.PackDomainName(miekg.Fqdn(name), wire[:], 0, nil, false)
	if err != nil || end > 255 {
		return nil, errName
	}
	return append(dst, wire[:end]...), nil
}
