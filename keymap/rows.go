package keymap

// Rows is by how many rows an action moves a cursor in a list of n rows of which a page is on the screen, negative for up; the ends
// of the list are for whoever moves to keep. moves is false for an action that moves none.
func (a Action) Rows(page, n int) (by int, moves bool) {
	switch a {
	case Up:
		return -1, true
	case Down:
		return 1, true
	case PageUp:
		return -page, true
	case PageDown:
		return page, true
	case Top:
		return -n, true
	case Bottom:
		return n, true
	}
	return 0, false
}
