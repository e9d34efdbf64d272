package engine

import (
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"gameday/chaos"
	"gameday/chaos/approval"
	"gameday/chaos/experiment"
	"gameday/sources/store"
)

const approvable = `
apiVersion: gameday/v1
kind: Experiment
metadata: {name: slow}
hypothesis: it stays fast
steadyState: {probes: [{name: p95, load: {stat: p95, over: 2s}, expect: "< 200ms"}]}
method: [{for: 10s, fault: process.pause, target: {service: payment}}]
`

func TestProductionTakesConsent(t *testing.T) {
	dir := t.TempDir()
	st, err := store.New(store.Config{})
	require.NoError(t, err)
	s := &Session{cfg: Config{Name: "shop", Environment: Production}, store: st}
	e, err := experiment.Parse("slow.yaml", []byte(approvable), experiment.ParseConfig{})
	require.NoError(t, err)
	planned := []*chaos.Planned{{Targets: []chaos.Target{{Name: "payment"}}, Total: 3}}
	plan := &Plan{Experiment: e, Faults: planned, system: "shop", where: Production}
	require.ErrorContains(t, s.StartExperiment(plan), "it takes a typed confirmation in the cockpit, or an approval")

	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	key, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	a, err := s.ApprovalFor(plan, "alice@example.com", "", time.Hour)
	require.NoError(t, err)
	signed, err := approval.Sign(a, key)
	require.NoError(t, err)
	file, signers := filepath.Join(dir, "plan.approval"), filepath.Join(dir, "allowed")
	require.NoError(t, os.WriteFile(file, signed, 0o600))
	require.NoError(t, os.WriteFile(signers, append([]byte("alice@example.com "), ssh.MarshalAuthorizedKey(key.PublicKey())...), 0o600))

	changed := &Plan{Experiment: e, Faults: []*chaos.Planned{{Targets: []chaos.Target{{Name: "orders"}}, Total: 3}}, system: "shop", where: Production}
	_, err = s.Approve(changed, file, signers, "", dir)
	require.ErrorContains(t, err, "it is for another plan", "other targets are another plan")
	require.Empty(t, changed.Consent)
	_, err = s.Approve(plan, file, signers, "alice@example.com", dir)
	require.ErrorContains(t, err, "it takes a second person")
	_, err = s.Approve(plan, file, signers, "bob@example.com", dir)
	require.NoError(t, err)
	require.Contains(t, plan.Consent, "approved by alice@example.com until ")
	require.NoError(t, s.consent(plan))
}
