package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos/journal"
	"gameday/sources/signal"
)

// fake is a fault whose every step a test can make fail, hang or panic.
type fake struct {
	kind         string
	irreversible bool
	apply        func(ctx context.Context) error
	revert       func(ctx context.Context) error
	verify       func(ctx context.Context) error
	restore      func(undo json.RawMessage) error
	applied      atomic.Int32
	reverted     atomic.Int32
	live         atomic.Int32 // in force right now
}

func (f *fake) Kind() string   { return f.kind }
func (*fake) Hits() TargetKind { return TargetProcess }
func (*fake) Help() string     { return "nothing" }
func (*fake) Params() []Param {
	return []Param{{Name: "level", Type: "int", Default: 1, Min: 1, Max: 9}}
}
func (f *fake) Reversible() bool     { return !f.irreversible }
func (f *fake) Remedy([]byte) string { return "kill -CONT 1234" }
func (f *fake) Restore(_ context.Context, undo json.RawMessage) error {
	if f.restore != nil {
		return f.restore(undo)
	}
	return nil
}

func (f *fake) Plan(_ context.Context, ts []Target, _ Args) (Change, error) {
	return &fakeChange{f: f, ts: ts}, nil
}

type fakeChange struct {
	f  *fake
	ts []Target
	on atomic.Bool
}

func (c *fakeChange) Describe() Description {
	return Description{Title: c.ts[0].Name + " harmed", Undo: "unharm"}
}
func (c *fakeChange) Undo() json.RawMessage     { return json.RawMessage(fmt.Sprintf("%q", c.ts[0].Name)) }
func (c *fakeChange) Touched() (uint64, string) { return uint64(c.f.applied.Load()), "processes" }

func (c *fakeChange) Apply(ctx context.Context) error {
	c.f.applied.Add(1)
	if !c.on.Swap(true) {
		c.f.live.Add(1)
	}
	if c.f.apply != nil {
		return c.f.apply(ctx)
	}
	return nil
}

func (c *fakeChange) Revert(ctx context.Context) error {
	c.f.reverted.Add(1)
	if c.f.revert != nil {
		if err := c.f.revert(ctx); err != nil {
			return err
		}
	}
	if c.on.Swap(false) {
		c.f.live.Add(-1)
	}
	return nil
}

func (c *fakeChange) Verify(ctx context.Context) error {
	if c.f.verify != nil {
		return c.f.verify(ctx)
	}
	return nil
}

func inventory(names ...string) Inventory {
	return InventoryFunc(func(context.Context) ([]Target, error) {
		var ts []Target
		for _, n := range names {
			ts = append(ts, Target{Kind: TargetProcess, Name: n, Labels: map[string]string{"service": strings.TrimRight(n, "-0123456789"), "zone": "a"}})
		}
		ts = append(ts, Target{Kind: TargetLink, Name: "checkout→payment", Labels: map[string]string{"from": "checkout", "to": "payment"}})
		return ts, nil
	})
}

type timeline struct {
	mu     sync.Mutex
	events map[uint64]signal.Event
}

func (l *timeline) put(e signal.Event) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.events == nil {
		l.events = map[uint64]signal.Event{}
	}
	if e.ID == 0 {
		e.ID = uint64(len(l.events) + 1)
	}
	l.events[e.ID] = e
	return e.ID
}

func journalIn(t testing.TB, d, session string) *journal.Journal {
	j, err := journal.Create(d, session)
	require.NoError(t, err)
	return j
}

func jdir(t testing.TB) string {
	d := filepath.Join(t.TempDir(), "j")
	require.NoError(t, os.Mkdir(d, 0o700))
	return d
}

func controller(t testing.TB, cfg Config) *Controller {
	if cfg.Journal == nil {
		cfg.Journal = journalIn(t, jdir(t), "s1")
	}
	if cfg.Inventory == nil {
		cfg.Inventory = inventory("payment", "db-1", "db-2", "db-3")
	}
	c, err := NewController(cfg)
	require.NoError(t, err)
	return c
}

func inject(t testing.TB, c *Controller, r Request) string {
	t.Helper()
	p, err := c.Plan(t.Context(), r)
	require.NoError(t, err)
	id, err := c.Inject(t.Context(), p)
	require.NoError(t, err)
	return id
}

func state(t testing.TB, c *Controller, id string) signal.FaultState {
	t.Helper()
	for _, s := range c.States() {
		if s.ID == id {
			return s
		}
	}
	require.Fail(t, "no state of "+id)
	return signal.FaultState{}
}

