package reference_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/reference"
)

func TestReferences(t *testing.T) {
	t.Setenv("REFERENCE_TEST", "s3cret")
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("from file\n"), 0o600))
	got, err := reference.Expand("Bearer " + reference.Env("REFERENCE_TEST") + " " + reference.File(file) + " ${other}")
	require.NoError(t, err)
	require.Equal(t, "Bearer s3cret from file ${other}", got)

	ref, ok := reference.EnvOr("REFERENCE_TEST_NONE", "localhost:80")
	require.True(t, ok)
	got, err = reference.Expand(ref)
	require.NoError(t, err)
	require.Equal(t, "localhost:80", got)

	long := filepath.Join(t.TempDir(), "long")
	require.NoError(t, os.WriteFile(long, []byte(strings.Repeat("x", 70<<10)), 0o600))
	for text, want := range map[string]string{
		"${env:REFERENCE_TEST_NONE}": "REFERENCE_TEST_NONE is not set",
		"${env:a b}":                 "no name of a variable",
		"${file:secret}":             "not an absolute path",
		"${file:/none/such}":         "no such file",
		reference.File(os.TempDir()): "no regular file",
		reference.File(long):         "more than 64 kB",
	} {
		_, err := reference.Expand(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestASecretIsNeverPrinted(t *testing.T) {
	t.Setenv("REFERENCE_TEST", "s3cret")
	var s reference.Secret
	require.True(t, s.IsZero())
	require.NoError(t, s.UnmarshalScalar("open-${env:REFERENCE_TEST}"))
	got, err := s.Reveal()
	require.NoError(t, err)
	require.Equal(t, "open-s3cret", got)
	data, err := json.Marshal(map[string]any{"s": s, "list": []reference.Secret{s}})
	require.NoError(t, err)
	for _, text := range []string{string(data), fmt.Sprint(s), fmt.Sprintf("%+v %#v %q", struct{ S reference.Secret }{s}, s, s)} {
		require.Contains(t, text, "secret")
		require.NotContains(t, text, "open-")
	}
	require.Error(t, s.UnmarshalScalar("${env:a b}"))
}
