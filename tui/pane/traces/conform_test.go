package traces_test

import (
	"testing"

	"gameday/tui/pane"
	"gameday/tui/pane/traces"
	"gameday/tui/widget/panetest"
)

func TestRowsAreExact(t *testing.T) {
	panetest.Conform(t, func() pane.Pane { return traces.New(nil) })
}
