package remote

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	gossh "golang.org/x/crypto/ssh"
)

// hostKeyFile is the host key's name in the state directory.
const hostKeyFile = "ssh_host_ed25519_key"

// HostKey is the server's own key. It is made at the first start, kept in dir for this user only, and never made anew while
// it is there: clients remember it.
func HostKey(dir string) (gossh.Signer, error) {
	path := filepath.Join(dir, hostKeyFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeHostKey(dir, path); err != nil {
			return nil, fmt.Errorf("make host key %s: %w", path, err)
		}
		info, err = os.Stat(path)
	}
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("host key %s: others can read it (mode %04o); if nobody has, chmod 600 it, else remove it and tell those who come in", path, mode)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	signer, err := gossh.ParsePrivateKey(data)
	if err != nil {
		return nil, fmt.Errorf("host key %s: %w; put back the right one, or remove it and tell those who come in", path, err)
	}
	return signer, nil
}

// makeHostKey writes a new key under another name first and links it: two servers that start at once end up with one key,
// and nobody ever reads half of one.
func makeHostKey(dir, path string) (err error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	block, err := gossh.MarshalPrivateKey(private, "gameday host key")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, hostKeyFile+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(pem.EncodeToMemory(block))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return nil // another one was faster
	}
	return err
}
