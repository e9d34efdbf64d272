package remote

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func testRoom(s *stage, grace time.Duration) *room {
	return newRoom(Config{Log: slog.New(slog.DiscardHandler), Grace: grace, MaxViews: 4, Event: s.event, Danger: s.dangerous,
		Abort: func(_ context.Context, why string) error { s.call("%s", why); s.setDanger(""); return nil }})
}

func visitor(name string, role Role) *view {
	return &view{key: Key{Name: name, Role: role}, since: time.Now()}
}

func TestWhatRunsIsUndoneAfterTheGraceTimeAndNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{danger: "1 fault in force"}
		r := testRoom(s, 30*time.Second)
		defer r.close()
		alice, bob := visitor("alice", Operator), visitor("bob", Viewer)
		r.watch()
		require.Empty(t, s.timeline(), "before the first operator nothing can run that is hers")
		require.NoError(t, r.enter(alice))
		require.NoError(t, r.enter(bob))
		r.leave(alice, "the link was lost")
		require.Equal(t, "alice came; bob came; alice left; no operator is here", s.timeline())
		require.Contains(t, s.events[3].Detail, "undone in 30s unless an operator comes")
		time.Sleep(29 * time.Second)
		synctest.Wait()
		require.Empty(t, s.called())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, "no operator for 30s", s.called())
		time.Sleep(time.Hour)
		require.Equal(t, "no operator for 30s", s.called(), "once")
	})
}

func TestAnOperatorWhoComesBackCallsItOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{danger: "2 faults in force"}
		r := testRoom(s, 30*time.Second)
		defer r.close()
		alice := visitor("alice", Operator)
		require.NoError(t, r.enter(alice))
		r.leave(alice, "")
		time.Sleep(20 * time.Second)
		require.NoError(t, r.enter(visitor("bob", Viewer)))
		time.Sleep(5 * time.Second)
		carol := visitor("carol", Operator)
		require.NoError(t, r.enter(carol))
		require.Contains(t, s.timeline(), "an operator is back")
		time.Sleep(time.Hour)
		require.Empty(t, s.called())
		r.leave(carol, "")
		time.Sleep(31 * time.Second)
		synctest.Wait()
		require.Equal(t, "no operator for 30s", s.called(), "the next loss counts anew")
	})
}

func TestOneOfTwoOperatorsMayGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{danger: "1 fault in force"}
		r := testRoom(s, time.Second)
		defer r.close()
		a, b := visitor("alice", Operator), visitor("alice", Operator) // two terminals of one person
		require.NoError(t, r.enter(a))
		require.NoError(t, r.enter(b))
		require.Equal(t, 2, r.people()[0].Views)
		r.leave(a, "")
		time.Sleep(time.Hour)
		require.Empty(t, s.called())
	})
}

// What was started with the last key becomes known a moment after its operator has gone.
func TestWhatStartsAfterTheLastOperatorLeftIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{}
		r := testRoom(s, 10*time.Second)
		defer r.close()
		alice := visitor("alice", Operator)
		require.NoError(t, r.enter(alice))
		r.leave(alice, "")
		require.NotContains(t, s.timeline(), "no operator")
		s.setDanger("an experiment runs")
		r.watch()
		require.Contains(t, s.timeline(), "no operator is here")
		time.Sleep(11 * time.Second)
		synctest.Wait()
		require.Equal(t, "no operator for 10s", s.called())
	})
}

func TestARoomThatClosesUndoesNothingItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{danger: "1 fault in force"}
		r := testRoom(s, 10*time.Second)
		alice := visitor("alice", Operator)
		require.NoError(t, r.enter(alice))
		r.leave(alice, "")
		r.close()
		time.Sleep(time.Minute)
		require.Empty(t, s.called(), "the session's end does that")
		require.Error(t, r.enter(visitor("bob", Viewer)))
	})
}

func TestPeopleAreListedOnceOperatorsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := testRoom(&stage{}, time.Second)
		defer r.close()
		for _, v := range []*view{visitor("zoe", Viewer), visitor("bob", Viewer), visitor("alice", Operator), visitor("bob", Viewer)} {
			time.Sleep(time.Second)
			v.since = time.Now()
			if err := r.enter(v); v.key.Name == "bob" && len(r.views) == 3 {
				require.ErrorIs(t, err, errFull, "the last place is an operator's")
			} else {
				require.NoError(t, err)
			}
		}
		var list []signal.Person
		for _, p := range r.people() {
			p.Since = time.Time{}
			list = append(list, p)
		}
		require.Equal(t, []signal.Person{{Name: "alice", Operator: true, Views: 1}, {Name: "zoe", Views: 1}, {Name: "bob", Views: 1}}, list)
	})
}
