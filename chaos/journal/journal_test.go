package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func dir(t testing.TB) string {
	d := filepath.Join(t.TempDir(), "j")
	require.NoError(t, os.Mkdir(d, 0o700))
	return d
}

func fault(id string) Fault {
	return Fault{ID: id, Kind: "process.pause", Title: "payment paused", Targets: []string{"payment"}, Undo: json.RawMessage(`[{"pid":4}]`),
		Until: time.Now().Add(time.Minute), Reversible: true}
}

// written makes a journal with one fault undone, one armed and one intended, gives it up as a dead session does, and
// returns its path and the offset at which each record ends.
func written(t testing.TB) (string, []int64) {
	j, err := Create(dir(t), "s1")
	require.NoError(t, err)
	var ends []int64
	mark := func(err error) {
		require.NoError(t, err)
		ends = append(ends, j.size)
	}
	mark(nil)
	mark(j.Intent(fault("f1")))
	mark(j.Armed("f1"))
	mark(j.Undone("f1", Verified, "session"))
	mark(j.Intent(fault("f2")))
	mark(j.Armed("f2"))
	mark(j.Intent(fault("f3")))
	require.NoError(t, j.Close(false))
	return j.Path(), ends
}

func pendingIDs(c *Contents) []string {
	var ids []string
	for _, e := range c.Pending() {
		ids = append(ids, e.Fault.ID)
	}
	return ids
}

func TestIntentWithoutArmedIsPending(t *testing.T) {
	path, _ := written(t)
	c, err := Read(path)
	require.NoError(t, err)
	require.Equal(t, []string{"f2", "f3"}, pendingIDs(c))
	require.True(t, c.Entries[1].Armed)
	require.False(t, c.Entries[2].Armed)
	require.Equal(t, Verified, c.Entries[0].Outcome)
	require.Equal(t, os.Getpid(), c.Owner.Process.PID)
	require.JSONEq(t, `[{"pid":4}]`, string(c.Entries[2].Fault.Undo))
}

