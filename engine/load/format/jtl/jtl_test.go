package jtl

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

const fixtures = "../../../../testdata/load/formats/"

func TestCSV(t *testing.T) {
	f, err := os.Open(fixtures + "results.jtl")
	require.NoError(t, err)
	defer f.Close()
	rep, err := Read(f)
	require.NoError(t, err)
	require.Equal(t, uint64(6), rep.Total.Count, "the transaction's own sample is none")
	require.Equal(t, uint64(3), rep.Total.Failed)
	require.Equal(t, 10*time.Second, rep.Elapsed)
	require.Equal(t, "Add, to cart", rep.Steps[1].Name)
	require.InEpsilon(t, 200*time.Millisecond, rep.Steps[0].P50, 0.001)
	require.Equal(t, 4*time.Second, rep.Total.Max)
	require.Equal(t, []signal.ErrorCount{{Kind: "check failed", Count: 1}, {Kind: "status 5xx", Count: 1}, {Kind: "timeout", Count: 1}}, rep.Errors)
}

func TestCSVByHeader(t *testing.T) {
	rep, err := Read(strings.NewReader("\ufefflabel;success;timeStamp;elapsed\nA;true;2026/11/22 10:00:00.500;7\nlabel;success;timeStamp;elapsed\nA;false;x;8\nA;true;1;-1\nA\n"))
	require.NoError(t, err)
	require.Equal(t, uint64(2), rep.Total.Count)
	require.Equal(t, uint64(1), rep.Total.Failed)
	require.Equal(t, 2026, rep.Started.Year())
	require.Contains(t, strings.Join(rep.Notes, "\n"), "2 rows that could not be read")
}

func TestXML(t *testing.T) {
	f, err := os.Open(fixtures + "results.xml")
	require.NoError(t, err)
	defer f.Close()
	rep, err := Read(f)
	require.NoError(t, err)
	require.Equal(t, uint64(3), rep.Total.Count)
	require.Equal(t, 250*time.Millisecond, rep.Total.Max)
	require.Equal(t, "status 4xx", rep.Errors[0].Kind)
	rep, err = Read(strings.NewReader(`<testResults><httpSample t="5" ts="1763800000000" s="true" lb="a" rc="200"/><httpSample t=`))
	require.NoError(t, err, "a run that was killed leaves half a file")
	require.Equal(t, uint64(1), rep.Total.Count)
}

func TestBadResults(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "no header",
		"1763800000000,100,Search,200": "no header",
		"elapsed,label,success\n":      "no sample",
		"<html/>":                      "testResults",
		`<!DOCTYPE a [<!ENTITY b "c">]><testResults/>`: "document type",
		strings.Repeat("<a>", 100):                     "testResults",
	} {
		_, err := Read(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzJTL(f *testing.F) {
	for _, name := range []string{"results.jtl", "results.xml"} {
		data, err := os.ReadFile(fixtures + name)
		require.NoError(f, err)
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if rep, err := Read(strings.NewReader(text)); err == nil {
			require.NotZero(t, rep.Total.Count)
		}
	})
}
