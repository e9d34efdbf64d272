package record

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// line is a series with one point a second, from begin on.
func line(name string, begin, n int, v float64) signal.Series {
	s := signal.Series{Name: name, Labels: signal.Attrs{{Key: "job", Value: name}}}
	for i := range n {
		s.Samples = append(s.Samples, signal.Sample{T: time.Unix(int64(begin+i), 0), V: v + float64(begin+i)})
	}
	return s
}

func TestOfAnAnswerOnlyWhatIsNewIsRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	w, err := Create(path, Config{Meta: Meta{System: "shop"}})
	require.NoError(t, err)
	w.Answer("prom", "up", false, time.Second, []signal.Series{line("a", 100, 60, 0)})
	w.Answer("prom", "up", false, time.Second, []signal.Series{line("a", 101, 60, 0)})
	again := line("a", 102, 60, 0)
	again.Samples[57].V = math.NaN() // it was told before, another way
	w.Answer("prom", "up", false, time.Second, []signal.Series{again})
	w.Answer("prom", "up", false, time.Second, []signal.Series{again})
	w.Answer("prom", "up", true, 0, []signal.Series{line("a", 102, 1, 0)})
	w.Answer("prom", "password=hunter22", true, 0, []signal.Series{line("a", 102, 1, 0)})
	w.Answer("prom", "nothing", false, time.Second, nil)
	w.Answer("prom", "nothing", false, time.Second, nil)
	w.Words(Words{Source: "prom", Kind: 2, Of: "job", List: []string{"a", "b"}})
	w.Words(Words{Source: "prom", Kind: 2, Of: "job", List: []string{"a", "b"}})
	w.Words(Words{Source: "prom", Kind: 2, Of: "job", List: []string{"a"}})
	require.NoError(t, w.Close())
	k, _ := readAll(t, path)
	var told []string
	require.Equal(t, Answer{Source: "prom", Query: "nothing", Step: time.Second}, k.answers[len(k.answers)-1], "nothing is an answer, once")
	for _, a := range k.answers {
		for _, s := range a.Series {
			told = append(told, fmt.Sprintf("%s %v %d", a.Query, a.Instant, len(s.Ms)))
		}
	}
	require.Equal(t, []string{"up false 60", "up false 1", "up false 2", "up true 1", AnswerQuery("password=hunter22") + " true 1"}, told)
	require.NotContains(t, AnswerQuery("password=hunter22"), "hunter22")
	require.Equal(t, []int64{159_000, 161_000}, k.answers[2].Series[0].Ms)
	require.True(t, math.IsNaN(k.answers[2].Series[0].Values[0]))
	require.Len(t, k.words, 2)
}

func TestAChapterHasWholeAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	w, err := Create(path, Config{chapterRaw: 1})
	require.NoError(t, err)
	for range 2 {
		w.Answer("prom", "up", false, time.Second, []signal.Series{line("a", 100, 60, 0)})
		w.Flush()
	}
	require.NoError(t, w.Close())
	k, _ := readAll(t, path)
	require.Len(t, k.answers, 2)
	require.Len(t, k.answers[1].Series[0].Ms, 60)
}

func TestAnswersAreBounded(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "r"), Config{})
	require.NoError(t, err)
	var many []signal.Series
	for i := range maxAnswered + 5 {
		many = append(many, line(fmt.Sprint(i), 100, 1, 0))
	}
	w.Answer("prom", "up", false, time.Second, many)
	require.Equal(t, uint64(5), w.Lost())
	require.NoError(t, w.Close())
}
