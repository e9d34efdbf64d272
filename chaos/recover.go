package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gameday/chaos/journal"
)

// Outcome is how a fault stands after a recovery.
type Outcome string

// The outcomes of a recovery.
const (
	VerifiedClean Outcome = "verified-clean" // measured: nothing of it is left
	Irreversible  Outcome = "irreversible"   // there was nothing to undo, such as a kill
	NeedsHuman    Outcome = "needs-human"    // Remedy is the command that remains
	OwnerAlive    Outcome = "owner-alive"    // not touched: its session lives and answers for it
)

// keeperPatience is how long a recovery waits for a keeper that is at work on the same journal.
const keeperPatience = 30 * time.Second

// Recovered is what a recovery did about one fault, or about a journal that cannot be read (Kind "journal").
type Recovered struct {
	Journal string
	Session string
	ID      string
	Kind    string
	Title   string
	Targets []string
	Outcome Outcome
	By      string // "recover", or "keeper" when that came first
	Err     error  // why it needs a human
	Remedy  string // the command that remains
	Note    string // what else should be known, such as where a torn end of the journal was put
}

// Recover undoes what dead sessions left behind in the journals of dir. Each fault is restored from its journal alone,
// with those of other sessions in parallel; one that fails does not stop the others. Sessions that are alive are not
// touched. It is idempotent. The error is about the directory as a whole.
func Recover(ctx context.Context, dir string, faults []Fault) ([]Recovered, error) {
	return recoverDir(ctx, dir, faults, false)
}

// RecoverForced does the same for sessions that are alive, too: it asks them to abort, and when one does not answer
// within seconds, such as a stopped one, it undoes that session's faults over its head.
func RecoverForced(ctx context.Context, dir string, faults []Fault) ([]Recovered, error) {
	return recoverDir(ctx, dir, faults, true)
}

func recoverDir(ctx context.Context, dir string, faults []Fault, force bool) ([]Recovered, error) {
	paths, err := journal.List(dir)
	if err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	results := make([][]Recovered, len(paths))
	var wg sync.WaitGroup
	for i, path := range paths {
		wg.Go(func() { results[i] = recoverOne(ctx, path, faults, force) })
	}
	wg.Wait()
	sweep(dir)
	var all []Recovered
	for _, r := range results {
		all = append(all, r...)
	}
	return all, nil
}

// sweep removes what lies beside journals that are gone: of a session that finished its journal and was killed together with
// its keeper before that had cleared its log away. A session has its journal before anything beside it.
func sweep(dir string) {
	logs, _ := filepath.Glob(filepath.Join(dir, "*"+journal.KeeperLog(journal.Suffix))) // a directory whose name is a pattern is not swept
	for _, log := range logs {
		path := strings.TrimSuffix(log, journal.KeeperLog(journal.Suffix)) + journal.Suffix
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			_ = os.Remove(log) // it harms nobody; its keeper may be doing the same
		}
	}
}

