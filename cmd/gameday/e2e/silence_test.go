package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/prometheus/promtest"
)

// TestAnAlertIsSilencedAtARealAlertmanager from the cockpit, with the reason, and heard again: a rule of a real Prometheus fires, whose
// real Alertmanager tells of it too, and it is one alert.
func TestAnAlertIsSilencedAtARealAlertmanager(t *testing.T) {
	t.Parallel()
	am := promtest.Alertmanager(t, "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
	rules := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(rules, []byte(`groups: [{name: g, rules: [{alert: PaymentSlow, expr: "vector(3) > 1", labels: {service: payment}, annotations: {summary: over its limit}}]}]`), 0o600))
	prom := promtest.Prometheus(t, fmt.Sprintf("global: {evaluation_interval: 1s, external_labels: {cluster: eu}}\nrule_files: [%s]\nalerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\n",
		rules, strings.TrimPrefix(am, "http://")), "--rules.alert.resend-delay=1s")
	config := filepath.Join(t.TempDir(), "gameday.yaml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `apiVersion: gameday/v1
kind: Config
sources:
  - {name: prom, kind: prometheus, address: %q, every: 500ms}
  - {name: am, kind: alertmanager, address: %q, every: 500ms}
`, prom, am), 0o600))
	term := open(t, 200, 50, "watch", "--config", config)
	term.see(slow, "live", "No traces yet")
	term.press("7")
	// an Alertmanager is found a few seconds after the rule has fired
	screen := term.see(slow, "firing", "PaymentSlow", "through am and prom: over its limit", "alerts 1")
	require.Equal(t, 1, strings.Count(screen, "firing"), screen)
	term.press(tab)
	term.wait("the alerts' cursor", slow, func(s string) bool {
		if strings.Contains(s, "▸alerts") {
			return true
		}
		term.press(tab)
		return false
	})
	term.press("s")
	term.see(slow, "silence this alert for 15m", `cluster="eu"`)
	term.press(enter)
	term.see(slow, "the reason stands beside")
	term.press("g", "a", "m", "e", " ", "d", "a", "y", enter)
	term.see(slow, "silenced PaymentSlow", "silenced by")
	require.Equal(t, "active: game day", silenceAt(t, am))
	term.press("s")
	term.see(slow, "end the silence")
	for range 8 { // past the offers of two lists of four lengths
		term.press(down)
	}
	term.see(slow, "game day (at am")
	term.press(enter)
	term.see(slow, "firing   PaymentSlow")
	require.Equal(t, "expired: game day", silenceAt(t, am))
	term.press("q")
	require.Zero(t, term.end(slow))
}

// silenceAt is the one silence that an Alertmanager has, as its state and reason.
func silenceAt(t *testing.T, address string) string {
	t.Helper()
	client := http.Client{Timeout: 30 * time.Second}
	res, err := client.Get(address + "/api/v2/silences")
	require.NoError(t, err)
	defer res.Body.Close()
	var all []struct {
		Comment string
		Status  struct{ State string }
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&all))
	require.Len(t, all, 1)
	return all[0].Status.State + ": " + all[0].Comment
}
