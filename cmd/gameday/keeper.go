package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"gameday/chaos"
	"gameday/chaos/keeper"
	"gameday/engine"
)

// keeperCommand is the hidden subcommand by which this binary is the process that undoes what a dead session left.
const keeperCommand = "keeper"

// keeperMain waits for the session to end. When that was not an orderly end, it gives the terminal back and undoes
// what the journal says.
func keeperMain(args []string, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "gameday keeper: started by gameday itself, with the path of a journal")
		return exitCannotRun
	}
	journal, pipe := args[0], keeper.Pipe()
	gone, err := watchEnd(pipe)
	if err != nil {
		fmt.Fprintln(stderr, "gameday keeper:", err)
		return exitCannotRun
	}
	screen := make(chan error, 1)
	go func() {
		<-gone
		screen <- giveTerminalBack(journal)
	}()
	faults := engine.Catalog()
	debug.FreeOSMemory()
	forgetStart() // it waits from here on, nearly always
	err = keeper.Main(context.Background(), pipe, journal, faults)
	if err := errors.Join(err, <-screen); err != nil {
		fmt.Fprintln(stderr, "gameday keeper:", err)
		return exitRollbackFailed
	}
	return exitHeld
}

// recoverAll undoes what sessions left whose process is gone; with force also what live ones hold.
func recoverAll(ctx context.Context, state string, force bool) ([]chaos.Recovered, error) {
	dir := engine.JournalDir(state)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil, nil // no session has ever run here
	}
	faults := engine.Catalog()
	if force {
		return chaos.RecoverForced(ctx, dir, faults)
	}
	return chaos.Recover(ctx, dir, faults)
}
