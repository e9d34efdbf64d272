package remote

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"gameday/sources/sanitize"
)

// Role is what somebody may do at a shared session.
type Role uint8

// The roles. A key without one is a viewer's.
const (
	Viewer   Role = iota // looks, and leaves notes
	Operator             // starts and undoes things
)

// String is the role as the file of authorised keys has it.
func (r Role) String() string {
	if r == Operator {
		return "operator"
	}
	return "viewer"
}

// The bounds of a file of authorised keys.
const (
	maxKeysFile = 1 << 20
	maxName     = 32
	leastRSA    = 2048 // bits
)

// Key is one line of a file of authorised keys.
type Key struct {
	Name    string // from the line's comment; the fingerprint's beginning when there is none
	Role    Role
	Expires time.Time // zero: never
	From    string    // addresses and networks that it may come from, separated by commas; "" for all
	Line    int

	marshalled []byte
}

// Valid reports whether the key is good at that instant. The end is not part of its time.
func (k Key) Valid(now time.Time) bool { return k.Expires.IsZero() || now.Before(k.Expires) }

// ID tells keys apart in a file's name: the beginning of the key's SHA-256, in hexadecimal.
func (k Key) ID() string {
	sum := sha256.Sum256(k.marshalled)
	return hex.EncodeToString(sum[:10])
}

// Keys are who may come in.
type Keys []Key

// Find is the entry of a public key that is good now. A key that stands there twice has the rights of its first line, as with
// OpenSSH.
func (ks Keys) Find(pub gossh.PublicKey, now time.Time) (Key, bool) {
	return ks.find(pub.Marshal(), now)
}

func (ks Keys) find(want []byte, now time.Time) (Key, bool) {
	for _, k := range ks {
		if len(k.marshalled) == len(want) && subtle.ConstantTimeCompare(k.marshalled, want) == 1 {
			return k, k.Valid(now)
		}
	}
	return Key{}, false
}

// ParseKeys reads a file of authorised keys in OpenSSH's format (sshd(8)). The options are
//
//	role="viewer"|"operator"           what the key may do; viewer when not given
//	expiry-time="YYYYMMDD[HHMM[SS]][Z]" until when it is good: local time, or UTC with a Z
//	from="192.0.2.0/24,2001:db8::7"    where it may come from: addresses and networks, no names
//
// and those of OpenSSH that forbid what nobody can do here (restrict, no-port-forwarding, no-agent-forwarding,
// no-X11-forwarding, no-user-rc). The comment is the person's name. A line with anything else lets nobody in: an option that is
// not understood may have been meant to forbid something. All such lines are reported at once, with the keys of the others.
func ParseKeys(data []byte) (Keys, error) {
	if len(data) > maxKeysFile {
		return nil, fmt.Errorf("the file is larger than %d bytes: it cannot be a list of keys", maxKeysFile)
	}
	var keys Keys
	var errs []error
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, err := parseKey(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", i+1, err))
			continue
		}
		k.Line = i + 1
		keys = append(keys, k)
	}
	return keys, errors.Join(errs...)
}

func parseKey(line string) (Key, error) {
	pub, comment, options, _, err := gossh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return Key{}, errors.New("this is no public key in OpenSSH's format: write [options] type base64 name")
	}
	if _, cert := pub.(*gossh.Certificate); cert {
		return Key{}, errors.New("certificates are not supported: name each person's own public key")
	}
	if err := strong(pub); err != nil {
		return Key{}, err
	}
	k := Key{Name: personName(comment, pub), marshalled: pub.Marshal()}
	var errs []error
	seen := map[string]bool{}
	for _, o := range options {
		name, value, quoted := strings.Cut(o, "=")
		name = strings.ToLower(name)
		if seen[name] {
			errs = append(errs, fmt.Errorf("option %s is given twice", name))
			continue
		}
		seen[name] = true
		if quoted {
			value = unquote(value)
		}
		errs = append(errs, k.option(name, value, quoted))
	}
	return k, errors.Join(errs...)
}

// option takes one option of a line.
func (k *Key) option(name, value string, hasValue bool) (err error) {
	switch name {
	case "role":
		switch value {
		case "operator":
			k.Role = Operator
		case "viewer":
		default:
			return fmt.Errorf("role=%q: write viewer or operator", value)
		}
	case "expiry-time":
		k.Expires, err = parseExpiry(value)
	case "from":
		k.From, err = parseFrom(value)
	case "restrict", "no-port-forwarding", "no-agent-forwarding", "no-x11-forwarding", "no-user-rc":
		if hasValue {
			return fmt.Errorf("option %s takes no value", name)
		}
	default:
		return fmt.Errorf("option %s is not known here, so that the key is not let in: there are role, expiry-time, from and restrict", name)
	}
	return err
}

// unquote takes the quotes off a value, and the backslash that guards one within.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return strings.ReplaceAll(s[1:len(s)-1], `\"`, `"`)
	}
	return s
}

// parseExpiry reads a time as OpenSSH's expiry-time has it: YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, local, or UTC with a Z.
func parseExpiry(s string) (time.Time, error) {
	digits, zone := s, time.Local
	if z, utc := strings.CutSuffix(s, "Z"); utc {
		digits, zone = z, time.UTC
	}
	layout := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	if layout != "" && strings.Trim(digits, "0123456789") == "" {
		if t, err := time.ParseInLocation(layout, digits, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("expiry-time=%q: write YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with a Z for UTC", s)
}

// parseFrom reads a list of addresses and networks. Names and patterns are refused: they would have to be looked up, and
// whoever answers that would decide who comes in.
func parseFrom(s string) (string, error) {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if p, err := netip.ParsePrefix(part); err == nil {
			out = append(out, p.Masked().String())
			continue
		}
		a, err := netip.ParseAddr(part)
		if err != nil || a.Zone() != "" {
			return "", fmt.Errorf("from=%q: write addresses and networks such as 192.0.2.0/24, separated by commas; names and patterns are not supported", s)
		}
		out = append(out, a.String())
	}
	return strings.Join(out, ","), nil
}

// personName is a comment made fit for a screen.
func personName(comment string, pub gossh.PublicKey) string {
	name := strings.Join(strings.Fields(sanitize.Line(comment, maxName)), " ")
	if name == "" {
		name = gossh.FingerprintSHA256(pub)[:15]
	}
	return name
}

// strong refuses keys that nobody should rely on any more.
func strong(pub gossh.PublicKey) error {
	switch pub.Type() {
	case gossh.KeyAlgoED25519, gossh.KeyAlgoSKED25519, gossh.KeyAlgoECDSA256, gossh.KeyAlgoECDSA384, gossh.KeyAlgoECDSA521, gossh.KeyAlgoSKECDSA256:
		return nil
	case gossh.KeyAlgoRSA:
		if bits := rsaBits(pub); bits < leastRSA {
			return fmt.Errorf("an RSA key of %d bits is too short: take %d, or ed25519", bits, leastRSA)
		}
		return nil
	}
	return fmt.Errorf("keys of type %s are not accepted: take ed25519", pub.Type())
}
