package record

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
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

// TestWhatLiesBetweenTwoAnswersIsRecorded has a chart looked at, left for long, looked at again, and then over all that time.
func TestWhatLiesBetweenTwoAnswersIsRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	w, err := Create(path, Config{})
	require.NoError(t, err)
	for _, x := range []struct{ from, n int }{{100, 10}, {500, 10}, {90, 420}} {
		w.Answer("prom", "up", false, time.Second, []signal.Series{line("a", x.from, x.n, 0)})
	}
	require.NoError(t, w.Close())
	k, _ := readAll(t, path)
	told := map[int64]bool{}
	for _, a := range k.answers {
		for _, ms := range a.Series[0].Ms {
			told[ms/1000] = true
		}
	}
	require.Len(t, told, 420)
}

// TestAnswersAreRecordedWithoutSecrets such as the labels of a probe have whose addresses carry a password.
func TestAnswersAreRecordedWithoutSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	w, err := Create(path, Config{})
	require.NoError(t, err)
	const address = "https://probe:hunter22@shop.example/"
	s := line(address, 100, 2, 0)
	s.Labels = append(s.Labels, signal.Attr{Key: "secret", Value: "a Kubernetes secret's name"})
	list := []string{address}
	w.Answer("prom", "up", false, time.Second, []signal.Series{s})
	w.Words(Words{Source: "prom", Kind: 2, Of: "instance", List: list})
	w.Sample(1, labels.FromStrings("__name__", "up", "instance", address), 100_000, 1, nil)
	require.NoError(t, w.Close())
	k, _ := readAll(t, path)
	require.Len(t, k.answers[0].Series, 1)
	require.Len(t, k.series, 1)
	require.NotContains(t, fmt.Sprint(k.answers, k.words, k.series), "hunter22")
	require.Equal(t, "a Kubernetes secret's name", k.answers[0].Series[0].Labels.Get("secret"))
	require.Equal(t, address, s.Labels[0].Value, "the screen's own is left alone")
	require.Equal(t, address, list[0])
}

// TestAPointIsLostOnce: charts are asked for once a second, and overlap.
func TestAPointIsLostOnce(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "r"), Config{})
	require.NoError(t, err)
	full := make([]signal.Series, maxAnswered)
	for i := range full {
		full[i] = line(fmt.Sprint(i), 100, 1, 0)
	}
	w.Answer("prom", "many", true, 0, full)
	require.Zero(t, w.Lost())
	for i := range 30 {
		w.Answer("prom", "up", false, time.Second, []signal.Series{line("a", 100+i, 60, 0), line("b", 100+i, 60, 0)})
	}
	require.EqualValues(t, 2*(60+29), w.Lost())
	w.Answer("prom", "up", false, time.Second, []signal.Series{line("a", 90, 60, 0)}) // somebody walks back
	require.EqualValues(t, 2*(60+29)+10, w.Lost())
	w.mu.Lock()
	for i := range 2 * maxLeftOut {
		w.answers.lose(uint64(i), full[0].Samples)
	}
	require.Len(t, w.answers.left, maxLeftOut)
	w.begin(time.Now()) // another chapter has room, and no point that was counted is counted again
	w.mu.Unlock()
	w.Answer("prom", "many", true, 0, full)
	w.Answer("prom", "up", false, time.Second, []signal.Series{line("a", 90, 80, 0)})
	require.EqualValues(t, 2*(60+29)+10, w.Lost())
	require.NoError(t, w.Close())
}
