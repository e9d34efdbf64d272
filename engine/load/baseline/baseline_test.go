package baseline

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/histogram"
)

// shape is a made-up system: requests per second, its median latency, its share of errors, and how much its latency
// wanders from second to second.
type shape struct {
	rate    int
	median  time.Duration
	errors  float64
	wander  float64 // relative standard deviation of a second's level
	memory  float64 // first-order autocorrelation of it
	seconds int
}

func (s shape) second(rng *rand.Rand, level float64) Block {
	var h histogram.Histogram
	b := Block{Done: uint64(max(float64(s.rate)+math.Sqrt(float64(s.rate))*rng.NormFloat64(), 1))}
	for range b.Done {
		if rng.Float64() < s.errors {
			b.Failed++
		}
		h.Record(time.Duration(float64(s.median) * math.Exp(0.5*rng.NormFloat64()+s.wander*level)))
	}
	b.Latency = h.Sparse()
	return b
}

// made is a run of one or more shapes, one for each step.
func made(rng *rand.Rand, shapes ...shape) *Baseline {
	names := make([]string, len(shapes))
	for i := range names {
		names[i] = fmt.Sprintf("step%d", i+1)
	}
	r := NewRecorder(names...)
	level := rng.NormFloat64()
	for sec := range shapes[0].seconds {
		m := shapes[0].memory
		level = m*level + math.Sqrt(1-m*m)*rng.NormFloat64()
		blocks := make([]Block, len(shapes))
		for i, s := range shapes {
			blocks[i] = s.second(rng, level)
		}
		r.Add(time.Duration(sec)*time.Second, time.Duration(sec+1)*time.Second, 0, blocks)
	}
	return r.Baseline(head())
}

func head() Head {
	return Head{Name: "shop", Started: time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC), Elapsed: time.Minute, Plan: "p1", Gameday: "0.3", Machine: Here()}
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 3)) }

func TestRecorderIsBoundedAndLosesNothing(t *testing.T) {
	r := NewRecorder("a", "b")
	rng := seeded(1)
	want := [2]histogram.Histogram{}
	for sec := range 5000 {
		var two [2]histogram.Histogram
		blocks := make([]Block, 2)
		for i := range two {
			for range 3 {
				d := time.Duration(rng.Int64N(int64(time.Second)))
				two[i].Record(d)
				want[i].Record(d)
			}
			blocks[i] = Block{Done: 3, Failed: uint64(i), Latency: two[i].Sparse()}
		}
		r.Add(time.Duration(sec)*time.Second, time.Duration(sec+1)*time.Second, 2, blocks)
	}
	b := r.Baseline(head())
	require.EqualValues(t, 10_000, b.Missed)
	require.LessOrEqual(t, len(b.Blocks), mostBlocks)
	require.Greater(t, len(b.Blocks), mostBlocks/2)
	require.Equal(t, 5000*time.Second, b.Blocks[len(b.Blocks)-1].To)
	for i := range b.Blocks[1:] {
		require.Equal(t, b.Blocks[i].To, b.Blocks[i+1].From, "there is no hole")
	}
	for i, s := range b.Steps {
		require.Equal(t, &want[i], s.Latency())
		done, failed := uint64(0), uint64(0)
		for _, k := range s.Blocks {
			done, failed = done+k.Done, failed+k.Failed
		}
		require.EqualValues(t, 15_000, done)
		require.EqualValues(t, 5000*i, failed)
	}
	total := b.Total()
	require.EqualValues(t, 30_000, total.Latency().Count())
	r.Add(0, time.Second, 0, nil)
	r.Add(time.Hour*5, time.Hour, 0, nil)
	require.Equal(t, b, r.Baseline(head()), "time does not go back")
	require.Len(t, NewRecorder(make([]string, 5000)...).blocks, 5000)
}

func TestSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "baselines")
	b := made(seeded(2), shape{rate: 50, median: 20 * time.Millisecond, errors: 0.01, seconds: 30}, shape{rate: 5, median: time.Second, seconds: 30})
	b.Note = "before the cache"
	path, err := Save(dir, b)
	require.NoError(t, err)
	require.Equal(t, "20261101T100000.000Z-shop.json", filepath.Base(path))
	back, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, b.Head, back.Head)
	require.Equal(t, b, back)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	second, err := Save(dir, b)
	require.NoError(t, err)
	require.NotEqual(t, path, second, "nothing is overwritten")
	b.Name, b.Started = "shop/../\x1b[2J", b.Started.Add(time.Hour)
	third, err := Save(dir, b)
	require.NoError(t, err)
	require.Equal(t, dir, filepath.Dir(third))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "20270101T100000.000Z-bad.json"), []byte(`{"version":1,"head":{"na`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.json"), []byte(`{}`), 0o600))

	all, err := List(dir)
	require.NoError(t, err)
	require.Len(t, all, 4)
	require.ErrorContains(t, all[0].Err, "20270101T100000.000Z-bad.json is not a whole baseline of gameday: it ends too early")
	require.Equal(t, third, all[1].Path)
	require.NotContains(t, all[1].Name, "\x1b")
	require.Equal(t, "before the cache", all[3].Note)

	latest, err := Latest(dir, "shop")
	require.NoError(t, err)
	require.Equal(t, second, latest)
	_, err = Latest(dir, "other")
	require.ErrorContains(t, err, "no baseline of other among 4 files, of which some cannot be read")
	none, err := List(filepath.Join(dir, "nowhere"))
	require.NoError(t, err)
	require.Empty(t, none)
	_, err = Latest(filepath.Join(dir, "nowhere"), "shop")
	require.ErrorContains(t, err, "no baseline of shop has been saved yet")
	_, err = Load(filepath.Join(dir, "nowhere.json"))
	require.ErrorContains(t, err, "no such file")

	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	require.Empty(t, left, "no temporary file is left")
}

func TestDecodeRefusesWhatCannotBe(t *testing.T) {
	good, err := encode(made(seeded(3), shape{rate: 5, median: time.Millisecond, seconds: 3}))
	require.NoError(t, err)
	for name, c := range map[string]struct{ text, err string }{
		"empty":        {"", "it ends too early"},
		"cut":          {string(good[:len(good)/2]), "it ends too early"},
		"other":        {"{}", "it has no version"},
		"newer":        {`{"version":9}`, "written by a newer gameday (baseline version 9"},
		"list":         {"[]", "not a whole baseline"},
		"time back":    {`{"version":1,"blocks":[[0,5],[4,9]]}`, "block 2 goes back in time"},
		"time still":   {`{"version":1,"blocks":[[5,5]]}`, "block 1 goes back in time"},
		"too few":      {`{"version":1,"blocks":[[0,5]],"steps":[{"name":"a\u001b[2J"}]}`, "step a␛[2J has 0 blocks of 1"},
		"more failed":  {`{"version":1,"blocks":[[0,5]],"steps":[{"name":"a","blocks":[{"done":1,"failed":2}]}]}`, "2 failed and 0 latencies of 1 requests"},
		"more counted": {`{"version":1,"blocks":[[0,5]],"steps":[{"name":"a","blocks":[{"done":0,"latency":{"min":100,"max":100,"cells":[1,3]}}]}]}`, "3 latencies of 0"},
		"histogram":    {`{"version":1,"blocks":[[0,5]],"steps":[{"name":"a","blocks":[{"done":1,"latency":{"cells":[1]}}]}]}`, "come in pairs"},
		"parts":        {strings.Repeat("{", maxParts+1), "more than 500000 parts"},
		"large":        {strings.Repeat(" ", maxFile+1), "larger than 64 MiB"},
	} {
		_, err := Decode("x\x1b.json", []byte(c.text))
		require.ErrorContains(t, err, c.err, name)
		require.NotContains(t, err.Error(), "\x1b", name)
	}
	broken := made(seeded(3), shape{rate: 5, median: time.Millisecond, seconds: 3})
	broken.Steps[0].Blocks = broken.Steps[0].Blocks[1:]
	_, err = Save(t.TempDir(), broken)
	require.ErrorContains(t, err, "the run cannot be a baseline: step step1 has 2 blocks of 3")
}

func FuzzDecode(f *testing.F) {
	good, err := encode(made(seeded(4), shape{rate: 3, median: time.Millisecond, seconds: 10}))
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte(`{"version":1,"head":{"name":"a"},"blocks":[[0,5]],"steps":[{"name":"a","blocks":[{"done":1,"latency":{"min":100,"max":100,"cells":[1,1]}}]}]}`))
	f.Add([]byte(`{"version":1e9}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Decode("fuzz", data)
		if err != nil {
			return
		}
		again, err := encode(b)
		require.NoError(t, err)
		back, err := Decode("again", again)
		require.NoError(t, err)
		one, err := json.Marshal(back.Steps)
		require.NoError(t, err)
		two, err := json.Marshal(b.Steps)
		require.NoError(t, err)
		require.Equal(t, string(two), string(one))
		c := Compare(b, back, Options{})
		require.NotEqual(t, Worse, c.Verdict, "nothing is worse than itself")
		require.NotEmpty(t, c.Lines())
	})
}
