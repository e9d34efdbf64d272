// Package reference fills in values that a document only refers to, such as secrets: ${env:NAME} is a variable of the
// environment, ${env:NAME:-text} the same with what stands for it when it is not set, ${file:/path} what a file holds. They are read when they are needed and are never written anywhere, so
// that neither a document nor a journal holds them.
package reference

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const maxFile = 64 << 10 // bytes of a file that is referred to

var (
	form     = regexp.MustCompile(`\$\{(env|file):([^}]*)\}`)
	variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// Is reports whether a name in ${name} is a reference.
func Is(name string) bool { return strings.HasPrefix(name, "env:") || strings.HasPrefix(name, "file:") }

// Env is the reference to a variable of the environment.
func Env(name string) string { return "${env:" + name + "}" }

// EnvOr is the reference to a variable of the environment that need not be set. ok is false when the text cannot stand in
// a reference.
func EnvOr(name, otherwise string) (ref string, ok bool) {
	return "${env:" + name + ":-" + otherwise + "}", !strings.ContainsAny(otherwise, "{}")
}

// File is the reference to a file.
func File(path string) string { return "${file:" + path + "}" }

// Check reports references in a text that no value can ever be found for.
func Check(text string) error {
	for _, m := range form.FindAllStringSubmatch(text, -1) {
		switch {
		case m[1] == "env" && !variable.MatchString(varName(m[2])):
			return fmt.Errorf("%q is no name of a variable of the environment", m[2])
		case m[1] == "file" && !filepath.IsAbs(m[2]):
			return fmt.Errorf("%q is not an absolute path of a file", m[2])
		}
	}
	return nil
}

// Expand fills the references of a text in. The error names the variable or file that is not there, never a value.
func Expand(text string) (string, error) {
	if err := Check(text); err != nil {
		return "", err
	}
	var failed error
	out := form.ReplaceAllStringFunc(text, func(s string) string {
		m := form.FindStringSubmatch(s)
		value, err := lookup(m[1], m[2])
		if err != nil && failed == nil {
			failed = err
		}
		return value
	})
	if failed != nil {
		return "", failed
	}
	return out, nil
}

func varName(s string) string {
	name, _, _ := strings.Cut(s, ":-")
	return name
}

func lookup(kind, name string) (string, error) {
	if kind == "env" {
		name, otherwise, optional := strings.Cut(name, ":-")
		value, ok := os.LookupEnv(name)
		if !ok && optional {
			return otherwise, nil
		}
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set", name)
		}
		return value, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, errors.Unwrap(err))
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("read %s: it is no regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, errors.Unwrap(err))
	}
	defer f.Close() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read %s: %w", name, err)
	case len(data) > maxFile:
		return "", fmt.Errorf("read %s: it has more than %d kB", name, maxFile>>10)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}