var payment = Request{Kind: "test.harm", Select: Selector{Service: "payment"}, For: time.Minute}

func TestAFaultIsJournaledAppliedShownAndUndone(t *testing.T) {
	f := &fake{kind: "test.harm"}
	line := &timeline{}
	j := journalIn(t, jdir(t), "s1")
	f.apply = func(context.Context) error {
		c, err := journal.Read(j.Path())
		require.NoError(t, err)
		require.Len(t, c.Pending(), 1, "the intent is on disk before the first effect")
		require.False(t, c.Pending()[0].Armed)
		return nil
	}
	c := controller(t, Config{Journal: j, Faults: []Fault{f}, Event: line.put})
	id := inject(t, c, payment)
	s := state(t, c, id)
	require.Equal(t, signal.FaultArmed, s.Phase)
	require.Equal(t, []string{"payment"}, s.Targets)
	require.EqualValues(t, 1, s.Touched)
	require.True(t, line.events[1].Open)
	require.NoError(t, c.Undo(t.Context(), id))
	require.NoError(t, c.Undo(t.Context(), id))
	require.EqualValues(t, 1, f.reverted.Load())
	require.Equal(t, signal.FaultUndone, state(t, c, id).Phase)
	require.Len(t, line.events, 1, "one event per fault")
	require.False(t, line.events[1].Open)
	require.False(t, line.events[1].End.IsZero())
	contents, err := journal.Read(j.Path())
	require.NoError(t, err)
	require.Empty(t, contents.Pending())
	require.NoError(t, c.Close(t.Context()))
	require.NoFileExists(t, j.Path())
	_, err = c.Plan(t.Context(), payment)
	require.NoError(t, err)
	p, _ := c.Plan(t.Context(), payment)
	_, err = c.Inject(t.Context(), p)
	require.ErrorContains(t, err, "session has ended")
}

func TestAFaultEndsByItselfWhateverBecameOfTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{kind: "test.harm"}
		c := controller(t, Config{Faults: []Fault{f}})
		ctx, cancel := context.WithCancel(t.Context())
		p, err := c.Plan(ctx, payment)
		require.NoError(t, err)
		id, err := c.Inject(ctx, p)
		require.NoError(t, err)
		cancel()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		require.EqualValues(t, 1, f.live.Load())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Zero(t, f.live.Load())
		require.Equal(t, signal.FaultUndone, state(t, c, id).Phase)
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestWhatCannotBeWrittenIsNotDone(t *testing.T) {
	f := &fake{kind: "test.harm"}
	j := journalIn(t, jdir(t), "s1")
	c := controller(t, Config{Journal: j, Faults: []Fault{f}})
	require.NoError(t, j.Close(false))
	p, err := c.Plan(t.Context(), payment)
	require.NoError(t, err)
	_, err = c.Inject(t.Context(), p)
	require.ErrorContains(t, err, "nothing was touched")
	require.Zero(t, f.applied.Load())
	_, err = NewController(Config{Inventory: inventory()})
	require.ErrorContains(t, err, "journal")
}

func TestAFailedOrPanickingApplyIsTakenBack(t *testing.T) {
	for name, apply := range map[string]func(context.Context) error{
		"error": func(context.Context) error { return errors.New("half way") },
		"panic": func(context.Context) error { panic("half way") },
	} {
		f := &fake{kind: "test.harm", apply: apply}
		c := controller(t, Config{Faults: []Fault{f}})
		p, err := c.Plan(t.Context(), payment)
		require.NoError(t, err)
		_, err = c.Inject(t.Context(), p)
		require.ErrorContains(t, err, "half way", name)
		require.Zero(t, f.live.Load())
		require.Equal(t, signal.FaultUndone, c.States()[0].Phase)
		_, err = c.Inject(t.Context(), p)
		require.ErrorContains(t, err, "plan again")
		require.NoError(t, c.Close(t.Context()))
	}
}

