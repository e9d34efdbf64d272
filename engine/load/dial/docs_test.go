package dial_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/dns"
	"gameday/engine/load/protocol"
	"gameday/engine/load/tcp"
	"gameday/engine/load/udp"
	"gameday/engine/load/websocket"
	"gameday/sources/spec"
)

// prepares makes a protocol for a target, and a function that prepares the step whose block is given.
func prepares(t *testing.T, scheme, target string) func(protocol.Step, *spec.Document) (int, error) {
	t.Helper()
	o := protocol.Options{}
	switch scheme {
	case "tcp":
		p, err := tcp.New(target, o)
		require.NoError(t, err)
		return func(s protocol.Step, d *spec.Document) (int, error) { return decoded(t, p.Prepare, s, d) }
	case "udp":
		p, err := udp.New(target, o)
		require.NoError(t, err)
		return func(s protocol.Step, d *spec.Document) (int, error) { return decoded(t, p.Prepare, s, d) }
	case "websocket":
		p, err := websocket.New(target, o)
		require.NoError(t, err)
		return func(s protocol.Step, d *spec.Document) (int, error) { return decoded(t, p.Prepare, s, d) }
	}
	p, err := dns.New(target, o)
	require.NoError(t, err)
	return func(s protocol.Step, d *spec.Document) (int, error) { return decoded(t, p.Prepare, s, d) }
}

// decoded reads a step's block and prepares it.
func decoded[C any](t *testing.T, prepare func(protocol.Step, *C) (int, error), s protocol.Step, d *spec.Document) (int, error) {
	var c C
	d.Decode(&c)
	require.NoError(t, d.Err())
	return prepare(s, &c)
}

func TestTheManualsPlansCanBePrepared(t *testing.T) {
	page, err := os.ReadFile("../../../docs/load-protocols.md")
	require.NoError(t, err)
	blocks := strings.Split(string(page), "```yaml\n")[1:]
	found := map[string]int{}
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		doc, err := spec.Parse("docs/load-protocols.md", []byte(text))
		require.NoError(t, err)
		var scenarios []struct {
			Name  string                      `yaml:"name"`
			Steps []map[string]*spec.Document `yaml:"steps"`
			Mix   []map[string]*spec.Document `yaml:"mix"`
		}
		sub, ok := doc.Sub("scenarios")
		require.True(t, ok)
		sub.Decode(&scenarios)
		require.NoError(t, sub.Err())
		target, ok := doc.Sub("target")
		require.True(t, ok)
		url, _ := target.Scalar()
		var prepare func(protocol.Step, *spec.Document) (int, error)
		for _, step := range append(scenarios[0].Steps, scenarios[0].Mix...) {
			for _, kind := range []string{"tcp", "udp", "websocket", "dns"} {
				if step[kind] == nil {
					continue
				}
				if prepare == nil {
					prepare = prepares(t, kind, url)
				}
				_, err := prepare(protocol.Step{Name: "step", Timeout: 15 * time.Second}, step[kind])
				require.NoError(t, err)
				found[kind]++
			}
		}
	}
	require.Equal(t, map[string]int{"tcp": 2, "udp": 3, "websocket": 5, "dns": 4}, found)
}
