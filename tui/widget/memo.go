package widget

// Memo keeps the rows of the last drawing for as long as nothing they depend on has changed. Callers must not change
// the rows they are handed.
type Memo[K comparable] struct {
	key  K
	rows []string
}

// Rows returns the rows kept for key, or builds and keeps them.
func (m *Memo[K]) Rows(key K, build func() []string) []string {
	if m.rows == nil || m.key != key {
		m.key, m.rows = key, build()
	}
	return m.rows
}
