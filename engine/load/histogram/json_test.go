package histogram

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestJSONLosesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var h Histogram
	for range 5000 {
		h.Record(time.Duration(math.Exp(rng.Float64()*20+5)) * time.Nanosecond)
	}
	h.add(index(time.Second), 9_000_000_000) // a bucket that Sparse splits
	for _, s := range []Sparse{h.Sparse(), {}} {
		data, err := json.Marshal(s)
		require.NoError(t, err)
		var back Sparse
		require.NoError(t, json.Unmarshal(data, &back))
		var a, b Histogram
		a.MergeSparse(s)
		b.MergeSparse(back)
		require.Equal(t, a, b)
	}
}

func TestJSONRefusesWhatCannotBe(t *testing.T) {
	for name, text := range map[string]string{
		"odd":         `{"cells":[1]}`,
		"zero count":  `{"min":100,"max":100,"cells":[1,0]}`,
		"same bucket": `{"min":100,"max":100,"cells":[1,1,0,1]}`,
		"far bucket":  `{"min":100,"max":100,"cells":[24576,1]}`,
		"sum of far":  `{"min":100,"max":100,"cells":[1,1,24575,1]}`,
		"overflow":    `{"min":100,"max":200,"cells":[1,18446744073709551615,1,2]}`,
		"negative":    `{"min":-1,"max":-1,"cells":[0,1]}`,
		"min":         `{"min":0,"max":100,"cells":[1,1]}`,
		"max":         `{"min":100,"max":900,"cells":[1,1]}`,
		"empty, max":  `{"max":900,"cells":[]}`,
		"text":        `{"cells":"x"}`,
	} {
		var s Sparse
		require.Error(t, json.Unmarshal([]byte(text), &s), name)
	}
}
