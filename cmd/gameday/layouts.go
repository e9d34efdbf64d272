package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"gameday/cmd/gameday/remote"
	"gameday/engine/atomicfile"
	"gameday/tui"
)

// maxLayouts is the largest file of layouts that is read, in bytes; what is written is a few hundred.
const maxLayouts = 64 << 10

// layoutsVersion is that of the file.
const layoutsVersion = 1

// layoutFile is where the sizes and arrangements of a person's workspaces are kept. Its methods may be called from any
// goroutine.
type layoutFile struct {
	path string
	log  func(format string, args ...any)
	mu   sync.Mutex
}

// layoutDoc is the file.
type layoutDoc struct {
	Version    int         `json:"version"`
	Workspaces tui.Layouts `json:"workspaces"`
}

// layouts is the file of whoever runs this program, below the directory for what he need not look after.
func layouts(state string, log func(string, ...any)) *layoutFile {
	return &layoutFile{path: filepath.Join(state, "layouts.json"), log: log}
}

// layoutsOf is the file of somebody who comes over SSH, by the key that he signed with.
func layoutsOf(state string, who remote.Key, log func(string, ...any)) *layoutFile {
	return &layoutFile{path: filepath.Join(state, "layouts-"+who.ID()+".json"), log: log}
}

// open reads the file. What cannot be read is put aside, so that it is told of once, and the workspaces are as they came.
func (f *layoutFile) open() (made tui.Layouts, broken error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	made, err := f.read()
	if err == nil {
		return made, nil
	}
	aside := f.path + ".broken"
	if moved := os.Rename(f.path, aside); moved != nil {
		f.log("layouts: %v", errors.Join(err, moved))
		return nil, fmt.Errorf("the layouts in %s cannot be read: %w; remove the file, or let gameday's user read it", f.path, err)
	}
	f.log("layouts: %v", err)
	return nil, fmt.Errorf("the layouts in %s cannot be read and are put aside as %s: %w", f.path, filepath.Base(aside), err)
}

func (f *layoutFile) read() (tui.Layouts, error) {
	file, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxLayouts+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if len(data) > maxLayouts {
		return nil, fmt.Errorf("it is longer than %d bytes", maxLayouts)
	}
	var doc layoutDoc
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if doc.Version != layoutsVersion {
		return nil, fmt.Errorf("it is of version %d, this program knows %d", doc.Version, layoutsVersion)
	}
	return doc.Workspaces, nil
}

// keep writes what was changed over what is in the file now: another cockpit of the same person may have changed other
// workspaces. The file is replaced whole.
func (f *layoutFile) keep(changed tui.Layouts) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() {
		if err != nil {
			f.log("layouts: %v", err)
		}
	}()
	made, err := f.read()
	if err != nil {
		f.log("layouts: written anew: %v", err)
	}
	data, err := json.MarshalIndent(layoutDoc{layoutsVersion, made.Merge(changed)}, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(f.path, append(data, '\n'), 0o600)
}

// remembering is the cockpit with the workspaces as the person left them, which are kept again.
func (f *layoutFile) remembering(cfg tui.Config) tui.Config {
	made, broken := f.open()
	cfg.Layouts, cfg.Keep = made, f.keep
	if broken != nil {
		cfg.Notice = broken.Error()
	}
	return cfg
}
