package experiment_test

import (
	"testing"

	"gameday/tui/pane"
	"gameday/tui/pane/experiment"
	"gameday/tui/widget/panetest"
)

func TestRowsAreExact(t *testing.T) {
	panetest.Conform(t, func() pane.Pane { return experiment.New() })
}
