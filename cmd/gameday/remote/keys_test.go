package remote

import (
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"
)

const (
	keyA = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS"
	keyB = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
)

func TestParseKeys(t *testing.T) {
	utc := func(s string) time.Time {
		at, err := time.Parse(time.DateTime, s)
		require.NoError(t, err)
		return at
	}
	local := time.Date(2027, 3, 1, 0, 0, 0, 0, time.Local)
	for _, c := range []struct {
		line    string
		role    Role
		name    string
		expires time.Time
		from    string
		err     string
	}{
		{line: keyA, name: "SHA256:"},
		{line: keyA + " alice", name: "alice"},
		{line: keyA + " Alice  of \x1b[31mOps\x07", name: "Alice of "},
		{line: `role="operator" ` + keyA + " alice", role: Operator, name: "alice"},
		{line: `role="viewer" ` + keyA + " alice", name: "alice"},
		{line: `ROLE="operator" ` + keyA + " alice", role: Operator, name: "alice"},
		{line: `restrict,role="operator",expiry-time="20270301" ` + keyA + " a", role: Operator, name: "a", expires: local},
		{line: `expiry-time="202703011230Z" ` + keyA + " a", name: "a", expires: utc("2027-03-01 12:30:00")},
		{line: `expiry-time="20270301123059Z" ` + keyA + " a", name: "a", expires: utc("2027-03-01 12:30:59")},
		{line: `from="10.1.2.3,192.0.2.7/24,2001:db8::1" ` + keyA + " a", name: "a", from: "10.1.2.3,192.0.2.0/24,2001:db8::1"},
		{line: `role="root" ` + keyA, err: "write viewer or operator"},
		{line: `role=operator,role="viewer" ` + keyA, err: "given twice"},
		{line: `expiry-time="tomorrow" ` + keyA, err: "write YYYYMMDD"},
		{line: `expiry-time="20271301" ` + keyA, err: "write YYYYMMDD"},
		{line: `expiry-time="+0270301" ` + keyA, err: "write YYYYMMDD"},
		{line: `from="*.example.com" ` + keyA, err: "names and patterns are not supported"},
		{line: `from="!10.0.0.1,10.0.0.0/8" ` + keyA, err: "names and patterns are not supported"},
		{line: `command="/bin/true" ` + keyA, err: "option command is not known here"},
		{line: `cert-authority ` + keyA, err: "option cert-authority is not known"},
		{line: `restrict="yes" ` + keyA, err: "takes no value"},
		{line: `operator ` + keyA, err: "option operator is not known"},
		{line: "ssh-ed25519 AAAA alice", err: "no public key"},
		{line: "nonsense", err: "no public key"},
	} {
		keys, err := ParseKeys([]byte("# a comment\n\n" + c.line + "\n"))
		if c.err != "" {
			require.ErrorContains(t, err, "line 3: ", c.line)
			require.ErrorContains(t, err, c.err, c.line)
			require.Empty(t, keys, "%s: nobody comes in by a line that is wrong", c.line)
			continue
		}
		require.NoError(t, err, c.line)
		require.Len(t, keys, 1)
		k := keys[0]
		require.Equal(t, c.role, k.Role, c.line)
		require.True(t, strings.HasPrefix(k.Name, c.name), "%s: %q", c.line, k.Name)
		require.NotContains(t, k.Name, "\x1b")
		require.True(t, c.expires.Equal(k.Expires), "%s: %v", c.line, k.Expires)
		require.Equal(t, c.from, k.From)
		require.Equal(t, 3, k.Line)
	}
}

func TestWhatIsWrongIsToldAtOnceAndTheRestCounts(t *testing.T) {
	keys, err := ParseKeys([]byte("x y\n" + keyA + " alice\r\nrole=boss " + keyB + "\n"))
	require.ErrorContains(t, err, "line 1")
	require.ErrorContains(t, err, "line 3")
	require.Len(t, keys, 1)
	_, err = ParseKeys(make([]byte, maxKeysFile+1))
	require.ErrorContains(t, err, "larger")
}

