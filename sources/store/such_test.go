package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// TestSuchIsTheNewestThatMatchesInTheWindow, whatever came later.
func TestSuchIsTheNewestThatMatchesInTheWindow(t *testing.T) {
	s, err := New(Config{})
	require.NoError(t, err)
	at := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	for i := range 100 {
		service := []string{"cart", "payment"}[i%2]
		s.Add(signal.Batch{Logs: []signal.Record{{Time: at.Add(time.Duration(i) * time.Second), Service: service, Body: fmt.Sprintf("charged %d", i)}}})
	}
	ask := func(filter string, from, to int) *signal.SuchAs {
		return s.Frame(signal.View{Such: filter, Window: signal.Window{From: at.Add(time.Duration(from) * time.Second), To: at.Add(time.Duration(to) * time.Second)}}).Such
	}
	const payment = `{service="payment"} |> "charged <_>"`
	got := ask(payment, 10, 40)
	require.True(t, got.Found)
	require.Equal(t, payment, got.Filter)
	require.Equal(t, "charged 39", got.Record.Body)
	require.Equal(t, "charged 38", ask(`{service="cart"}`, 10, 40).Record.Body)
	require.False(t, ask(payment, 200, 300).Found, "nothing of it lies there")
	require.False(t, ask(`{service=`, 10, 40).Found, "a filter that is none finds nothing")
	require.Nil(t, ask("", 10, 40))
}
