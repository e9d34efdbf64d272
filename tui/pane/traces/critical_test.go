package traces

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func TestCriticalPath(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1_700_000_000, int64(ms)*1e6) }
	span := func(id, parent byte, from, to int) signal.Span {
		s := signal.Span{Service: "s", Name: "op", Start: at(from), Duration: at(to).Sub(at(from))}
		s.SpanID[0], s.ParentID[0] = id, parent
		return s
	}
	for name, c := range map[string]struct {
		spans []signal.Span
		want  []byte
	}{
		"one after another": {[]signal.Span{span(1, 0, 0, 100), span(2, 1, 10, 40), span(3, 1, 40, 90)}, []byte{1, 2, 3}},
		"side by side":      {[]signal.Span{span(1, 0, 0, 100), span(2, 1, 10, 50), span(3, 1, 10, 90)}, []byte{1, 3}},
		"overlapping":       {[]signal.Span{span(1, 0, 0, 100), span(2, 1, 5, 60), span(3, 1, 50, 90), span(4, 1, 0, 45)}, []byte{1, 3, 4}},
		"outlives":          {[]signal.Span{span(1, 0, 0, 100), span(2, 1, 10, 150), span(3, 2, 120, 140)}, []byte{1, 2}},
		"below":             {[]signal.Span{span(1, 0, 0, 100), span(2, 1, 10, 90), span(3, 2, 20, 80), span(4, 2, 30, 70)}, []byte{1, 2, 3}},
		"two roots":         {[]signal.Span{span(1, 9, 0, 50), span(2, 9, 10, 90), span(3, 1, 0, 40)}, []byte{2}},
		"none":              {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tree := newTree(&signal.Trace{Spans: c.spans})
			var got []byte
			for i, n := range tree.nodes {
				if n.critical {
					got = append(got, c.spans[i].SpanID[0])
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}
