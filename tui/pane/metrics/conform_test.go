package metrics_test

import (
	"testing"

	"gameday/tui/pane"
	"gameday/tui/pane/metrics"
	"gameday/tui/widget/panetest"
)

func TestRowsAreExact(t *testing.T) {
	panetest.Conform(t, func() pane.Pane { return metrics.New() })
}
