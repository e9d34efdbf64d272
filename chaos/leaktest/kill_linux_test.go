package leaktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// result is what became of it.
type result struct {
	plan
	moment moment
	died   bool          // somebody was killed, or asked to end
	then   bool          // so was the keeper or the recovery, at its work
	empty  bool          // an empty journal was left for the next start
	took   time.Duration // until the world was as before: since the signal, or since the recovery's start
	left   []string      // what was still there after ten seconds
	err    error         // what is wrong besides: the operator was not told, or nothing could be tried
	absent string        // why the fault cannot be had here
}

// promise is how soon nothing may be left, and patience how long a slow machine is given before it counts as a leak.
const (
	promise  = 10 * time.Second
	patience = 30 * time.Second
)

// lab does kills, one after the other, in its world.
type lab struct {
	*world
	program func(kind string) []string // program and arguments before the file
	lengths *lengths
}

// do does one kill. A session that ended before its moment came is tried again, now that its length is known.
func (l *lab) do(p plan) (r result) {
	for range 6 {
		r = l.once(p)
		if r.died || r.err != nil || len(r.left) > 0 || r.absent != "" {
			return r
		}
		if p.Call > 0 { // asked for by hand, and threads take turns as they like
			continue
		}
		if p.Record != "" {
			p.Record, p.Edge, p.From, p.Where = "", 0, "intent", 0.5 // it writes no such record
		}
		p.Where, p.Leaving = 0.6*p.Where, false
	}
	r.err = errors.New("the session always ended before it could be killed")
	return r
}

func (l *lab) once(p plan) (r result) {
	r.plan = p
	l.cases++
	home := filepath.Join(l.root, fmt.Sprint("h", l.cases))
	require.NoError(l.t, os.Mkdir(home, 0o700))
	if l.dead() || kills(p.Kind) {
		l.stop()
		l.start()
	}
	before := l.look(home, nil)
	if kills(p.Kind) { // it is not given back
		before["may be dead"] = ""
	}
	file := l.document(kinds()[p.Kind](l.world))
	d := &drive{lab: l, p: &r, home: home, before: before, hit: make(chan struct{}), stamp: l.lengths.get(p)}
	d.run(file)
	if r.absent == "" && r.err == nil && len(r.left) == 0 {
		d.told()
	}
	if len(r.left) > 0 || r.err != nil {
		r.err = errors.Join(r.err, d.evidence())
		d.heal()
	}
	require.NoError(l.t, os.RemoveAll(home))
	return r
}

// environment is that of gameday with its own home.
func environment(home string) []string {
	env := []string{"HOME=" + home, "XDG_STATE_HOME=" + home, "LANG=C.UTF-8",
		"GORACE=atexit_sleep_ms=0"} // this program, built with the race detector, would sleep a second at each of its ends
	for _, key := range []string{"PATH", "TMPDIR"} {
		if v, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+v)
		}
	}
	return env
}

// drive is one session on its way to its death.
type drive struct {
	*lab
	p      *result
	home   string
	before state
	hit    chan struct{}
	at     time.Time // of the signal
	stamp  span
	code   syscall.WaitStatus
	said   string // what the session printed
	f      *follower
}

func (d *drive) clean(since time.Time) {
	d.p.took, d.p.left = d.awaitClean(d.home, d.before, since, patience)
}

// run starts the session, kills whom the plan says, and waits until the world is as it was.
func (d *drive) run(file string) {
	out, err := os.CreateTemp(d.home, "out")
	require.NoError(d.t, err)
	defer out.Close()
	d.f = &follower{from: func(record, _ string) bool { return record == d.from() }, at: d.moment}
	ended := make(chan error, 1)
	go func() {
		ws, err := d.f.run(append(d.program(d.p.Kind), file), environment(d.home), out)
		d.code = ws
		ended <- err
	}()
	select {
	case <-d.hit:
		if d.p.How == byStop || d.p.How == byForce {
			d.whileStopped()
		}
		err = <-ended
	case err = <-ended:
	}
	over := time.Now()
	said, rerr := os.ReadFile(out.Name())
	d.said = string(said)
	if d.p.err = errors.Join(d.p.err, err, rerr); d.p.err != nil {
		return
	}
	d.lengths.learn(d.p.plan, d.f.n, d.f.kn)
	switch {
	case !d.p.died:
		d.clean(over)
		if d.f.n == 0 && !strings.Contains(d.said, "too few readings") { // it never came to a fault
			d.p.absent = strings.TrimSpace(d.said)
		}
		return
	case d.p.How == keeperOnly:
		d.clean(over)
	case d.p.How == both || d.p.How == recovering || d.p.How == keeperUndoing && d.p.then:
		d.recover()
	default:
		d.clean(d.at)
	}
}

