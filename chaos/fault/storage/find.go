// Package storage makes disks slow, full, read-only or faulty for what runs on them.
package storage

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"crypto/rand"

	"gameday/chaos"
)

// Finder finds directories that a selector names by their absolute path.
type Finder struct{}

// NewFinder returns the finder.
func NewFinder() *Finder { return &Finder{} }

// Targets are none: a machine's directories are only found on purpose.
func (*Finder) Targets(context.Context) ([]chaos.Target, error) { return nil, nil }

// Find returns the directory that the selector's name is the absolute path of.
func (*Finder) Find(_ context.Context, kind chaos.TargetKind, s chaos.Selector) ([]chaos.Target, error) {
	if kind != chaos.TargetPath || !filepath.IsAbs(s.Name) || len(s.Labels) > 0 || s.Service != "" {
		return nil, nil
	}
	if err := directory(s.Name); err != nil {
		return nil, err
	}
	return []chaos.Target{{Kind: chaos.TargetPath, Name: s.Name}}, nil
}

// directory says why a path is not a directory that may be named in an experiment, or nil. Symbolic links are refused:
// what they lead to can change between planning and undoing.
func directory(path string) error {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return fmt.Errorf("directory %q: write its absolute path, without . and .. and doubled or trailing slashes", path)
	}
	// A mount that this process serves must not be looked at by it; see serve.
	if m, err := mountOf(path); err == nil && strings.HasPrefix(m.Source, fuseSource) {
		return fmt.Errorf("directory %s: it has a storage.fuse fault already; undo that first", path)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("directory %s: %w", path, reason(err))
	}
	if real != path {
		return fmt.Errorf("directory %s: it lies behind a symbolic link; write %s", path, real)
	}
	fi, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("directory %s: %w", path, reason(err))
	}
	if !fi.IsDir() {
		return fmt.Errorf("directory %s: it is a file", path)
	}
	return nil
}

// reason is an error without the path that the sentence around it has already.
func reason(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// one checks that exactly one directory was selected, and returns it.
func one(kind string, targets []chaos.Target) (string, error) {
	if len(targets) != 1 || targets[0].Kind != chaos.TargetPath {
		return "", fmt.Errorf("%s: it takes one directory, such as target: {name: /var/lib/shop}", kind)
	}
	if err := directory(targets[0].Name); err != nil {
		return "", fmt.Errorf("%s: %w", kind, err)
	}
	return targets[0].Name, nil
}

func newTag() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	return hex.EncodeToString(raw[:])
}

// isTag reports whether s can have come from newTag.
func isTag(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 16
}

// below reports whether path is dir or lies in it.
func below(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// resolved are paths as they are without symbolic links, as far as they exist.
func resolved(paths []string) []string {
	var out []string
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			abs = p
		}
		if real, err := filepath.EvalSymlinks(abs); err == nil {
			abs = real
		}
		out = append(out, abs)
	}
	return out
}
