package gatling

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

const fixtures = "../../../../testdata/load/formats/"

const start = int64(1763800000000)

// writer writes a binary log as Gatling 3.13 does.
type writer struct {
	bytes.Buffer
	cache map[string]int32
}

func (w *writer) i32(v int32) { _ = binary.Write(w, binary.BigEndian, v) }

func (w *writer) str(s string) {
	if s == "" {
		w.i32(0)
		return
	}
	latin := true
	for _, r := range s {
		latin = latin && r < 256
	}
	if latin {
		p := make([]byte, 0, len(s))
		for _, r := range s {
			p = append(p, byte(r))
		}
		w.i32(int32(len(p)))
		w.Write(p)
		w.WriteByte(0)
		return
	}
	units := utf16.Encode([]rune(s))
	w.i32(int32(2 * len(units)))
	_ = binary.Write(w, binary.LittleEndian, units)
	w.WriteByte(1)
}

func (w *writer) cached(s string) {
	if id, ok := w.cache[s]; ok {
		w.i32(-id)
		return
	}
	w.cache[s] = int32(len(w.cache) + 1)
	w.i32(w.cache[s])
	w.str(s)
}

func (w *writer) bool(v bool) {
	if v {
		w.WriteByte(1)
		return
	}
	w.WriteByte(0)
}

func (w *writer) request(groups []string, name string, from, to int32, ok bool, message string) {
	w.WriteByte(recordRequest)
	w.i32(int32(len(groups)))
	for _, g := range groups {
		w.cached(g)
	}
	w.cached(name)
	w.i32(from)
	w.i32(to)
	w.bool(ok)
	w.cached(message)
}

func binaryLog() *writer {
	w := &writer{cache: map[string]int32{}}
	w.WriteByte(recordRun)
	w.str("3.13.5")
	w.str("example.Shöp")
	_ = binary.Write(w, binary.BigEndian, start)
	w.str("")
	w.i32(1)
	w.str("Käufer")
	w.i32(1)
	w.i32(3)
	w.WriteString("abc")
	w.WriteByte(recordUser)
	w.i32(0)
	w.bool(true)
	w.i32(5)
	w.request(nil, "Suche €", 20, 120, true, "")
	w.request([]string{"buy", "cart"}, "Add", 200, 500, false, "status.find.in(200,201), but actually found 503")
	w.WriteByte(recordGroup)
	w.i32(2)
	w.cached("buy")
	w.cached("cart")
	w.i32(200)
	w.i32(500)
	w.i32(300)
	w.bool(false)
	w.WriteByte(recordError)
	w.cached("no attribute named x")
	w.i32(700)
	w.request(nil, "Suche €", 1000, 3000, false, "Request timeout to h after 2000 ms")
	return w
}

func TestBinary(t *testing.T) {
	rep, err := Read(binaryLog())
	require.NoError(t, err)
	require.Equal(t, "example.Shöp", rep.Title)
	require.Contains(t, rep.Source, "3.13.5")
	require.Equal(t, uint64(3), rep.Total.Count)
	require.Equal(t, uint64(2), rep.Total.Failed)
	require.Equal(t, time.UnixMilli(start+20), rep.Started)
	require.Equal(t, 2980*time.Millisecond, rep.Elapsed)
	require.Equal(t, "Suche €", rep.Steps[0].Name)
	require.Equal(t, uint64(2), rep.Steps[0].Count)
	require.Equal(t, "buy / cart / Add", rep.Steps[1].Name)
	require.Equal(t, []signal.ErrorCount{{Kind: "status 5xx", Count: 1}, {Kind: "timeout", Count: 1}}, rep.Errors)
	require.Contains(t, strings.Join(rep.Notes, "\n"), "1 errors of the simulation")
}

func TestBinaryCutOffAnywhere(t *testing.T) {
	whole := binaryLog().Bytes()
	for n := range whole {
		rep, err := Read(bytes.NewReader(whole[:n]))
		if err == nil {
			require.NotZero(t, rep.Total.Count)
			require.LessOrEqual(t, rep.Total.Count, uint64(3))
		}
	}
	rep, err := Read(bytes.NewReader(whole[:len(whole)-3]))
	require.NoError(t, err)
	require.Equal(t, uint64(2), rep.Total.Count)
	require.Contains(t, strings.Join(rep.Notes, "\n"), "cut off")
}

func TestBinaryMalformed(t *testing.T) {
	w := binaryLog()
	w.WriteByte(9)
	_, err := Read(w)
	require.ErrorContains(t, err, "kind 9")
	w = binaryLog()
	w.WriteByte(recordError)
	w.i32(-99)
	w.i32(0)
	_, err = Read(w)
	require.ErrorContains(t, err, "never had")
	_, err = Read(bytes.NewReader([]byte{0, 0x7f, 0xff, 0xff, 0xff}))
	require.ErrorContains(t, err, "claims")
}

func TestText(t *testing.T) {
	for _, tc := range []struct {
		file, version string
		count         uint64
		step, kind    string
	}{
		{"gatling-3.11.log", "3.11.5", 3, "buy / cart / Add", "status 5xx"},
		{"gatling-3.1.log", "3.1.2", 2, "buy / Add", "connection refused"},
		{"gatling-2.3.log", "2.0", 2, "buy / Add", "connection refused"},
	} {
		f, err := os.Open(fixtures + tc.file)
		require.NoError(t, err)
		rep, err := Read(f)
		require.NoError(t, f.Close())
		require.NoError(t, err, tc.file)
		require.Contains(t, rep.Source, tc.version)
		require.Equal(t, tc.count, rep.Total.Count, tc.file)
		require.Equal(t, tc.step, rep.Steps[1].Name, tc.file)
		require.Equal(t, tc.kind, rep.Errors[0].Kind, tc.file)
		require.InEpsilon(t, 100*time.Millisecond, rep.Steps[0].P50, 0.001, tc.file)
	}
}

func TestBadText(t *testing.T) {
	for text, want := range map[string]string{"": "empty", "hello\n": "not a Gatling log", "RUN\ta\tb\t1\t \t3.0\n": "no request"} {
		_, err := Read(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzGatling(f *testing.F) {
	f.Add(binaryLog().Bytes())
	data, err := os.ReadFile(fixtures + "gatling-3.11.log")
	require.NoError(f, err)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if rep, err := Read(bytes.NewReader(data)); err == nil {
			require.NotZero(t, rep.Total.Count)
		}
	})
}
