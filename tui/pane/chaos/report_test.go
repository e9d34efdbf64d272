package chaos_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/chaos"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

// opened is the first run's report on the screen.
func opened(t *testing.T, width, height int, markdown ...string) (pane.Pane, pane.Context, string) {
	f := sample.Frame()
	if len(markdown) > 0 {
		f.Report = &signal.KeptReport{ID: f.Runs[0].ID, Lines: markdown}
	}
	ctx := panetest.Context(t, f, width, height)
	p := chaos.Runs()
	panetest.Do(p, ctx, keymap.Open)
	return p, ctx, panetest.Text(p, ctx)
}

// TestAReportIsReadAsAPage, not as the Markdown that it is kept as; copying it gives that.
func TestAReportIsReadAsAPage(t *testing.T) {
	p, ctx, text := opened(t, 98, 60)
	for _, mark := range []string{"**", "`", "| p", "---", "&gt;", "<!--", "<details>", "</details>", "# "} {
		require.NotContains(t, text, mark)
	}
	for _, want := range []string{"Because p95 was 412 ms", "system    shop, staging", "> 99%", "http://127.0.0.1:8080", "Trace 4f2a91c0", "list | view", "The experiment as it was run", "kind: Experiment", "+0 s    1.88 ms  gateway"} {
		require.Contains(t, text, want)
	}
	right := strings.Split(text, "\n")
	at := func(sub string) int {
		for _, row := range right {
			if i := strings.Index(row, sub); i >= 0 {
				return i + len(sub)
			}
		}
		return -1
	}
	require.Equal(t, at("  334"), at(" 1295"), "numbers stand on the right of their column")
	copied := panetest.Do(p, ctx, keymap.CopyRow).(pane.CopyMsg).Text
	require.Equal(t, strings.Join(ctx.Frame.Report.Lines, "\n")+"\n", copied)
	ctx.ASCII = true
	require.NotContains(t, panetest.Text(p, ctx), "?")
}

// TestATableGivesWayToTheScreen: its widest column is wrapped, nothing is cut.
func TestATableGivesWayToTheScreen(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("word ", 40))
	_, _, text := opened(t, 40, 60, "| a | b | c |", "| --- | --- | ---: |", "| one | "+long+" | 7 |", "| two |", "| | | | more than has a title |")
	require.Equal(t, 40, strings.Count(text, "word"))
	require.NotContains(t, text, "…")
	require.Contains(t, text, "two")
}

// TestAReportThatIsCutOffIsStillShown: fences and tables that do not end, rows without cells.
func TestAReportThatIsCutOffIsStillShown(t *testing.T) {
	for _, markdown := range [][]string{{"```"}, {"```yaml", "kind: x"}, {"|"}, {"||", "|"}, {"| a \\"}, {"> "}, {"#"}, {"\\"}, {""}, {"````", "```", "````", "after"}} {
		_, _, text := opened(t, 30, 8, markdown...)
		require.NotEmpty(t, text)
		if markdown[0] == "````" {
			require.Contains(t, text, "```")
			require.Contains(t, text, "after")
		}
	}
}
