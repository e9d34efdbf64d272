package picture

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every shape that the cockpit draws with is drawn, none is left to a font, and nothing leaves its cell.
func TestLinesBlocksAndBrailleAreShapes(t *testing.T) {
	var all []rune
	for r := range arms {
		all = append(all, r)
	}
	for r := range rounded {
		all = append(all, r)
	}
	for r := range dashes {
		all = append(all, r)
	}
	all = append(all, position)
	for r := '▀'; r <= '▟'; r++ {
		all = append(all, r)
	}
	for r := rune(0x2801); r <= 0x28ff; r++ {
		all = append(all, r)
	}
	first := regexp.MustCompile(`M([0-9.]+) ([0-9.]+)`)
	for _, r := range all {
		out := SVG(" "+string(r), 2, 1, "#ffffff", "#000000")
		require.NotContains(t, out, "<text", "%q", r)
		require.Contains(t, out, "<path", "%q", r)
		for _, m := range first.FindAllStringSubmatch(out, -1) {
			x, err := strconv.ParseFloat(m[1], 64)
			require.NoError(t, err)
			y, err := strconv.ParseFloat(m[2], 64)
			require.NoError(t, err)
			require.InDelta(t, margin+1.5*cellWidth, x, cellWidth/2+0.06, "%q", r)
			require.InDelta(t, margin+cellHeight/2, y, cellHeight/2+0.06, "%q", r)
		}
	}
}

func TestTextAndShapesKeepTheirStyleAndPlace(t *testing.T) {
	out := SVG("\x1b[31;1mab│\x1b[0m<&\x1b[7m▌x\x1b[0m", 8, 1, "#ffffff", "#000000")
	require.Contains(t, out, `font-weight="bold">ab</text>`)
	require.Contains(t, out, `stroke="#cc5555"`)
	require.Contains(t, out, "&lt;&amp;")
	require.Equal(t, 2, strings.Count(out, `fill="#ffffff"/>`), "the ground of both reversed cells")
	for d := xml.NewDecoder(strings.NewReader(out)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
}
