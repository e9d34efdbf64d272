// Command gameday is a cockpit in the terminal for people responsible for running systems: live metrics, logs and
// traces joined by correlation ID, a load engine, and a chaos controller whose faults always come back out.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	_ "time/tzdata" // schedules name time zones, and not every machine has the list

	"github.com/alecthomas/kong"

	"gameday/chaos/fault/compute"
	"gameday/cmd/shop/service"
)

// The exit codes of every command.
const (
	exitHeld           = 0 // all went well; the hypothesis held
	exitBroken         = 1 // the hypothesis did not hold
	exitCannotRun      = 2 // bad input, or something that is needed is not there
	exitAborted        = 3 // ended early by the operator, a signal or an abort condition
	exitRollbackFailed = 4 // a fault could not be undone; the command that remains was printed
)

// cli is every command with its flags.
type cli struct {
	Demo       demoCmd       `cmd:"" help:"Open the cockpit on the embedded demo shop."`
	Watch      watchCmd      `cmd:"" help:"Open the cockpit on what sends OTLP here or is scraped."`
	Triage     triageCmd     `cmd:"" help:"Show everything about one request, from all sources at once."`
	Serve      serveCmd      `cmd:"" help:"Share one session among several people through SSH: operators and viewers."`
	Replay     replayCmd     `cmd:"" help:"Open the cockpit on a recording: pause, seek, search, as it was."`
	Snapshot   snapshotCmd   `cmd:"" help:"Print one screen of a recording or of the demo: text, ANSI or SVG."`
	Run        runCmd        `cmd:"" help:"Run an experiment without a terminal; the exit code is the verdict."`
	Approve    approveCmd    `cmd:"" help:"Agree to an experiment in production for somebody else to run."`
	Schedule   scheduleCmd   `cmd:"" help:"Run experiments by themselves, when a schedule says so."`
	Runs       runsCmd       `cmd:"" help:"List the runs that were kept."`
	Report     reportCmd     `cmd:"" help:"Tell about a run: HTML, Markdown, JSON or JUnit."`
	Diff       diffCmd       `cmd:"" help:"Compare two runs."`
	Load       loadCmd       `cmd:"" help:"Run load plans without a terminal, make them of other tools' files, read other tools' results."`
	Import     importCmd     `cmd:"" help:"Turn an experiment of Chaos Toolkit, LitmusChaos, Chaos Mesh or AWS FIS into one of gameday's."`
	Check      checkCmd      `cmd:"" help:"Check experiments, load plans and schedules; report every fault in them at once."`
	Rules      rulesCmd      `cmd:"" help:"Check Prometheus rule files."`
	Silence    silenceCmd    `cmd:"" help:"Keep alerts quiet that an experiment is going to raise, with the reason."`
	Faults     faultsCmd     `cmd:"" help:"List the faults that are in force on this machine, by whom and until when; or all there are."`
	Abort      abortCmd      `cmd:"" help:"Undo every fault of the sessions that run on this machine."`
	Recover    recoverCmd    `cmd:"" help:"Undo what a session that died may have left behind."`
	Incident   incidentCmd   `cmd:"" help:"List incidents, and write post-mortems."`
	Init       initCmd       `cmd:"" help:"Write a commented configuration for the systems that answer on this machine."`
	Sources    sourcesCmd    `cmd:"" help:"List the kinds of source that a configuration can name."`
	Doctor     doctorCmd     `cmd:"" help:"Say what this machine can do: which faults, and what the others lack."`
	Schema     schemaCmd     `cmd:"" help:"Print the JSON Schema of experiments, load plans or schedules, for editors."`
	Keys       keysCmd       `cmd:"" help:"Print every key of the cockpit."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Completion completionCmd `cmd:"" help:"Print the completion script of a shell: bash, zsh or fish."`
	Man        manCmd        `cmd:"" help:"Print the manual page: gameday man | man -l -"`
}

// exitError carries an exit code that is not the ordinary 2. A nil err has been told already.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

func main() {
	if len(os.Args) < 2 || os.Args[1] != shopCommand { // the shop's services each have a log of their own
		quietGRPC()
	}
	os.Exit(start(os.Args[1:], os.Stdout, os.Stderr))
}

// start runs the command line and returns the exit code. The hidden commands come first: they are other programs
// that live in the same file, and want neither flags nor help.
func start(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case shopCommand:
			return service.Main(context.Background(), args[1:])
		case keeperCommand:
			return keeperMain(args[1:], stderr)
		case compute.BurnCommand, compute.BallastCommand:
			return compute.Main(args[0], args[1:], os.Stdin, stdout, stderr)
		}
	}
	var c cli
	code := -1
	parser, err := kong.New(&c, kong.Name("gameday"),
		kong.Description("A cockpit for game days: watch a system, load it, break it, see why it hurts, take it back.\n\nStart with: gameday demo"),
		kong.Writers(stdout, stderr), kong.UsageOnError(), kong.Exit(func(n int) { code = n }),
		kong.BindTo(stdout, (*io.Writer)(nil)), kong.Bind(loadErrors{stderr}), kong.NamedMapper("existingfile", inputFile{}), kong.PostBuild(tellWindows),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(stderr, "gameday:", err)
		return exitCannotRun
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if code >= 0 { // --help ends here
		return code
	}
	if in := (inputError{}); errors.As(err, &in) { // the command line is right: its help would not mend the file
		return report(in, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "gameday: %v\nSee gameday --help.\n", err)
		return exitCannotRun
	}
	return report(ctx.Run(), stderr)
}

// report prints an error once and turns it into the exit code.
func report(err error, stderr io.Writer) int {
	if err == nil {
		return exitHeld
	}
	code := exitCannotRun
	var e exitError
	if errors.As(err, &e) {
		code = e.code
	}
	if err.Error() != "" {
		fmt.Fprintln(stderr, "gameday:", err)
	}
	return code
}
