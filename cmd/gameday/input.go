package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"

	"gameday/sources/sanitize"
	"gameday/sources/spec"
)

// inputFile takes files that are to be read from the command line, as arguments and as flags of type existingfile, and says
// what is wrong with them before anything is started. It takes the place of kong's own, which names the file twice and knows
// nothing better to do.
type inputFile struct{}

// Decode implements kong.Mapper.
func (inputFile) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	var files []string
	if target.Kind() == reflect.Slice && ctx.Value.Flag == nil {
		for _, t := range ctx.Scan.PopWhile(func(t kong.Token) bool { return t.IsValue() }) {
			files = append(files, t.String())
		}
	} else {
		var file string
		if err := ctx.Scan.PopValueInto("file", &file); err != nil {
			return err
		}
		if files = []string{file}; target.Kind() == reflect.Slice {
			files = kong.SplitEscaped(file, ctx.Value.Tag.Sep)
		}
	}
	for _, file := range files {
		if rest, ok := strings.CutPrefix(file, "~/"); ok { // of a flag, whose ~ no shell has replaced
			if home, err := os.UserHomeDir(); err == nil {
				file = filepath.Join(home, rest)
			}
		}
		if err := readable(file); err != nil {
			return inputError{err}
		}
		if target.Kind() == reflect.Slice {
			target.Set(reflect.Append(target, reflect.ValueOf(file)))
		} else {
			target.SetString(file)
		}
	}
	return nil
}

// inputError is what is wrong with a file that was named on the command line.
type inputError struct{ error }

// readable says what keeps a file from being read, and what to do about it. What is no plain file, such as a pipe, is left to
// whoever reads it: looking at it would take its content away.
func readable(file string) error {
	shown := sanitize.Line(file, 500)
	info, err := os.Stat(file)
	switch {
	case file == "":
		return errors.New("a file is to be named, and its name is empty")
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no such file: %s%s", shown, instead(file))
	case err != nil:
		return cannotRead(file, err)
	case info.IsDir():
		return fmt.Errorf("%s is a folder: name a file in it", shown)
	case !info.Mode().IsRegular():
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return cannotRead(file, err)
	}
	return f.Close()
}

func cannotRead(file string, err error) error {
	if at := new(fs.PathError); errors.As(err, &at) {
		err = at.Err // it names the file too
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("cannot read %s: %w; its owner can let you: chmod a+r, and a+x for the folders above it", sanitize.Line(file, 500), err)
	}
	return fmt.Errorf("cannot read %s: %w", sanitize.Line(file, 500), err)
}

// instead says where a file that is not there may be: under a name that is nearly the same, or nowhere, because its folder is
// not there either.
func instead(file string) string {
	dir, name := filepath.Split(file)
	d, err := os.Open(filepath.Clean(dir + "."))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("; its folder %s is not there", sanitize.Line(filepath.Clean(dir), 500))
	}
	if err != nil {
		return ""
	}
	defer d.Close()                        // it is only read
	names, err := d.Readdirnames(maxNames) // the end of a short folder is an error as well
	if err != nil && len(names) == 0 {
		return ""
	}
	if near, ok := spec.Nearest(name, names); ok {
		return fmt.Sprintf("; did you mean %s?", sanitize.Line(dir+near, 500))
	}
	return ""
}

// maxNames bounds how many names of a folder are looked at.
const maxNames = 10_000