func TestAHangingUndoIsTriedAgainThenAlarmedAndStopsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		defer close(never)
		var healed atomic.Bool
		bad := &fake{kind: "test.bad", revert: func(context.Context) error {
			if !healed.Load() {
				<-never
			}
			return nil
		}}
		good := &fake{kind: "test.good"}
		c := controller(t, Config{Faults: []Fault{bad, good}})
		badID := inject(t, c, Request{Kind: "test.bad", Select: Selector{Name: "payment"}})
		goodID := inject(t, c, Request{Kind: "test.good", Select: Selector{Name: "db-1"}})
		start := time.Now()
		errs := c.UndoAll(t.Context(), "operator")
		require.Len(t, errs, 1)
		require.ErrorContains(t, errs[0], "kill -CONT 1234")
		require.Less(t, time.Since(start), 17*time.Second, "three tries of 5 s")
		require.EqualValues(t, 3, bad.reverted.Load())
		require.Equal(t, signal.FaultUndone, state(t, c, goodID).Phase)
		s := state(t, c, badID)
		require.Equal(t, signal.FaultNeedsHuman, s.Phase)
		require.Equal(t, "kill -CONT 1234", s.Remedy)
		healed.Store(true)
		require.NoError(t, c.Undo(t.Context(), badID), "it can be tried again")
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestAnUndoThatFailsAtFirstOrPanicsIsRetried(t *testing.T) {
	n := 0
	f := &fake{kind: "test.harm", revert: func(context.Context) error {
		n++
		switch n {
		case 1:
			panic("oops")
		case 2:
			return errors.New("not yet")
		}
		return nil
	}}
	c := controller(t, Config{Faults: []Fault{f}})
	require.NoError(t, c.Undo(t.Context(), inject(t, c, payment)))
	require.Equal(t, 3, n)
	require.NoError(t, c.Close(t.Context()))
}

func TestTwentyFaultsAreUndoneTogetherAndTheLatchHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{kind: "test.harm", revert: func(context.Context) error { time.Sleep(400 * time.Millisecond); return nil }}
		c := controller(t, Config{Faults: []Fault{f}})
		for range 20 {
			inject(t, c, payment)
		}
		start := time.Now()
		require.Empty(t, c.UndoAll(t.Context(), "operator pressed ctrl+x"))
		require.Less(t, time.Since(start), time.Second)
		require.Zero(t, f.live.Load())
		p, err := c.Plan(t.Context(), payment)
		require.NoError(t, err)
		_, err = c.Inject(t.Context(), p)
		require.ErrorIs(t, err, ErrAborted)
		require.ErrorContains(t, err, "operator pressed ctrl+x")
		c.ResumeAfterAbort()
		_, err = c.Inject(t.Context(), p)
		require.NoError(t, err)
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestAbortCatchesAnInjectionOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{kind: "test.harm", apply: func(ctx context.Context) error { <-ctx.Done(); return nil }}
		c := controller(t, Config{Faults: []Fault{f}})
		p, err := c.Plan(t.Context(), payment)
		require.NoError(t, err)
		done := make(chan error)
		go func() { _, err := c.Inject(t.Context(), p); done <- err }()
		synctest.Wait()
		require.Empty(t, c.UndoAll(t.Context(), "stop"))
		require.ErrorIs(t, <-done, ErrAborted)
		require.Zero(t, f.live.Load())
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestAKillIsWatchedUntilTheTargetIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Bool
		f := &fake{kind: "test.kill", irreversible: true, verify: func(context.Context) error {
			if !back.Load() {
				return errors.New("still away")
			}
			return nil
		}}
		j := journalIn(t, jdir(t), "s1")
		c := controller(t, Config{Journal: j, Faults: []Fault{f}})
		id := inject(t, c, Request{Kind: "test.kill", Select: Selector{Service: "db", Pick: "one"}})
		contents, err := journal.Read(j.Path())
		require.NoError(t, err)
		require.Empty(t, contents.Pending(), "no one else has to undo a kill")
		time.Sleep(time.Second)
		require.True(t, state(t, c, id).Undone.IsZero())
		_, err = c.Plan(t.Context(), Request{Kind: "test.kill", Select: Selector{Service: "db"}, Blast: BlastRadius{MaxTargets: 2}})
		require.ErrorContains(t, err, "at most 2")
		back.Store(true)
		time.Sleep(time.Second)
		s := state(t, c, id)
		require.Equal(t, signal.FaultIrreversible, s.Phase)
		require.False(t, s.Undone.IsZero())
		require.Empty(t, s.Err)
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestBlastRadiusAndSelectorsRefuseClearly(t *testing.T) {
	f := &fake{kind: "test.harm"}
	c := controller(t, Config{Faults: []Fault{f}, Environment: "production", Blast: BlastRadius{Protected: []string{"db-2"}}})
	for _, tc := range []struct {
		r    Request
		want string
	}{
		{Request{Kind: "test.hram"}, "did you mean test.harm?"},
		{Request{Kind: "x"}, "there are: test.harm"},
		{Request{Kind: "test.harm"}, "names no target"},
		{Request{Kind: "test.harm", Select: Selector{To: "payment"}}, "select links"},
		{Request{Kind: "test.harm", Select: Selector{Service: "paymnt"}}, `did you mean "payment" instead of "paymnt"?`},
		{Request{Kind: "test.harm", Select: Selector{Service: "paymnt"}}, "there are: db-1, db-2, db-3, payment"},
		{Request{Kind: "test.harm", Select: Selector{Name: "*", Pick: "some"}}, "not understood"},
		{Request{Kind: "test.harm", Select: Selector{Name: "payment"}, Args: Args{"levle": 3}}, "did you mean level?"},
		{Request{Kind: "test.harm", Select: Selector{Name: "payment"}, Args: Args{"level": 11}}, "more than 9"},
		{Request{Kind: "test.harm", Select: Selector{Name: "payment"}, Blast: BlastRadius{Environments: []string{"demo"}}}, `allowed in demo, and this is "production"`},
		{Request{Kind: "test.harm", Select: Selector{Service: "db"}}, "db-2 is protected"},
		{Request{Kind: "test.harm", Select: Selector{Name: "payment"}, Blast: BlastRadius{Percent: 20}}, "1 of 4 targets would be hit, that is 25 %"},
	} {
		_, err := c.Plan(t.Context(), tc.r)
		require.ErrorContains(t, err, tc.want)
	}
	require.Zero(t, f.applied.Load())
	one := payment
	one.Blast.MaxTargets = 1
	inject(t, c, one)
	_, err := c.Plan(t.Context(), Request{Kind: "test.harm", Select: Selector{Name: "db-1"}, Blast: BlastRadius{MaxTargets: 1}})
	require.ErrorContains(t, err, "together with the 1")
	require.NoError(t, c.Close(t.Context()))
}

