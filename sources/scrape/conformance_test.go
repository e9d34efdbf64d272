package scrape_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/driver"
	"gameday/sources/drivertest"
	"gameday/sources/metrics"
	"gameday/sources/scrape"
)

// The scraper against an HTTP target whose label values are hostile. It writes to the metric memory, which is where the
// text must come out harmless.
func TestConformance(t *testing.T) {
	var mu sync.Mutex
	dbs := map[driver.Driver]*metrics.DB{}
	kept := map[driver.Driver]uint64{}
	value := strings.NewReplacer("\\", `\\`, "\n", `\n`, `"`, `\"`).Replace(drivertest.Hostile)
	drivertest.Run(t, drivertest.Harness{
		New: func(t *testing.T) driver.Driver {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain; version=0.0.4")
				_, _ = fmt.Fprintf(w, "x{service=\"%s\"} 1\n", value)
			}))
			t.Cleanup(srv.Close)
			db, err := metrics.Open(metrics.Config{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			d := scrape.New(db.Appendable(), func() []scrape.Target {
				return []scrape.Target{{Job: "a", Instance: strings.TrimPrefix(srv.URL, "http://")}}
			}, 50*time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			dbs[d] = db
			return d
		},
		Feed: func(context.Context, driver.Driver) error { return nil }, // the target is always there to be scraped
		Arrived: func(d driver.Driver) bool {
			mu.Lock()
			defer mu.Unlock()
			now, before := dbs[d].Stats().Kept, kept[d]
			kept[d] = now
			return now > before
		},
		NotBroken: "a target that is down is in the health of that target, and the scraper goes on",
	})
}