func TestWeakKeysAreRefused(t *testing.T) {
	line := func(bits int) string {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		require.NoError(t, err)
		pub, err := gossh.NewPublicKey(&k.PublicKey)
		require.NoError(t, err)
		return string(gossh.MarshalAuthorizedKey(pub))
	}
	t.Setenv("GODEBUG", "rsa1024min=0")
	_, err := ParseKeys([]byte(line(1024)))
	require.ErrorContains(t, err, "too short")
	_, err = ParseKeys([]byte(line(2048)))
	require.NoError(t, err)
}

func TestAKeyIsGoodUntilItsEnd(t *testing.T) {
	keys, err := ParseKeys([]byte(`expiry-time="20270301Z" ` + keyA + " a\n" + `role="operator" ` + keyA + " again\n"))
	require.NoError(t, err)
	pub, _, _, _, err := gossh.ParseAuthorizedKey([]byte(keyA))
	require.NoError(t, err)
	other, _, _, _, err := gossh.ParseAuthorizedKey([]byte(keyB))
	require.NoError(t, err)
	end := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	k, ok := keys.Find(pub, end.Add(-time.Nanosecond))
	require.True(t, ok)
	require.Equal(t, Viewer, k.Role, "the first line counts")
	k, ok = keys.Find(pub, end)
	require.False(t, ok)
	require.Equal(t, "a", k.Name, "it is known who it was")
	_, ok = keys.Find(other, end)
	require.False(t, ok)
}

func TestTheFileOfKeysIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authorized_keys")
	write := func(text string, mode os.FileMode) {
		require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
		require.NoError(t, os.Chmod(path+".new", mode))
		require.NoError(t, os.Rename(path+".new", path))
	}
	pub, _, _, _, err := gossh.ParseAuthorizedKey([]byte(keyA))
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)

	_, err = OpenKeys(path, log)
	require.ErrorContains(t, err, "no such file")
	write("# nobody\n", 0o600)
	_, err = OpenKeys(path, log)
	require.ErrorContains(t, err, "nobody could come in")
	write(keyA+" alice\n", 0o622)
	_, err = OpenKeys(path, log)
	require.ErrorContains(t, err, "chmod go-w")
	write("nonsense\n"+keyA+" alice\n", 0o600)
	_, err = OpenKeys(path, log)
	require.ErrorContains(t, err, "line 1")
	write(keyA+" alice\n", 0o644)
	f, err := OpenKeys(path, log)
	require.NoError(t, err)
	found := func() bool { _, ok := f.Find(pub); return ok }
	require.True(t, found())

	write(keyB+" bob\n", 0o600)
	f.look()
	require.False(t, found(), "it was taken out")
	write("nonsense\n"+keyA+" alice\n", 0o600)
	f.look()
	require.True(t, found(), "the lines that are right count")
	require.NoError(t, os.Chmod(path, 0o666))
	f.look()
	require.False(t, found(), "anybody could have written it")
	write(keyA+" alice\n", 0o600)
	f.look()
	require.True(t, found())
	require.NoError(t, os.Remove(path))
	f.look()
	require.True(t, found(), "an editor replaces it")
	f.look()
	f.look()
	require.False(t, found(), "it stays away")
	write(keyA+" alice\n", 0o600)
	f.look()
	require.True(t, found())
}

func FuzzParseKeys(f *testing.F) {
	for _, s := range []string{keyA, `role="operator",expiry-time="20270301" ` + keyA + " a", "# x\n\n", `from="10.0.0.0/8" ` + keyB, `role="a\"b" ` + keyA} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := ParseKeys(data)
		for _, k := range keys {
			require.NotEmpty(t, k.marshalled)
			require.LessOrEqual(t, len(k.Name), maxName+3)
			require.NotContains(t, k.Name, "\x1b")
			if k.Role == Operator {
				require.Contains(t, strings.ToLower(string(data)), "role")
			}
		}
		_ = err // any data may be wrong
	})
}