func TestRecoverRestoresWhatTheDeadLeftAndIsIdempotent(t *testing.T) {
	d := jdir(t)
	var restored sync.Map
	good := &fake{kind: "test.good", restore: func(u json.RawMessage) error { restored.Store(string(u), true); return nil }}
	bad := &fake{kind: "test.bad", restore: func(json.RawMessage) error { panic("cannot") }}
	for s := range 3 {
		j := journalIn(t, d, fmt.Sprint("s", s))
		for i, kind := range []string{"test.good", "test.bad", "test.unknown", "test.kill"} {
			require.NoError(t, j.Intent(journal.Fault{ID: fmt.Sprint("f", i), Kind: kind, Title: kind, Undo: json.RawMessage(fmt.Sprint(s)), Reversible: kind != "test.kill"}))
		}
		require.NoError(t, j.Close(false))
	}
	alive := journalIn(t, d, "alive")
	require.NoError(t, alive.Intent(journal.Fault{ID: "f1", Kind: "test.good", Undo: json.RawMessage("99"), Reversible: true}))
	for round := range 2 {
		res, err := Recover(t.Context(), d, []Fault{good, bad})
		require.NoError(t, err)
		count := map[Outcome]int{}
		for _, r := range res {
			count[r.Outcome]++
			if r.Outcome == NeedsHuman {
				require.NotEmpty(t, r.Remedy)
				require.Error(t, r.Err)
			}
		}
		want := map[Outcome]int{VerifiedClean: 3, Irreversible: 3, NeedsHuman: 6, OwnerAlive: 1}
		if round > 0 {
			want = map[Outcome]int{NeedsHuman: 6, OwnerAlive: 1}
		}
		require.Equal(t, want, count)
	}
	_, touched := restored.Load("99")
	require.False(t, touched, "what a live session answers for is not touched")
	res, err := RecoverForced(t.Context(), d, []Fault{good, bad})
	require.NoError(t, err)
	_, touched = restored.Load("99")
	require.True(t, touched, "unless forced: it does not answer")
	require.Len(t, res, 7)
	require.NoError(t, alive.Close(true))
}

func TestRecoverOfADamagedJournalUndoesWhatCanBeReadAndSaysSo(t *testing.T) {
	d := jdir(t)
	j := journalIn(t, d, "s1")
	require.NoError(t, j.Intent(journal.Fault{ID: "f1", Kind: "test.good", Undo: json.RawMessage(`"one"`), Reversible: true}))
	require.NoError(t, j.Intent(journal.Fault{ID: "f2", Kind: "test.good", Undo: json.RawMessage(`"two"`), Reversible: true}))
	require.NoError(t, j.Close(false))
	data, err := os.ReadFile(j.Path())
	require.NoError(t, err)
	data[strings.Index(string(data), `"one"`)+1] ^= 1
	require.NoError(t, os.WriteFile(j.Path(), data, 0o600))
	var got []string
	good := &fake{kind: "test.good", restore: func(u json.RawMessage) error { got = append(got, string(u)); return nil }}
	res, err := Recover(t.Context(), d, []Fault{good})
	require.NoError(t, err)
	require.Equal(t, []string{`"two"`}, got)
	require.Len(t, res, 2)
	require.Equal(t, NeedsHuman, res[1].Outcome)
	require.ErrorContains(t, res[1].Err, "damaged at byte")
	require.Contains(t, res[1].Remedy, "mv ")
	require.FileExists(t, j.Path())
}

