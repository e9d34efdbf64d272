package loki

import (
	"net/http"
	"testing"

	"gameday/sources/drivertest"
	"gameday/sources/signal"
)

func TestConformance(t *testing.T) {
	drivertest.RunHTTP(t, drivertest.HTTP{
		Kind: Kind(), Options: "{page: 7, backlog: 0s}", Logs: true, Text: `{service_name=~".+"}`,
		System: func(_ *testing.T, known signal.Batch) http.Handler { return newFake(holding(known)...) },
		Huge: drivertest.Huge{Head: `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"service_name":"x"},"values":[`,
			Item: `["1700000000000000000","` + drivertest.Filler + `"]`, Separator: ",", Tail: `]}]}}`},
	})
}
