package compute

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// The hidden modes of gameday's binary that burn processor time and hold memory.
const (
	BurnCommand    = "burn"
	BallastCommand = "ballast"
)

// step is how much memory a ballast takes at a time, so that it notices early when others need it.
const step = 16 << 20

// Main is what the process of a hidden mode does: args are a tag and the mode's flags. It ends at its deadline or when
// standard input ends, which it does with the session that started it. It returns the exit code.
func Main(mode string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 || !strings.HasPrefix(args[0], tagPrefix) {
		fmt.Fprintf(stderr, "gameday %s: started by gameday itself\n", mode)
		return 2
	}
	over := make(chan struct{})
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, stdin) // nothing is ever said; it ends
		close(over)
	}()
	flags := flag.NewFlagSet(mode, flag.ContinueOnError)
	flags.SetOutput(stderr)
	cores := flags.Int("cores", 1, "")
	load := flags.Float64("load", 100, "")
	bytes := flags.Uint64("bytes", 0, "")
	leave := flags.Uint64("leave", minLeave, "")
	lasts := flags.Duration("for", time.Minute, "")
	if err := flags.Parse(args[1:]); err != nil {
		return 2
	}
	stop := make(chan struct{})
	go func() { // ends with the process, or with what is waited for
		defer close(stop)
		select {
		case <-over:
		case <-time.After(*lasts):
		}
	}()
	var err error
	if mode == BurnCommand {
		fmt.Fprintln(stdout, "ready", *cores)
		burn(stop, min(*cores, runtime.NumCPU()), *load)
	} else {
		err = hold(stop, stdout, *bytes, *leave)
	}
	if err != nil {
		fmt.Fprintf(stderr, "gameday %s: %v\n", mode, err)
		return 1
	}
	return 0
}

// burn keeps cores busy for a share of each 50 ms, until stop.
func burn(stop <-chan struct{}, cores int, load float64) {
	const slice = 50 * time.Millisecond
	busy := time.Duration(float64(slice) * load / 100)
	var wg sync.WaitGroup
	for range cores {
		wg.Go(func() {
			runtime.LockOSThread()
			for {
				for end := time.Now().Add(busy); time.Now().Before(end); {
				}
				select {
				case <-stop:
					return
				case <-time.After(slice - busy):
				}
			}
		})
	}
	wg.Wait()
}

// hold takes memory step by step, as long as leave stays available, and keeps it until stop, or until the others have
// less than half of leave.
func hold(stop <-chan struct{}, stdout io.Writer, bytes, leave uint64) error {
	debug.SetGCPercent(-1)
	// The first to be ended when memory runs out is this process. Raising one's own score needs no privilege.
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		return fmt.Errorf("make this the first process that the kernel ends: %w", err)
	}
	var held [][]byte
	var sum uint64
	for sum < bytes {
		free, err := MemAvailable()
		if err != nil {
			return err
		}
		n := min(step, bytes-sum)
		if free < leave+n {
			break // others took what was there when this was planned
		}
		b := make([]byte, n)
		for i := 0; i < len(b); i += os.Getpagesize() {
			b[i] = 1
		}
		held, sum = append(held, b), sum+n
		select {
		case <-stop:
			return nil
		default:
		}
	}
	fmt.Fprintln(stdout, "ready", sum)
	defer runtime.KeepAlive(held)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-tick.C:
			if free, err := MemAvailable(); err == nil && free < leave/2 {
				return errors.New("let go: others need the memory")
			}
		}
	}
}
