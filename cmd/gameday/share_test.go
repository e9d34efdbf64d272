package main

import (
	"context"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/cmd/gameday/remote"
	"gameday/engine"
	"gameday/sources/signal"
	"gameday/tui"
)

// shared is a session without a system in the hands of several people.
func shared(t *testing.T) *share {
	t.Helper()
	state := t.TempDir()
	cfg, closeLog, err := baseConfig(state)
	require.NoError(t, err)
	cfg.Name, cfg.Environment = "system", "local"
	s, err := engine.New(cfg)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		require.NoError(t, s.Close(ctx))
		require.NoError(t, closeLog())
	})
	return newShare(s, tui.Config{}, state, t.Logf)
}

// TestAViewerCanDoNothing calls every method of a session that a viewer has: what looks answers, what does refuses.
func TestAViewerCanDoNothing(t *testing.T) {
	sh := shared(t)
	cfg := sh.open(remote.Key{Name: "eve", Role: remote.Viewer})
	v, ok := cfg.Session.(*viewer)
	require.True(t, ok)
	looks := map[string]bool{"Frame": true, "Experiments": true, "LoadPlans": true, "Note": true, "Why": true, "Done": true}
	typ := reflect.TypeFor[tui.Session]()
	for i := range typ.NumMethod() {
		m := typ.Method(i)
		if looks[m.Name] {
			continue
		}
		f := reflect.ValueOf(v).MethodByName(m.Name)
		in := make([]reflect.Value, f.Type().NumIn())
		for j := range in {
			in[j] = reflect.Zero(f.Type().In(j))
		}
		out := f.Call(in)
		require.ErrorIs(t, out[len(out)-1].Interface().(error), errViewer, m.Name)
	}
	require.NotNil(t, v.Frame(signal.View{Window: signal.Window{From: time.Now().Add(-time.Minute), To: time.Now()}}))
	_, explains := cfg.Session.(tui.Explainer)
	require.True(t, explains)
	require.Nil(t, v.Done())
	for i := range reflect.TypeFor[viewer]().NumField() {
		f := reflect.TypeFor[viewer]().Field(i)
		require.Equal(t, reflect.Func, f.Type.Kind(), "%s: a viewer holds no way to the session", f.Name)
	}
	_, ok = sh.open(remote.Key{Name: "bob", Role: remote.Operator}).Session.(*operator)
	require.True(t, ok)
}

func TestAViewersNotesAreBounded(t *testing.T) {
	sh := shared(t)
	for range 3 * notesAtATime {
		sh.note("eve", "look here")
	}
	sh.note("mallory", "me too")
	now := time.Now()
	f := sh.session.Frame(signal.View{Window: signal.Window{From: now.Add(-time.Minute), To: now.Add(time.Second)}})
	said := map[string]int{}
	for _, e := range f.Events {
		if e.Kind == signal.EventNote {
			said[e.By+": "+e.Title]++
		}
	}
	require.Equal(t, map[string]int{"eve: look here": notesAtATime, "eve: notes left out": 1, "mallory: me too": 1}, said)
}

// TestLayoutsGoByTheKeyThatSignedIn: one person's layouts are no other's, and his cockpits share them.
func TestLayoutsGoByTheKeyThatSignedIn(t *testing.T) {
	sh := shared(t)
	keys, err := remote.ParseKeys([]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIUjE6TCTUFTtIt2C4wh0jlOBUVdi0F8wTrDCBPOzw7n alice\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBbyE4yUwMyqVQxKFTkqqvQ2rMxyFf3TTDyGVrkBQv2l bob\n"))
	require.NoError(t, err)
	require.Len(t, keys, 2)
	alice := sh.open(keys[0])
	require.NoError(t, alice.Keep(tui.Layouts{"logs": {Arrangement: "alone"}}))
	require.Equal(t, tui.Layouts{"logs": {Arrangement: "alone"}}, sh.open(keys[0]).Layouts)
	require.Empty(t, sh.open(keys[1]).Layouts)
	files, err := filepath.Glob(filepath.Join(sh.state, "layouts-*.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
}

func TestWhoIsTold(t *testing.T) {
	var out strings.Builder
	require.NoError(t, tellWho(&out, nil))
	require.Equal(t, "nobody is here\r\n", out.String())
	out.Reset()
	since := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	require.NoError(t, tellWho(&out, []signal.Person{{Name: "alexandra", Operator: true, Since: since}, {Name: "bob", Since: since}}))
	require.Equal(t, "alexandra  operator  since 2026-11-30T08:00:00Z\r\nbob        viewer    since 2026-11-30T08:00:00Z\r\n", out.String())
}
