package approval_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"gameday/chaos/approval"
)

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

var plan = sha256.Sum256([]byte("the plan"))

func newKey(t *testing.T) (ssh.Signer, ed25519.PrivateKey) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	s, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return s, private
}

func public(s ssh.Signer) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

func signers(t *testing.T, lines ...string) approval.Signers {
	s, err := approval.ParseSigners([]byte(strings.Join(lines, "\n")))
	require.NoError(t, err)
	return s
}

func agreed() approval.Approval {
	return approval.Approval{Plan: hex.EncodeToString(plan[:]), Experiment: "payment-slow", Environment: "production", Approver: "alice@example.com",
		Issued: now.Add(-time.Hour), Expires: now.Add(time.Hour), Reason: "game day of the payment team"}
}

func TestSignAndVerify(t *testing.T) {
	alice, _ := newKey(t)
	mallory, _ := newKey(t)
	file, err := approval.Sign(agreed(), alice)
	require.NoError(t, err)
	good := approval.Check{Plan: plan, Environment: "production", Now: now, Signers: signers(t, "# who may", "", "*@example.com "+public(alice)+" alice")}
	a, err := approval.Verify(file, good)
	require.NoError(t, err)
	require.Equal(t, agreed(), a)
	_, err = approval.Verify(bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n")), good)
	require.NoError(t, err, "a mail may have changed the line ends")

	other := func(change func(*approval.Check)) approval.Check {
		c := good
		change(&c)
		return c
	}
	theirs, err := approval.Sign(agreed(), mallory)
	require.NoError(t, err)
	swap := func(from, to string) []byte { return bytes.Replace(file, []byte(from), []byte(to), 1) }
	for name, c := range map[string]struct {
		file  []byte
		check approval.Check
		want  string
	}{
		"another plan":        {file, other(func(c *approval.Check) { c.Plan[0]++ }), "it is for another plan"},
		"another environment": {file, other(func(c *approval.Check) { c.Environment = "staging" }), `it is for "production", and this is "staging"`},
		"expired":             {file, other(func(c *approval.Check) { c.Now = now.Add(time.Hour) }), "it expired at 2026-11-23T11:00:00Z; ask for a new one"},
		"not yet":             {file, other(func(c *approval.Check) { c.Now = now.Add(-2 * time.Hour) }), "it begins at 2026-11-23T09:00:00Z only"},
		"nobody is allowed":   {file, other(func(c *approval.Check) { c.Signers = nil }), "is not in the list of allowed signers"},
		"another's name":      {file, other(func(c *approval.Check) { c.Signers = signers(t, "bob@example.com "+public(alice)) }), "is not that of alice@example.com"},
		"not for approvals": {file, other(func(c *approval.Check) {
			c.Signers = signers(t, `alice@example.com namespaces="git,file" `+public(alice))
		}), "may not sign approvals (namespaces)"},
		"a key of the past": {file, other(func(c *approval.Check) {
			c.Signers = signers(t, `alice@example.com valid-before="20261101Z" `+public(alice))
		}), "does not count at this time"},
		"forbidden":         {file, other(func(c *approval.Check) { c.Signers = signers(t, `!alice@*,*@example.com `+public(alice)) }), "is not that of alice@example.com"},
		"one's own key":     {file, other(func(c *approval.Check) { c.Own = signers(t, "* "+public(alice)) }), "it takes a second person"},
		"one's own name":    {file, other(func(c *approval.Check) { c.Operator = "Alice@example.com" }), "it takes a second person"},
		"another key":       {theirs, good, "is not in the list of allowed signers"},
		"a changed date":    {swap("expires: 2026-11-23T11", "expires: 2026-11-23T12"), good, "the text was changed after it was signed"},
		"an added line":     {swap("reason:", "note: x\nreason:"), good, "it has 9 lines, not 8"},
		"another order":     {swap("environment: production\napprover: alice@example.com", "approver: alice@example.com\nenvironment: production"), good, `line 4 is not "environment: …"`},
		"blanks":            {swap("environment: production", "environment: production "), good, "is not one line of printable text"},
		"not signed":        {file[:bytes.Index(file, []byte("-----"))], good, "it is not signed"},
		"cut off":           {file[:len(file)-40], good, "its signature is cut off"},
		"something follows": {append(bytes.Clone(file), "more"...), good, "its signature is cut off, or something follows it"},
		"damaged":           {swap("U1NIU0lH", "U1NIU0lI"), good, "its signature is not an SSH signature of version 1"},
		"too much":          {make([]byte, 70<<10), good, "it has more than 64 kB"},
	} {
		_, err := approval.Verify(c.file, c.check)
		require.ErrorContains(t, err, "the approval does not hold: ", name)
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestSignRefuses(t *testing.T) {
	alice, _ := newKey(t)
	for want, change := range map[string]func(*approval.Approval){
		"the plan's SHA-256 is not 64 hexadecimal digits": func(a *approval.Approval) { a.Plan = "abc" },
		"approver is missing":                             func(a *approval.Approval) { a.Approver = "" },
		"it expires before it begins":                     func(a *approval.Approval) { a.Expires = a.Issued },
		"at most 744h0m0s are allowed":                    func(a *approval.Approval) { a.Expires = a.Issued.Add(32 * 24 * time.Hour) },
		"is not one line of printable text":               func(a *approval.Approval) { a.Reason = "a\nenvironment: staging" },
	} {
		a := agreed()
		change(&a)
		_, err := approval.Sign(a, alice)
		require.ErrorContains(t, err, want)
	}
	weak, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s, err := ssh.NewSignerFromKey(weak)
	require.NoError(t, err)
	_, err = approval.Sign(agreed(), s)
	require.ErrorContains(t, err, "ssh-keygen -t ed25519")
}

func TestParseSigners(t *testing.T) {
	alice, _ := newKey(t)
	for line, want := range map[string]string{
		"alice":                                 "allowed signers, line 1: a key must follow the name",
		"alice nonsense":                        "allowed signers, line 1: there is no public key",
		"alice cert-authority " + public(alice): `the option "cert-authority" is not understood`,
		`alice valid-after="soon" ` + public(alice): `"soon" is no time such as 20261231 or 202612312359Z`,
	} {
		_, err := approval.ParseSigners([]byte(line))
		require.ErrorContains(t, err, want)
	}
}

func TestKeysOnDisk(t *testing.T) {
	dir := t.TempDir()
	alice, private := newKey(t)
	block, err := ssh.MarshalPrivateKey(private, "alice")
	require.NoError(t, err)
	file := filepath.Join(dir, "id_ed25519")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	require.NoError(t, os.WriteFile(file+".pub", []byte(public(alice)+" alice\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bad.pub"), []byte("nothing"), 0o600))
	key, err := approval.LoadKey(file, nil)
	require.NoError(t, err)
	require.Equal(t, alice.PublicKey(), key.PublicKey())
	own, err := approval.OwnKeys(dir)
	require.NoError(t, err)
	require.Len(t, own, 1)
	block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "alice", []byte("secret"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	_, err = approval.LoadKey(file, nil)
	require.ErrorContains(t, err, "it has a passphrase")
	_, err = approval.LoadKey(file, func() ([]byte, error) { return []byte("wrong"), nil })
	require.ErrorContains(t, err, "the passphrase is wrong")
	key, err = approval.LoadKey(file, func() ([]byte, error) { return []byte("secret"), nil })
	require.NoError(t, err)
	require.Equal(t, alice.PublicKey(), key.PublicKey())
	_, err = approval.LoadKey(filepath.Join(dir, "none"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestWithOpenSSH: what gameday signs ssh-keygen verifies, and the other way round.
func TestWithOpenSSH(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed, so nothing can be held against it")
	}
	dir := t.TempDir()
	run := func(stdin []byte, args ...string) {
		cmd := exec.Command(keygen, args...)
		cmd.Stdin = bytes.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", args, out)
	}
	file := filepath.Join(dir, "key")
	run(nil, "-q", "-t", "ed25519", "-N", "", "-C", "alice", "-f", file)
	key, err := approval.LoadKey(file, nil)
	require.NoError(t, err)
	allowed := filepath.Join(dir, "allowed")
	line := "alice@example.com namespaces=\"gameday-*\" " + public(key)
	require.NoError(t, os.WriteFile(allowed, []byte(line+"\n"), 0o600))

	ours, err := approval.Sign(agreed(), key)
	require.NoError(t, err)
	text, err := agreed().Text()
	require.NoError(t, err)
	sig := filepath.Join(dir, "ours.sig")
	require.NoError(t, os.WriteFile(sig, ours[len(text):], 0o600))
	run(text, "-Y", "verify", "-f", allowed, "-I", "alice@example.com", "-n", approval.Namespace, "-s", sig)

	request := filepath.Join(dir, "plan.approval")
	require.NoError(t, os.WriteFile(request, text, 0o600))
	run(nil, "-q", "-Y", "sign", "-f", file, "-n", approval.Namespace, request)
	theirs, err := os.ReadFile(request + ".sig")
	require.NoError(t, err)
	_, err = approval.Verify(append(text, theirs...), approval.Check{Plan: plan, Environment: "production", Now: now, Signers: signers(t, line)})
	require.NoError(t, err)

}

func FuzzVerify(f *testing.F) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		f.Fatal(err)
	}
	file, err := approval.Sign(agreed(), s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte("gameday approval v1\n-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := approval.Verify(data, approval.Check{Plan: plan, Environment: "production", Now: now}); err == nil {
			t.Fatalf("nobody is allowed to sign %q", data)
		}
	})
}
