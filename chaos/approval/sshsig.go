package approval

import (
	"bytes"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// The format is OpenSSH's PROTOCOL.sshsig: an armoured blob with the public key, the namespace and a signature over the
// hash of the text.
const (
	magic       = "SSHSIG"
	sigVersion  = 1
	armorBegin  = "-----BEGIN SSH SIGNATURE-----"
	armorEnd    = "-----END SSH SIGNATURE-----"
	hashName    = "sha512"
	armorColumn = 70
)

// blob is what lies in the armour, after the magic.
type blob struct {
	Version   uint32
	PublicKey string
	Namespace string
	Reserved  string
	Hash      string
	Signature string
}

// signed is what the key signs, after the magic.
type signed struct {
	Namespace string
	Reserved  string
	Hash      string
	Digest    string
}

func message(namespace, hashAlgorithm string, text []byte) ([]byte, error) {
	var digest []byte
	switch hashAlgorithm {
	case "sha512":
		sum := sha512.Sum512(text)
		digest = sum[:]
	case "sha256":
		digest = sha256sum(text)
	default:
		return nil, fmt.Errorf("the signature's hash %.20q is not known", hashAlgorithm)
	}
	return append([]byte(magic), ssh.Marshal(signed{Namespace: namespace, Hash: hashAlgorithm, Digest: string(digest)})...), nil
}

// Sign writes the approval and signs it. Only Ed25519 keys sign.
func Sign(a Approval, signer ssh.Signer) ([]byte, error) {
	text, err := a.Text()
	if err != nil {
		return nil, err
	}
	key := signer.PublicKey()
	if err := goodKey(key); err != nil {
		return nil, fmt.Errorf("sign approval: %w", err)
	}
	msg, err := message(Namespace, hashName, text)
	if err != nil {
		return nil, err
	}
	sig, err := signer.Sign(rand.Reader, msg)
	if err != nil {
		return nil, fmt.Errorf("sign approval with %s: %w", ssh.FingerprintSHA256(key), err)
	}
	raw := append([]byte(magic), ssh.Marshal(blob{Version: sigVersion, PublicKey: string(key.Marshal()), Namespace: Namespace,
		Hash: hashName, Signature: string(ssh.Marshal(sig))})...)
	var b bytes.Buffer
	b.Write(text)
	b.WriteString(armorBegin + "\n")
	for enc := base64.StdEncoding.EncodeToString(raw); enc != ""; {
		n := min(armorColumn, len(enc))
		b.WriteString(enc[:n] + "\n")
		enc = enc[n:]
	}
	b.WriteString(armorEnd + "\n")
	return b.Bytes(), nil
}

// signature is a parsed blob.
type signature struct {
	key  ssh.PublicKey
	sig  *ssh.Signature
	hash string
}

// split takes a file apart into the text and its signature.
func split(file []byte) (text []byte, sig signature, err error) {
	if len(file) > maxFile {
		return nil, sig, fmt.Errorf("it has more than %d kB", maxFile>>10)
	}
	file = bytes.ReplaceAll(file, []byte("\r\n"), []byte("\n"))
	at := bytes.Index(file, []byte(armorBegin))
	if at < 0 {
		return nil, sig, errors.New("it is not signed")
	}
	armor := strings.TrimSpace(string(file[at:]))
	body, ok := strings.CutSuffix(strings.TrimPrefix(armor, armorBegin), armorEnd)
	if !ok || strings.Contains(body, "-") {
		return nil, sig, errors.New("its signature is cut off, or something follows it")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		return nil, sig, errors.New("its signature is damaged: it is not base64")
	}
	sig, err = parseBlob(raw)
	return file[:at], sig, err
}

func parseBlob(raw []byte) (sig signature, err error) {
	rest, ok := bytes.CutPrefix(raw, []byte(magic))
	var b blob
	if !ok || ssh.Unmarshal(rest, &b) != nil || b.Version != sigVersion {
		return sig, errors.New("its signature is not an SSH signature of version 1")
	}
	if b.Namespace != Namespace {
		return sig, fmt.Errorf("its signature was made for %.40q, not for %s", b.Namespace, Namespace)
	}
	sig.hash = b.Hash
	if sig.key, err = ssh.ParsePublicKey([]byte(b.PublicKey)); err != nil {
		return sig, errors.New("its signature holds no public key")
	}
	if err := goodKey(sig.key); err != nil {
		return sig, err
	}
	sig.sig = &ssh.Signature{}
	if err := ssh.Unmarshal([]byte(b.Signature), sig.sig); err != nil {
		return sig, errors.New("its signature is damaged")
	}
	return sig, nil
}

// verify returns the key that has signed the text.
func (s signature) verify(text []byte) (ssh.PublicKey, error) {
	msg, err := message(Namespace, s.hash, text)
	if err != nil {
		return nil, err
	}
	if err := s.key.Verify(msg, s.sig); err != nil {
		return nil, errors.New("its signature is wrong: the text was changed after it was signed, or another key made it")
	}
	return s.key, nil
}

// goodKey admits Ed25519 keys, also those of a hardware token.
func goodKey(key ssh.PublicKey) error {
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519:
		return nil
	}
	return fmt.Errorf("the key is of type %s; make one with ssh-keygen -t ed25519", key.Type())
}