// from is the record from which on calls are counted.
func (d *drive) from() string {
	if d.p.Record != "" {
		return "open"
	}
	return d.p.From
}

// moment is asked at every call, on the follower's thread.
func (d *drive) moment(m moment) order {
	if m.keeper {
		if m.n < d.stamp.keeper(d.p.Then) || m.leaving {
			return goOn
		}
		d.p.then = true
		_ = syscall.Kill(d.f.keeper, syscall.SIGKILL) // it is held right here
		return release
	}
	if d.p.died || !d.due(m) {
		return goOn
	}
	d.p.died, d.p.moment = true, m
	if d.p.Record == "" {
		d.p.Call, d.p.Where = m.n, 0
	}
	defer close(d.hit)
	session := d.f.pid
	var keeper int
	switch d.p.How {
	case keeperOnly, both, keeperUndoing, recovering:
		keeper = keeperOf(d.home) // none yet: the kill comes before it
	}
	if d.p.How == keeperUndoing && keeper != 0 {
		d.f.seize(keeper)
	}
	d.at = time.Now()
	switch d.p.How {
	case byTerm:
		_ = syscall.Kill(session, syscall.SIGTERM)
	case byHangup:
		_ = syscall.Kill(session, syscall.SIGHUP)
	case byStop, byForce:
		return freeze
	case keeperOnly:
		if keeper != 0 {
			_ = syscall.Kill(keeper, syscall.SIGKILL)
		}
	default:
		first, second := session, keeper
		if m.n%2 == 0 {
			first, second = keeper, session
		}
		for _, pid := range []int{first, second} {
			if pid == session || pid != 0 && d.p.How != keeperUndoing {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
	return release
}

func (d *drive) due(m moment) bool {
	if d.p.Record != "" {
		return m.record == d.p.Record && (d.p.Edge == 0 && m.call == "write" && !m.leaving ||
			d.p.Edge == 1 && m.call == "write" && m.leaving || d.p.Edge == 2 && m.call == "fsync" && m.leaving)
	}
	want := d.p.Call
	if want == 0 {
		want = d.stamp.session(d.p.Where)
	}
	return m.n == want && m.leaving == d.p.Leaving
}

// whileStopped is what happens between SIGSTOP and SIGKILL.
func (d *drive) whileStopped() {
	time.Sleep(100 * time.Millisecond)
	if d.p.How == byForce {
		begun := time.Now()
		out, err := d.command("recover", "--force")
		// A stopped session's proxies hold what they were told to; its own death ends that, and the recovery says so.
		if err != nil && !strings.Contains(out, fmt.Sprintf("is in force in gameday process %d, which is alive", d.f.pid)) {
			d.p.err = fmt.Errorf("recover --force over a stopped session: %w: %s", err, out)
		}
		d.p.took, d.p.left = d.awaitClean("nobody", d.before, begun, patience) // the session and its keeper live
	}
	d.at = time.Now()
	_ = syscall.Kill(d.f.pid, syscall.SIGKILL) // it is stopped, not gone
}

// recover is what the next start does, here by `gameday recover`.
func (d *drive) recover() {
	if d.p.How == recovering {
		out, err := os.CreateTemp(d.home, "recover")
		require.NoError(d.t, err)
		defer out.Close()
		f := &follower{from: func(_, path string) bool { return strings.HasSuffix(path, ".journal") }}
		f.at = func(m moment) order {
			if m.n < d.stamp.recovery(d.p.Then) {
				return goOn
			}
			d.p.then = true
			_ = syscall.Kill(f.pid, syscall.SIGKILL) // it is held right here
			return release
		}
		done := make(chan error, 1)
		go func() {
			_, err := f.run(append(d.program(d.p.Kind)[:1:1], "recover"), environment(d.home), out)
			done <- err
		}()
		if err := <-done; err != nil {
			d.p.err = err
			return
		}
		d.lengths.learnRecovery(d.p.plan, f.n)
	}
	begun := time.Now()
	out, err := d.command("recover")
	if err != nil {
		d.p.err = fmt.Errorf("recover: %w: %s", err, out)
	}
	d.clean(begun)
}

// command runs a command of a second terminal.
func (d *drive) command(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.program(d.p.Kind)[0], args...)
	cmd.Env = environment(d.home)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// told checks that the operator knows: by how the session ended, and from a second terminal.
func (d *drive) told() {
	if d.p.died && (d.p.How == byTerm || d.p.How == byHangup) {
		switch {
		case d.code.Signaled(): // it died before it could have touched anything
			if d.p.moment.record != "open" && d.p.From != "open" && d.p.Record != "open" {
				d.p.err = fmt.Errorf("it let itself be killed by %v instead of undoing: %s", d.code.Signal(), d.said)
			}
		case d.code.ExitStatus() == 3 && !strings.Contains(d.said, "undone") && !strings.Contains(d.said, "nothing was touched") && !strings.Contains(d.said, "before anything was touched"):
			d.p.err = fmt.Errorf("it ended with code 3 without a word about undoing: %s", d.said)
		case d.code.ExitStatus() == 4:
			d.p.err = fmt.Errorf("rollback failed: %s", d.said)
		}
	}
	out, err := d.command("faults")
	if err != nil || !strings.Contains(out, "no fault is in force") {
		d.p.err = errors.Join(d.p.err, fmt.Errorf("nothing is left, but `gameday faults` says: %s%w", out, orNil(err)))
	}
	if len(d.journals()) == 0 {
		return
	}
	d.p.empty = true
	if out, err := d.command("recover"); err != nil || len(d.journals()) > 0 {
		d.p.err = errors.Join(d.p.err, fmt.Errorf("a recovery leaves %v: %s %w", d.journals(), out, orNil(err)))
	}
}

func orNil(err error) error {
	if err == nil {
		return errors.New("")
	}
	return err
}

// journals are the files beside and in the journal's directory that a recovery would look at.
func (d *drive) journals() []string {
	all, _ := filepath.Glob(filepath.Join(journals(d.home), "*")) // the pattern is right
	return all
}

// evidence is all there is to find out what went wrong.
func (d *drive) evidence() error {
	again, _ := json.Marshal(d.p.plan) // it can be
	var b strings.Builder
	fmt.Fprintf(&b, "\nagain: GAMEDAY_LEAK_CASE='%s' go test -v -run Kill ./chaos/leaktest\nkilled %v\nit said: %s\n", again, d.p.moment, d.said)
	for _, path := range d.journals() {
		data, _ := os.ReadFile(path) // may be a socket
		fmt.Fprintf(&b, "%s: %q\n", filepath.Base(path), data)
	}
	for k, v := range d.look(d.home, nil) {
		fmt.Fprintf(&b, "%s: %q\n", k, v)
	}
	return errors.New(b.String())
}

// heal makes the world usable again after a leak, so that one is not counted many times.
func (d *drive) heal() {
	for _, p := range ours(d.home) {
		var pid int
		if _, err := fmt.Sscan(p, &pid); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL) // carries this session's home
		}
	}
	time.Sleep(100 * time.Millisecond)
	_, _ = d.command("recover") // what it cannot do fails the next kill as well
}

// kills reports whether a fault of this kind ends its target, which no undo gives back.
func kills(kind string) bool { return strings.HasSuffix(kind, ".kill") }

// mayBeDead removes what a kill of the target itself changes.
func mayBeDead(before, now state) {
	if _, ok := before["may be dead"]; !ok {
		return
	}
	now["may be dead"] = ""
	maps.DeleteFunc(now, func(k, _ string) bool { return strings.HasPrefix(k, "target") })
	for k, v := range before {
		if strings.HasPrefix(k, "target") {
			now[k] = v
		}
	}
}