func TestCutAnywhereOnlyLosesWhatWasBeingWritten(t *testing.T) {
	path, ends := written(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for cut := range len(data) + 1 {
		c, err := parse(path, data[:cut])
		require.NoError(t, err, "cut at %d", cut)
		whole := 0
		for _, e := range ends {
			if int64(cut) >= e {
				whole++
			}
		}
		require.EqualValues(t, whole, c.next, "cut at %d", cut)
		require.EqualValues(t, int64(cut)-c.valid, c.Torn)
	}
}

func TestZerosAtTheEndAreATornWrite(t *testing.T) {
	path, ends := written(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	last := ends[len(ends)-2]
	for i := last; i < int64(len(data)); i++ { // the file got its length, its bytes never came
		hole := append(append([]byte{}, data[:i]...), make([]byte, int64(len(data))-i)...)
		c, err := parse(path, hole)
		if i > last && i < last+headerSize {
			continue // half a header and then nothing: told apart from damage only by its place; refusing it is right, too
		}
		require.NoError(t, err, "zero from %d", i)
		require.Equal(t, []string{"f2"}, pendingIDs(c))
	}
}

func TestAnyFlippedByteIsRefusedLoudly(t *testing.T) {
	path, _ := written(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range data {
		bad := append([]byte{}, data...)
		bad[i] ^= 0x40
		_, err := parse(path, bad)
		var d *DamageError
		require.ErrorAs(t, err, &d, "byte %d", i)
		require.ErrorContains(t, err, "gameday recover")
		// Everything that is still whole can be salvaged: at most the damaged record is lost.
		require.GreaterOrEqual(t, len(salvage(path, bad).Entries), 2)
	}
}

func TestARecordTakenOutIsRefused(t *testing.T) {
	path, ends := written(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := 1; i < len(ends)-1; i++ {
		_, err := parse(path, append(append([]byte{}, data[:ends[i-1]]...), data[ends[i]:]...))
		require.ErrorContains(t, err, "missing or out of order")
	}
}

func TestAdoptSetsATornEndAsideAndGoesOn(t *testing.T) {
	path, ends := written(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	torn := data[:len(data)-5]
	require.NoError(t, os.WriteFile(path, torn, 0o600))
	j, c, err := Adopt(path)
	require.NoError(t, err)
	require.Equal(t, []string{"f2"}, pendingIDs(c))
	side, err := os.ReadFile(j.Torn())
	require.NoError(t, err)
	require.Equal(t, torn[ends[len(ends)-2]:], side)
	require.NoError(t, j.Undone("f2", Verified, "recover"))
	c, err = Read(path)
	require.NoError(t, err)
	require.Empty(t, c.Pending())
	require.NoError(t, j.Close(true))
	require.NoFileExists(t, path)
	require.FileExists(t, j.Torn())
}

func TestLock(t *testing.T) {
	j, err := Create(dir(t), "s1")
	require.NoError(t, err)
	_, _, err = Adopt(j.Path())
	require.ErrorIs(t, err, ErrLocked)
	held, err := Held(j.Path())
	require.NoError(t, err)
	require.True(t, held)
	_, err = Create(j.Dir(), "s1")
	require.ErrorIs(t, err, os.ErrExist)
	require.NoError(t, j.Close(false))
	held, err = Held(j.Path())
	require.NoError(t, err)
	require.False(t, held)
	require.ErrorIs(t, j.Intent(fault("f1")), os.ErrClosed)
}

// disk is a file whose next writes or syncs fail.
type disk struct {
	file
	write, sync, truncate error
}

func (d *disk) Write(b []byte) (int, error) {
	if d.write != nil {
		n, _ := d.file.Write(b[:len(b)/2]) // as a full disk does
		return n, d.write
	}
	return d.file.Write(b)
}

func (d *disk) Sync() error {
	if d.sync != nil {
		return d.sync
	}
	return d.file.Sync()
}

func (d *disk) Truncate(n int64) error {
	if d.truncate != nil {
		return d.truncate
	}
	return d.file.Truncate(n)
}

func TestAFailedWriteIsTakenBackAndMayBeTriedAgain(t *testing.T) {
	j, err := Create(dir(t), "s1")
	require.NoError(t, err)
	d := &disk{file: j.f, write: errors.New("no space left on device")}
	j.f = d
	require.ErrorContains(t, j.Intent(fault("f1")), "no space left")
	d.write = nil
	require.NoError(t, j.Intent(fault("f2")))
	c, err := Read(j.Path())
	require.NoError(t, err)
	require.Equal(t, []string{"f2"}, pendingIDs(c))
	require.NoError(t, j.Close(false))
}

func TestAFailedSyncBreaksTheJournalForGood(t *testing.T) {
	j, err := Create(dir(t), "s1")
	require.NoError(t, err)
	d := &disk{file: j.f, sync: errors.New("input/output error")}
	j.f = d
	require.ErrorContains(t, j.Intent(fault("f1")), "input/output error")
	d.sync = nil
	require.ErrorContains(t, j.Intent(fault("f2")), "an earlier write failed")
	require.NoError(t, j.Close(false))

	j, err = Create(j.Dir(), "s2")
	require.NoError(t, err)
	j.f = &disk{file: j.f, write: errors.New("gone"), truncate: errors.New("gone")}
	require.Error(t, j.Intent(fault("f1")))
	require.ErrorContains(t, j.Armed("f1"), "an earlier write failed")
	require.NoError(t, j.Close(false))
}

func TestManyWritersAtOnce(t *testing.T) {
	j, err := Create(dir(t), "s1")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			id := fmt.Sprint("f", i)
			require.NoError(t, j.Intent(fault(id)))
			require.NoError(t, j.Armed(id))
			if i%2 == 0 {
				require.NoError(t, j.Undone(id, Verified, "session"))
			}
		})
	}
	wg.Wait()
	c, err := Read(j.Path())
	require.NoError(t, err)
	require.Len(t, c.Entries, 40)
	require.Len(t, c.Pending(), 20)
	require.NoError(t, j.Close(true))
	require.NoFileExists(t, j.Path())
}

func TestDirectoriesOthersCanWriteToAreRefused(t *testing.T) {
	d := dir(t)
	require.NoError(t, os.Chmod(d, 0o777))
	_, err := Create(d, "s1")
	require.ErrorContains(t, err, "chmod go-w")
	_, err = List(d)
	require.ErrorContains(t, err, "chmod go-w")
	paths, err := List(filepath.Join(d, "none"))
	require.NoError(t, err)
	require.Empty(t, paths)
	_, err = Create(d, "../x")
	require.ErrorContains(t, err, "session name")
	_, err = Create(d, strings.Repeat("x", 41))
	require.ErrorContains(t, err, "session name")
}

func FuzzParse(f *testing.F) {
	path, _ := written(f)
	data, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(data)
	f.Add(data[:len(data)-3])
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := parse("x", in)
		require.NotNil(t, c)
		require.LessOrEqual(t, c.valid+c.Torn, int64(len(in)))
		if err == nil {
			require.EqualValues(t, len(in), c.valid+c.Torn, "nothing is passed over in silence")
			again, err := parse("x", in[:c.valid])
			require.NoError(t, err)
			require.Equal(t, pendingIDs(c), pendingIDs(again))
		}
		for _, e := range c.Entries { // what can be read before damage is salvaged as well
			require.NotNil(t, salvage("x", in).entry(e.Fault.ID))
		}
	})
}
