package probe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const (
	maxOutput   = 64 << 10               // of a program, kept for the reading; what is longer is an error
	maxComplain = 400                    // of what it says on stderr
	killedAfter = 500 * time.Millisecond // for its pipes to end once it has been killed
)

// commandMeasurer runs the program for each reading. It gets an environment of its own and its own process group, which
// is killed when the time is over. Whatever keeps it from giving its reading is an error, not a fact about the target.
func (p *Probe) commandMeasurer(c Command, vars map[string]string) (func(context.Context) Reading, error) {
	extract, err := c.extractor()
	if err != nil {
		return nil, err
	}
	argv := c.Run
	if c.Shell != "" {
		argv = []string{"/bin/sh", "-c", c.Shell}
	}
	env := c.environment(vars)
	return func(ctx context.Context) Reading {
		if err := ctx.Err(); err != nil {
			return noData("the measurement was stopped")
		}
		var out, complaint bounded
		out.max, complaint.max = maxOutput, maxComplain
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = c.Dir, env, &out, &complaint, killedAfter
		if cmd.Dir == "" {
			cmd.Dir = "/"
		}
		ownGroup(cmd)
		start := time.Now()
		err := cmd.Run()
		took := time.Since(start)
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return noData("the measurement was stopped")
		case ctx.Err() != nil:
			return faulty(fmt.Errorf("%s did not end within %s", argv[0], p.config.TimeoutOrDefault()))
		case errors.Is(err, exec.ErrWaitDelay):
			endGroup(cmd) // it holds the pipe, so the group's number is still its own
			return faulty(fmt.Errorf("%s ended and left something running that holds its output", argv[0]))
		}
		return p.ran(c, argv[0], err, &out, &complaint, took, extract)
	}, nil
}

// ran is the reading of a program that ended, or could not be started.
func (p *Probe) ran(c Command, name string, err error, out, complaint *bounded, took time.Duration, extract func(string) (string, error)) Reading {
	var exit *exec.ExitError
	code := 0
	switch {
	case err == nil:
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		code = exit.ExitCode()
	case errors.As(err, &exit):
		return faulty(fmt.Errorf("%s was ended by a signal: %s", name, exit.ProcessState))
	default:
		return faulty(fmt.Errorf("%s could not be run: %w", name, err))
	}
	if c.measured() == "exit" {
		r := p.number(float64(code), noTrace)
		if said := complaint.line(); code != 0 && said != "" {
			r.Err = clean(said)
		}
		return r
	}
	if code != 0 {
		return faulty(fmt.Errorf("%s ended with %d: %s", name, code, complaint.line()))
	}
	if c.measured() == "latency" {
		return p.number(took.Seconds(), noTrace)
	}
	if out.cut {
		return faulty(fmt.Errorf("%s printed more than %d kB", name, maxOutput>>10))
	}
	s := strings.TrimSpace(string(out.kept))
	if c.measured() == "stdout" {
		return text(s)
	}
	return p.taken(s, extract, c.measured() == "number" || c.Measure == "number")
}

// environment is what the program gets to know.
func (c Command) environment(vars map[string]string) []string {
	env := map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": os.Getenv("HOME"), "LANG": "C.UTF-8"}
	for name, v := range vars {
		env["GAMEDAY_"+strings.ToUpper(strings.Map(wordOnly, name))] = v
	}
	for _, name := range c.Inherit {
		if v, ok := os.LookupEnv(name); ok {
			env[name] = v
		}
	}
	maps.Copy(env, c.Env)
	out := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}

func wordOnly(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '_'
}

// bounded keeps the beginning of what is written to it and takes the rest, so that the writer never blocks.
type bounded struct {
	kept []byte
	max  int
	cut  bool
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	room := b.max - len(b.kept)
	b.cut = b.cut || len(p) > room
	b.kept = append(b.kept, p[:min(room, len(p))]...)
	return len(p), nil
}

// line is the first line of what was written.
func (b *bounded) line() string {
	s, _, _ := strings.Cut(strings.TrimSpace(string(b.kept)), "\n")
	return s
}
