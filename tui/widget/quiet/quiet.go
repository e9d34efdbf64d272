// Package quiet keeps the charting library from talking to the terminal. The library brings version 1 of Lip Gloss and
// Bubble Tea along, whose init asks the terminal for its background colour and can wait five seconds for an answer.
//
// Go initialises packages whose imports are ready in the order of their paths: this one imports Lip Gloss only and sorts
// before everything on github.com, so that the question is already answered when Bubble Tea's init asks it.
package quiet

import "github.com/charmbracelet/lipgloss"

// init is against the house's habit, and the whole purpose of this package: nothing later is early enough.
func init() { lipgloss.SetHasDarkBackground(true) }
