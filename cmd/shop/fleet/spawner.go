package fleet

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
)

// spawner starts every child from one operating-system thread that lives as long as the fleet: the kernel sends the
// parent-death signal when the thread that forked ends, not when the process does.
type spawner struct {
	jobs chan spawnJob
	done chan struct{}
}

type spawnJob struct {
	cmd *exec.Cmd
	err chan error
}

// newSpawner takes the read end of the lifeline, which every child inherits as descriptor 3. The write end stays with
// us: Go marks it close-on-exec, so no child can keep it open.
func newSpawner(lifeline *os.File) *spawner {
	s := &spawner{jobs: make(chan spawnJob), done: make(chan struct{})}
	go s.run(lifeline)
	return s
}

func (s *spawner) run(lifeline *os.File) {
	runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine, after the last child
	defer close(s.done)
	defer lifeline.Close()
	for j := range s.jobs {
		j.cmd.ExtraFiles = []*os.File{lifeline}
		tie(j.cmd)
		j.err <- j.cmd.Start()
	}
}

// start starts cmd tied to this process's life. It must not be called after close.
func (s *spawner) start(cmd *exec.Cmd) error {
	if s == nil {
		return errors.New("the fleet is not running")
	}
	j := spawnJob{cmd, make(chan error, 1)}
	s.jobs <- j
	return <-j.err
}

// close ends the thread. Call it when every child has been waited for.
func (s *spawner) close() {
	close(s.jobs)
	<-s.done
}