func TestAnotherTerminalCanListAndAbort(t *testing.T) {
	d := filepath.Join(jdir(t), strings.Repeat("a-long-name-", 9)) // longer than a socket's address may be
	require.NoError(t, os.Mkdir(d, 0o700))
	f := &fake{kind: "test.harm"}
	c := controller(t, Config{Journal: journalIn(t, d, "s1"), Faults: []Fault{f}})
	var reason atomic.Value
	require.NoError(t, c.ServeControl(func(r string) { reason.Store(r) }))
	require.Error(t, c.ServeControl(nil))
	id := inject(t, c, payment)
	st, err := os.Stat(filepath.Join(d, "s1.sock"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, st.Mode().Perm())
	list, err := ListFaults(t.Context(), d)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.True(t, list[0].Live)
	require.Equal(t, "session", list[0].Source)
	require.EqualValues(t, 1, list[0].Fault.Touched)
	res, err := RequestAbort(t.Context(), d, "second terminal")
	require.NoError(t, err)
	require.Equal(t, []AbortResult{{Session: "s1", Undone: 1}}, res)
	require.Equal(t, "second terminal", reason.Load())
	require.Equal(t, signal.FaultUndone, state(t, c, id).Phase)
	require.NoError(t, c.Close(t.Context()))
	require.NoFileExists(t, filepath.Join(d, "s1.sock"))
	res, err = RequestAbort(t.Context(), d, "again")
	require.NoError(t, err)
	require.Empty(t, res)

	j := journalIn(t, d, "dead") // a session that left a fault and does not listen
	require.NoError(t, j.Intent(journal.Fault{ID: "f1", Kind: "test.harm", Reversible: true}))
	list, err = ListFaults(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, "journal", list[0].Source)
	require.Equal(t, signal.FaultInjecting, list[0].Fault.Phase)
	res, err = RequestAbort(t.Context(), d, "again")
	require.NoError(t, err)
	require.Error(t, res[0].Err)
	require.NoError(t, j.Close(true))
}

func TestArguments(t *testing.T) {
	ps := []Param{{Name: "d", Type: "duration", Required: true}, {Name: "n", Type: "int", Default: 3}, {Name: "p", Type: "percent", Default: 100},
		{Name: "s", Type: "string", OneOf: []string{"a", "b"}}, {Name: "b", Type: "bool"}}
	got, errs := CheckArgs(ps, Args{"d": "800ms", "p": "2.5%", "s": "a", "b": true})
	require.Empty(t, errs)
	require.Equal(t, Args{"d": 800 * time.Millisecond, "n": 3, "p": 2.5, "s": "a", "b": true}, got)
	_, errs = CheckArgs(ps, Args{"n": 1.5, "p": 0.5, "s": "c", "b": "yes", "x": 1})
	var names []string
	for _, e := range errs {
		names = append(names, e.Name)
	}
	require.Equal(t, []string{"b", "d", "n", "p", "s", "x"}, names)
	for _, bad := range []any{"8", 8, "-1s", nil} {
		_, errs = CheckArgs(ps[:1], Args{"d": bad})
		require.Len(t, errs, 1, "%v", bad)
	}
}

// Who kills a session together with its keeper leaves the keeper's log; a recovery clears it away with the journal, and also when
// the session had finished its journal before.
func TestRecoverClearsAwayTheLogOfAKeeperThatDied(t *testing.T) {
	d := jdir(t)
	left, finished, alive := journalIn(t, d, "left"), filepath.Join(d, "finished.journal"), journalIn(t, d, "alive")
	require.NoError(t, left.Intent(journal.Fault{ID: "f1", Kind: "test.good", Reversible: true}))
	for _, path := range []string{left.Path(), finished, alive.Path()} {
		require.NoError(t, os.WriteFile(journal.KeeperLog(path), nil, 0o600))
	}
	require.NoError(t, left.Close(false))
	_, err := Recover(t.Context(), d, []Fault{&fake{kind: "test.good"}})
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(d, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{alive.Path(), journal.KeeperLog(alive.Path())}, files, "a session that lives keeps what is its own")
	require.NoError(t, alive.Close(true))
}
