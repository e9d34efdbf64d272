package answer

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const head = "Content-Type: application/json\r\nX-N: 1\r\nx-n: 2\r\nSet-Cookie: sid=\"a b\"; Path=/\r\nSet-Cookie: lang=de\r\n"

func TestFind(t *testing.T) {
	for name, tc := range map[string]struct {
		source Source
		body   string
		which  Which
		want   string
		absent bool
	}{
		"body":                {Source{}, "abc", 0, "abc", false},
		"json text":           {Source{JSON: "$.a.b[1]"}, `{"a":{"b":["x","y\"z"]}}`, 0, `y"z`, false},
		"json number":         {Source{JSON: "$.id"}, `{"id":12345678901234567890}`, 0, "12345678901234567890", false},
		"json object":         {Source{JSON: "$.o"}, `{"o":{"k":[1,true,null]}}`, 0, `{"k":[1,true,null]}`, false},
		"json last of many":   {Source{JSON: "$..n"}, `[{"n":1},{"n":2},{"n":3}]`, Last, "3", false},
		"json second":         {Source{JSON: "$[*]"}, `[7,8]`, 1, "8", false},
		"json absent":         {Source{JSON: "$.no"}, `{"a":1}`, 0, "", true},
		"json none":           {Source{JSON: "$.a"}, `<html>`, 0, "", true},
		"json cut off":        {Source{JSON: "$.a"}, `{"a":1`, 0, "", true},
		"header":              {Source{Header: "content-type"}, "", 0, "application/json", false},
		"header last":         {Source{Header: "X-N"}, "", Last, "2", false},
		"header absent":       {Source{Header: "X"}, "", 0, "", true},
		"cookie":              {Source{Cookie: "sid"}, "", 0, "a b", false},
		"cookie other":        {Source{Cookie: "lang"}, "", 0, "de", false},
		"cookie absent":       {Source{Cookie: "Path"}, "", 0, "", true},
		"head":                {Source{Head: `(?im)^x-n: (\d)`}, "X-N: 9", Last, "2", false},
		"head absent":         {Source{Head: `^Location: (.*)`}, "Location: x", 0, "", true},
		"regex group":         {Source{Regex: `id=(\d+)`}, "id=7&id=8", 0, "7", false},
		"regex last":          {Source{Regex: `id=(\d+)`}, "id=7&id=8", Last, "8", false},
		"regex whole":         {Source{Regex: `\d+`}, "a42", 0, "42", false},
		"regex group unmatch": {Source{Regex: `a|(b)`}, "a", 0, "", true},
		"regex third of two":  {Source{Regex: `\d`}, "12", 2, "", true},
		"xpath xml":           {Source{XPath: "//item[2]/@id"}, `<r><item id="1"/><item id="2"/></r>`, 0, "2", false},
		"xpath html":          {Source{XPath: "//p"}, `<html><body><p>one<p>two</body>`, Last, "two", false},
		"xpath count":         {Source{XPath: "count(//i)"}, `<r><i/><i/></r>`, 0, "2", false},
		"xpath absent":        {Source{XPath: "//none"}, `<r/>`, 0, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := tc.source.Compile()
			require.NoError(t, err)
			got, ok := f.Find([]byte(head), []byte(tc.body), tc.which)
			require.Equal(t, !tc.absent, ok)
			require.Equal(t, tc.want, string(got))
		})
	}
}

func TestBadSourcesAreNamed(t *testing.T) {
	for want, s := range map[string]Source{
		"json:": {JSON: "a.b["}, "regex:": {Regex: "("}, "xpath:": {XPath: "//["}, "give one of": {JSON: "$.a", Header: "X"},
	} {
		_, err := s.Compile()
		require.ErrorContains(t, err, want)
	}
}

func TestChecks(t *testing.T) {
	text := func(s string) *string { return &s }
	number := func(f float64) *float64 { return &f }
	no, yes := false, true
	for name, tc := range map[string]struct {
		check Check
		body  string
		fails string
	}{
		"contains":          {Check{Contains: "b"}, "abc", ""},
		"contains not":      {Check{Contains: "b", Not: true}, "abc", `body not contains "b"`},
		"equals":            {Check{Source: Source{JSON: "$.a"}, Equals: text("")}, `{"a":""}`, ""},
		"equals otherwise":  {Check{Source: Source{JSON: "$.a"}, Equals: text("x")}, `{"a":"y"}`, `json $.a equals "x"`},
		"above":             {Check{Source: Source{JSON: "$.a"}, Above: number(3)}, `{"a":3.5}`, ""},
		"between":           {Check{Source: Source{JSON: "$.a"}, Above: number(3), Below: number(4)}, `{"a":4}`, "json $.a between 3 and 4"},
		"no number":         {Check{Source: Source{JSON: "$.a"}, Below: number(4)}, `{"a":"four"}`, "json $.a below 4"},
		"absent no number":  {Check{Source: Source{JSON: "$.a"}, Below: number(4)}, `{}`, "json $.a below 4"},
		"exists":            {Check{Source: Source{Header: "X-N"}, Exists: &yes}, "", ""},
		"absent":            {Check{Source: Source{Header: "X-N"}, Exists: &no}, "", "header X-N is absent"},
		"a place alone":     {Check{Source: Source{JSON: "$.a"}}, `{}`, "json $.a is there"},
		"matches and named": {Check{Name: "is ok", Matches: "^ok$"}, "ko", "is ok"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := tc.check.Compile()
			require.NoError(t, err)
			err = c.Judge([]byte(head), []byte(tc.body))
			if tc.fails == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, tc.fails)
			}
		})
	}
	for want, c := range map[string]Check{"says nothing": {}, "give one of equals": {Contains: "a", Matches: "b"}, "matches:": {Matches: "("}} {
		_, err := c.Compile()
		require.ErrorContains(t, err, want)
	}
}

func TestAFinderServesManyAtOnce(t *testing.T) {
	for _, s := range []Source{{XPath: "//item[@id > 1]/@id"}, {JSON: "$..n"}, {Regex: `id="(\d)"`}, {Header: "X-N"}} {
		f, err := s.Compile()
		require.NoError(t, err)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 50 {
					f.Find([]byte(head), []byte(`<r><item id="1"/><item id="2"/></r>`), 0)
				}
			})
		}
		all.Wait()
	}
}

func FuzzFind(f *testing.F) {
	f.Add("$.a", "(a)", "//a", head, `{"a":[1]}`)
	f.Add("$..*", "", "//*[1]", "Set-Cookie: =", "<a><b></a>")
	f.Fuzz(func(t *testing.T, path, re, xp, head, body string) {
		if len(path)+len(re)+len(xp) > 60 {
			return // a plan's own expressions may be slow; an answer must not make them so
		}
		for _, s := range []Source{{JSON: path}, {Regex: re}, {XPath: xp}, {Header: path}, {Cookie: path}} {
			if finder, err := s.Compile(); err == nil {
				for _, which := range []Which{0, 1, Last} {
					finder.Find([]byte(head), []byte(body), which)
				}
			}
		}
	})
}
