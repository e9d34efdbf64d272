package load_test

import (
	"testing"

	"gameday/tui/pane"
	"gameday/tui/pane/load"
	"gameday/tui/widget/panetest"
)

func TestRowsAreExact(t *testing.T) {
	panetest.Conform(t, func() pane.Pane { return load.New() })
}
