package approval

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

func sha256sum(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// Signers is a list of who may sign, or of keys.
type Signers []signer

type signer struct {
	principals []string // patterns with * and ?
	key        ssh.PublicKey
	namespaces []string // patterns; empty: all
	after      time.Time
	before     time.Time // zero: no end
}

const maxLine = 16 << 10

// ParseSigners reads a list of allowed signers as ssh-keygen(1) has it: principals, options, key. The options namespaces,
// valid-after and valid-before are known; any other is an error, because leaving out a limit would widen it.
func ParseSigners(data []byte) (Signers, error) {
	var out Signers
	var errs []error
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		s, err := parseSigner(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("allowed signers, line %d: %w", n, err))
			continue
		}
		out = append(out, s)
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("read allowed signers: %w", err))
	}
	return out, errors.Join(errs...)
}

func parseSigner(line string) (s signer, err error) {
	who, rest, ok := cutWord(line)
	if !ok {
		return s, errors.New("a key must follow the name")
	}
	s.principals = strings.Split(strings.Trim(who, `"`), ",")
	key, _, options, more, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return s, errors.New("there is no public key such as ssh-ed25519 AAAA…")
	}
	if len(bytes.TrimSpace(more)) > 0 {
		return s, errors.New("more than one line")
	}
	s.key = key
	if err := goodKey(key); err != nil {
		return s, err
	}
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "namespaces":
			s.namespaces = strings.Split(value, ",")
		case "valid-after":
			s.after, err = sshTime(value)
		case "valid-before":
			s.before, err = sshTime(value)
		default:
			return s, fmt.Errorf("the option %.40q is not understood", name)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// cutWord splits at the first blank that is not in quotes.
func cutWord(line string) (word, rest string, ok bool) {
	quoted := false
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case (c == ' ' || c == '\t') && !quoted:
			return line[:i], strings.TrimSpace(line[i:]), true
		}
	}
	return line, "", false
}

// sshTime reads YYYYMMDD[Z] or YYYYMMDDHHMM[SS][Z]; without Z it is local time.
func sshTime(s string) (time.Time, error) {
	digits, utc := strings.CutSuffix(s, "Z")
	loc := time.Local
	if utc {
		loc = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(digits) == len(layout) {
			if t, err := time.ParseInLocation(layout, digits, loc); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%.20q is no time such as 20261231 or 202612312359Z", s)
}

// allows says whether the key may sign for that principal now.
func (ss Signers) allows(key ssh.PublicKey, principal string, now time.Time) error {
	why := fmt.Errorf("its key %s is not in the list of allowed signers", ssh.FingerprintSHA256(key))
	for _, s := range ss {
		if !bytes.Equal(s.key.Marshal(), key.Marshal()) {
			continue
		}
		switch {
		case !matchAny(s.principals, principal):
			why = fmt.Errorf("its key %s is not that of %s", ssh.FingerprintSHA256(key), principal)
		case len(s.namespaces) > 0 && !matchAny(s.namespaces, Namespace):
			why = fmt.Errorf("the key of %s may not sign approvals (namespaces)", principal)
		case now.Before(s.after) || !s.before.IsZero() && !now.Before(s.before):
			why = fmt.Errorf("the key of %s does not count at this time (valid-after, valid-before)", principal)
		default:
			return nil
		}
	}
	return why
}

// matchAny is OpenSSH's pattern list: a pattern with ! in front forbids whatever else allows it.
func matchAny(patterns []string, s string) (ok bool) {
	for _, p := range patterns {
		p, not := strings.CutPrefix(p, "!")
		if m, err := path.Match(strings.ReplaceAll(strings.ReplaceAll(p, `\`, `\\`), "[", `\[`), s); err == nil && m {
			if not {
				return false
			}
			ok = true
		}
	}
	return ok
}

func (ss Signers) knows(key ssh.PublicKey) bool {
	for _, s := range ss {
		if bytes.Equal(s.key.Marshal(), key.Marshal()) {
			return true
		}
	}
	return false
}

// OwnKeys are the public keys in a folder such as ~/.ssh: those of whoever works here. What cannot be read as an Ed25519
// key is left out; a folder that is not there holds none.
func OwnKeys(dir string) (Signers, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.pub"))
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	var out Signers
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // a link that leads nowhere, or a folder
		}
		if key, _, _, _, err := ssh.ParseAuthorizedKey(data); err == nil {
			out = append(out, signer{principals: []string{"*"}, key: key})
		}
	}
	return out, nil
}

// LoadKey reads a private key. ask is called for the passphrase when there is one; nil refuses such keys.
func LoadKey(file string, ask func() ([]byte, error)) (ssh.Signer, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		if ask == nil {
			return nil, fmt.Errorf("read key %s: it has a passphrase; sign with ssh-keygen -Y sign -n %s instead", file, Namespace)
		}
		pass, askErr := ask()
		if askErr != nil {
			return nil, fmt.Errorf("read key %s: %w", file, askErr)
		}
		key, err = ssh.ParsePrivateKeyWithPassphrase(data, pass)
	}
	if err != nil {
		return nil, fmt.Errorf("read key %s: it is no private key of OpenSSH, or the passphrase is wrong", file)
	}
	return key, nil
}