func recoverOne(ctx context.Context, path string, faults []Fault, force bool) []Recovered {
	before, err := journal.Read(path) // to be able to say what a keeper did that is at work right now
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for give := time.Now().Add(keeperPatience); ; {
		res, err := RestoreJournal(ctx, path, "recover", faults)
		switch {
		case errors.Is(err, os.ErrNotExist): // a keeper finished it, and removes a journal only when nothing is left
			return describe(before, VerifiedClean, "keeper")
		case !errors.Is(err, journal.ErrLocked):
			if err != nil {
				res = append(res, unreadable(path, err))
			}
			return res
		}
		now, rerr := journal.Read(path)
		if rerr == nil && now.Owner.Process.Alive() {
			if force {
				return overrule(ctx, now, faults)
			}
			return describe(now, OwnerAlive, "")
		}
		if time.Now().After(give) || ctx.Err() != nil {
			return []Recovered{unreadable(path, fmt.Errorf("journal %s: another process has been at work on it for %v; look for a gameday keeper that hangs", path, keeperPatience))}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func unreadable(path string, err error) Recovered {
	r := Recovered{Journal: path, Kind: "journal", Title: "journal", Outcome: NeedsHuman, Err: err, Remedy: defaultRemedy}
	if d := (*journal.DamageError)(nil); errors.As(err, &d) {
		r.Remedy = fmt.Sprintf("mv '%s' '%s.damaged'", path, path)
	}
	return r
}

// describe lists the pending faults of a journal with one outcome for all.
func describe(c *journal.Contents, o Outcome, by string) []Recovered {
	var out []Recovered
	if c == nil {
		return nil
	}
	for _, e := range c.Pending() {
		r := recovered(c, e)
		r.Outcome, r.By = o, by
		if o == OwnerAlive {
			r.Remedy = "gameday abort --all"
		}
		if !e.Fault.Reversible && o == VerifiedClean {
			r.Outcome = Irreversible
		}
		out = append(out, r)
	}
	return out
}

func recovered(c *journal.Contents, e *journal.Entry) Recovered {
	return Recovered{Journal: c.Path, Session: c.Owner.Session, ID: e.Fault.ID, Kind: e.Fault.Kind, Title: e.Fault.Title, Targets: e.Fault.Targets}
}

// RestoreJournal takes charge of one journal whose owner is gone and undoes everything in it that is not undone; by
// says who does it ("keeper", "recover"). A journal with nothing left to undo is removed. A damaged one is kept: what can
// be read of it is undone, and the error is a *journal.DamageError. The error is journal.ErrLocked while someone else is
// in charge, and os.ErrNotExist when the journal is gone.
func RestoreJournal(ctx context.Context, path, by string, faults []Fault) ([]Recovered, error) {
	j, c, err := journal.Adopt(path)
	if d := (*journal.DamageError)(nil); errors.As(err, &d) {
		c, serr := journal.Salvage(path)
		if serr != nil {
			return nil, errors.Join(err, serr)
		}
		return restoreAll(ctx, nil, c, by, faults), err
	}
	if err != nil {
		return nil, err
	}
	res := restoreAll(ctx, j, c, by, faults)
	clean := true
	for i := range res {
		clean = clean && res[i].Outcome != NeedsHuman
		if j.Torn() != "" {
			res[i].Note = fmt.Sprintf("the journal ended in a torn write of %d bytes, kept in %s", c.Torn, j.Torn())
		}
	}
	if clean {
		_ = os.Remove(socketPath(path)) // a dead session's; usually there is none
		if by != "keeper" {             // which clears its own away
			_ = os.Remove(journal.KeeperLog(path)) // of one that died as well
		}
	}
	if err := j.Close(clean); err != nil {
		return res, err
	}
	return res, nil
}

// restoreAll undoes every pending fault in parallel. j is nil when nothing may be written.
func restoreAll(ctx context.Context, j *journal.Journal, c *journal.Contents, by string, faults []Fault) []Recovered {
	byKind := map[string]Fault{}
	for _, f := range faults {
		byKind[f.Kind()] = f
	}
	pending := c.Pending()
	out := make([]Recovered, len(pending))
	var wg sync.WaitGroup
	for i, e := range pending {
		wg.Go(func() { out[i] = restoreOne(ctx, j, c, e, by, byKind[e.Fault.Kind]) })
	}
	wg.Wait()
	return out
}

func restoreOne(ctx context.Context, j *journal.Journal, c *journal.Contents, e *journal.Entry, by string, f Fault) Recovered {
	r := recovered(c, e)
	r.By = by
	switch {
	case !e.Fault.Reversible:
		r.Outcome = Irreversible
	case f == nil:
		r.Outcome, r.Remedy = NeedsHuman, defaultRemedy
		r.Err = fmt.Errorf("restore %s: this gameday knows no fault of that kind; use the one that injected it; by hand: %s", e.Fault.Kind, e.Fault.UndoText)
	default:
		r.Outcome = VerifiedClean
		_, within := patience(f, e.Fault.Undo)
		err := retry(ctx, within, "restore "+e.Fault.Kind, func(ctx context.Context) error { return f.Restore(ctx, e.Fault.Undo) })
		if err != nil {
			r.Outcome, r.Remedy = NeedsHuman, remedyFor(f, e.Fault.Undo)
			r.Err = fmt.Errorf("restore %s: %w", e.Fault.Title, err)
		}
	}
	if j == nil {
		return r
	}
	var werr error
	switch r.Outcome {
	case NeedsHuman:
		werr = j.Failed(e.Fault.ID, by, r.Err, r.Remedy)
	case Irreversible:
		werr = j.Undone(e.Fault.ID, journal.Irreversible, by)
	default:
		werr = j.Undone(e.Fault.ID, journal.Verified, by)
	}
	if werr != nil { // the world is right, only the record is not; the next recovery looks again
		r.Note = strings.TrimSpace(r.Note + " " + werr.Error())
	}
	return r
}

// overrule undoes the faults of a session that lives: by asking it, else over its head. Nothing is written to its
// journal, which is its own; its later undo finds nothing to do.
func overrule(ctx context.Context, c *journal.Contents, faults []Fault) []Recovered {
	askCtx, cancel := context.WithTimeout(ctx, undoTimeout)
	defer cancel()
	if a := requestAbort(askCtx, c, "gameday recover, forced"); a.Err == nil && len(a.Failed) == 0 {
		return describe(c, VerifiedClean, "session "+c.Owner.Session)
	}
	return restoreAll(ctx, nil, c, "recover", faults)
}
