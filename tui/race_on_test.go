//go:build race

package tui

// raceOn makes the slowest tests take larger steps under the race detector.
const raceOn = true
