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

// textEnd is below the last row of any text.
const textEnd = 1 << 30

// Scroll is the first row that is on the screen of a text after an action moved from top, for a page of rows at a time; where the text
// ends is for whoever draws it to keep. moves is false for an action that moves none.
func (a Action) Scroll(top, page int) (to int, moves bool) {
	by, moves := a.Rows(page, textEnd)
	return max(top+by, 0), moves
}
