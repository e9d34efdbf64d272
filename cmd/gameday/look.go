package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"gameday/themes"
	"gameday/tui"
)

// themeEvery is how often a theme's file is looked at.
const themeEvery = 500 * time.Millisecond

// chosenTheme is what --theme means: the name of an embedded theme, or a file with one of the operator's own.
type chosenTheme struct {
	name string
	all  []*themes.Theme // nil: the embedded ones
	file string          // "" for an embedded one
	data []byte          // of the file when it was read
}

// chooseTheme finds a theme. A name with a dot or a slash is a file.
func chooseTheme(nameOrFile string) (chosenTheme, error) {
	if nameOrFile == "" {
		return chosenTheme{}, nil
	}
	if !strings.ContainsAny(nameOrFile, "./\\") {
		_, err := themes.ByName(nameOrFile)
		if err != nil {
			err = fmt.Errorf("%w; or name a file, such as ./mine.toml", err)
		}
		return chosenTheme{name: nameOrFile}, err
	}
	data, t, err := readTheme(nameOrFile)
	if err != nil {
		return chosenTheme{}, err
	}
	all := slices.DeleteFunc(themes.All(), func(o *themes.Theme) bool { return o.Name == t.Name })
	return chosenTheme{t.Name, append(all, t), nameOrFile, data}, nil
}

// readTheme reads a theme's file, and no more of it than a theme has.
func readTheme(file string) ([]byte, *themes.Theme, error) {
	if err := readable(file); err != nil {
		return nil, nil, fmt.Errorf("theme: %w", err)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, fmt.Errorf("theme: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, themes.MaxFile+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, nil, fmt.Errorf("theme: read %s: %w", file, err)
	}
	t, err := themes.Parse(file, data)
	return data, t, err
}

// follow tells of the theme's file each time that it was saved, until ctx ends or stop is called, which waits for it. An
// editor may replace the file or write it in steps: what is told of is what stands there when it has changed, and a half
// that cannot be read is told of once and mended by the next half.
func (c chosenTheme) follow(ctx context.Context) (<-chan tui.Restyled, func()) {
	if c.file == "" {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	out := make(chan tui.Restyled)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(out)
		name, last, said := c.name, c.data, ""
		tick := time.NewTicker(themeEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			data, t, err := readTheme(c.file)
			if err == nil && slices.Equal(data, last) || err != nil && err.Error() == said || errors.Is(err, os.ErrNotExist) {
				continue // an editor that replaces a file takes it away first
			}
			r := tui.Restyled{Of: name, Theme: t, Err: err}
			said = ""
			if err != nil {
				said, last = err.Error(), nil
			} else {
				name, last = t.Name, data
			}
			select {
			case out <- r:
			case <-ctx.Done():
				return
			}
		}
	})
	return out, func() { cancel(); wg.Wait() }
}
