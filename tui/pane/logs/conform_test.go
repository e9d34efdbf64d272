package logs_test

import (
	"strings"
	"testing"

	"gameday/tui/pane"
	"gameday/tui/pane/logs"
	"gameday/tui/widget/panetest"
)

func TestRowsAreExact(t *testing.T) {
	panetest.Conform(t, func() pane.Pane { return logs.New(nil, strings.Fields) })
}
