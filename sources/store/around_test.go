package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func TestAroundARecord(t *testing.T) {
	s, err := New(Config{FrameBudget: time.Minute})
	require.NoError(t, err)
	now := time.Now()
	for i := range 30_000 { // several chunks
		r := signal.Record{Time: now.Add(time.Duration(i) * time.Millisecond), Service: fmt.Sprintf("s%d", i%3), Source: "a", Body: fmt.Sprint(i)}
		if i%50 == 0 {
			r.Source = "b"
		}
		s.Add(signal.Batch{Logs: []signal.Record{r}})
	}
	all := s.Frame(signal.View{Window: signal.Window{From: now, To: now.Add(time.Hour)}, Logs: signal.LogFilter{Text: "body=15001"}}).Logs
	require.NotEmpty(t, all)
	r := all[0]
	got := s.around(signal.Around{Seq: r.Seq, Service: r.Service, Source: r.Source})
	require.Len(t, got, 2*aroundEach+1)
	require.Equal(t, r.Body, got[aroundEach].Body)
	for i, x := range got {
		require.Equal(t, r.Service, x.Service)
		require.Equal(t, r.Source, x.Source)
		if i > 0 {
			require.True(t, got[i-1].Time.Before(x.Time))
		}
	}
	last := s.around(signal.Around{Seq: got[0].Seq, Service: "nobody", Source: "a"})
	require.Len(t, last, 1, "the record itself")
	require.Nil(t, s.around(signal.Around{Seq: 1 << 60}))
	require.Nil(t, s.around(signal.Around{}))
	require.Len(t, s.Frame(signal.View{Around: signal.Around{Seq: r.Seq, Service: r.Service, Source: r.Source}}).Around, 2*aroundEach+1)
}
