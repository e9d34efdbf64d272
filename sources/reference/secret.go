package reference

// shown is what stands for a secret wherever somebody prints one.
const shown = "<secret>"

// Secret is a text of a configuration that nobody may see: a password, a token, the value of a header. It is best given by
// reference (${env:NAME}, ${file:/path}) and is only ever printed as <secret>. The zero value is no secret at all.
type Secret struct{ text string }

// NewSecret makes a secret of a text, which may hold references.
func NewSecret(text string) Secret { return Secret{text} }

// IsZero reports that none was given.
func (s Secret) IsZero() bool { return s.text == "" }

// Reveal looks the references up, now: a token in a file may have been replaced since. The error names the variable or
// the file that is not there, never a value.
func (s Secret) Reveal() (string, error) { return Expand(s.text) }

// UnmarshalScalar reads it from a document.
func (s *Secret) UnmarshalScalar(text string) error {
	if err := Check(text); err != nil {
		return err
	}
	s.text = text
	return nil
}

// JSONSchema says what a document may have in its place.
func (*Secret) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "description": "A secret; best given as ${env:NAME} or ${file:/path}."}
}

// String is <secret>, or "" when there is none.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return shown
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText is String, for every encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
