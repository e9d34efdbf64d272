package dependency

import (
	"errors"
	"fmt"
	"strings"

	"gameday/chaos"
	"gameday/chaos/proxy"
)

// NewHeader returns the fault dependency.header.
func NewHeader(links *proxy.Set, seed uint64) *proxy.Fault {
	return fault(links, seed, "dependency.header", "a header of the dependency's answers, or of the requests to it, is set or removed; for gRPC this is metadata",
		[]chaos.Param{
			{Name: "on", Type: "string", Default: "response", OneOf: []string{"response", "request"}, Help: "whose header"},
			{Name: "set", Type: "string", Help: `the header that is set, "Name: value"; it replaces those of its name`},
			{Name: "remove", Type: "string", Help: "the name of the header that is removed"},
		}, func(args chaos.Args) (string, string, func(proxy.Match) proxy.Effect, error) {
			on, _ := args["on"].(string)
			set, _ := args["set"].(string)
			remove, _ := args["remove"].(string)
			name, value, colon := strings.Cut(set, ":")
			if set != "" && !colon {
				return "", "", nil, fmt.Errorf(`set: %q has no colon; write "Name: value"`, set)
			}
			if set == "" && remove == "" {
				return "", "", nil, errors.New("set: nothing is set and nothing is removed; give set, remove or both")
			}
			f := proxy.Header{On: proxy.Direction(on), Name: strings.TrimSpace(name), Value: strings.TrimSpace(value), Remove: remove}
			// The value may be a secret, so only names are shown.
			var what []string
			if f.Remove != "" {
				what = append(what, "without "+f.Remove)
			}
			if f.Name != "" {
				what = append(what, "with another "+f.Name)
			}
			text := strings.Join(what, ", ")
			whose := map[string]string{"request": "requests", "response": "answers", "": "answers"}[on]
			return whose + " " + text, "pass on " + whose + " " + text + ":", func(m proxy.Match) proxy.Effect {
				f := f
				f.Match = m
				return f
			}, nil
		})
}

// NewBody returns the fault dependency.body.
func NewBody(links *proxy.Set, seed uint64) *proxy.Fault {
	return fault(links, seed, "dependency.body", "the dependency's answers have another body; status and headers stay, but for those that describe the body",
		[]chaos.Param{
			{Name: "body", Type: "string", Required: true, Help: `the body, such as "{}"; it may be empty`},
			{Name: "contentType", Type: "string", Help: "the type it claims to have; that of the answer when not given"},
		}, func(args chaos.Args) (string, string, func(proxy.Match) proxy.Effect, error) {
			text, _ := args["body"].(string)
			kind, _ := args["contentType"].(string)
			return "answers another body", fmt.Sprintf("replace the body of the answers by one of %d bytes:", len(text)), func(m proxy.Match) proxy.Effect {
				return proxy.Body{Text: text, ContentType: kind, Match: m}
			}, nil
		})
}

// NewCertificate returns the fault dependency.certificate.
func NewCertificate(links *proxy.Set, seed uint64) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: "dependency.certificate",
		Summary: "clients that speak TLS through the link are shown a bad certificate; connections that are open stay, those that took the bad one are cut when it ends",
		Args: []chaos.Param{
			{Name: "flaw", Type: "string", Default: "expired", OneOf: []string{"expired", "wrong-name", "self-signed"}, Help: "what is wrong with it"},
			{Name: "host", Type: "string", Help: "on forward links: only tunnels to this host name; * stands for any text"},
			{Name: "share", Type: "percent", Default: 100, Help: "how many of the connections are shown it"},
		}, Make: func(args chaos.Args, _ []chaos.Target) (proxy.Harm, error) {
			flaw, _ := args["flaw"].(string)
			host, _ := args["host"].(string)
			share, given := args["share"].(float64)
			if given && share <= 0 {
				return proxy.Harm{}, errors.New("share: a share of zero changes nothing")
			}
			if flaw == "" {
				flaw = "expired"
			}
			m := proxy.Match{Share: share / 100, Host: host}
			return proxy.Harm{Title: "certificate " + flaw + some(m),
				Action: func(l *proxy.Link) string {
					return "show TLS clients on link " + l.Name() + " a certificate that is " + flaw + some(m)
				},
				Effect: func(_ *proxy.Link, seed uint64) proxy.Effect {
					return proxy.Certificate{Flaw: proxy.Flaw(flaw), Host: host, Reach: proxy.Reach{Share: share / 100, Seed: seed}}
				}}, nil
		}}, links, seed)
}
