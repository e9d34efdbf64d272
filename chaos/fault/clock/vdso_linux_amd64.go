package clock

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gameday/chaos/proc"
)

// tagSize is how many bytes tell whose fault it is. They stand before the code that is put into a process.
const tagSize = 16

// vdso is what the kernel puts into every 64-bit process, as this process has it.
type vdso struct {
	data    []byte // all that is mapped
	used    uint64 // bytes that are not padding
	entries []entry
	area    uint64 // in the padding: where the tag and the code go
}

// entry is one function that tells the time of day.
type entry struct {
	name string
	at   uint64
	code func(by time.Duration) []byte
}

var own = sync.OnceValues(readOwn)

func readOwn() (*vdso, error) {
	m, err := open(proc.Self(), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer m.close()
	v := &vdso{data: make([]byte, m.size)}
	if _, err := m.f.ReadAt(v.data, int64(m.base)); err != nil {
		return nil, fmt.Errorf("read the vDSO of this process: %w", err)
	}
	f, err := elf.NewFile(bytes.NewReader(v.data))
	if err != nil {
		return nil, fmt.Errorf("read the vDSO of this process: %w", err)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil, fmt.Errorf("read the vDSO of this process: %w", err)
	}
	for _, want := range []entry{{"__vdso_clock_gettime", 0, clockGettime}, {"__vdso_gettimeofday", 0, gettimeofday}, {"__vdso_time", 0, timeOf}} {
		for _, s := range symbols {
			if s.Name == want.name && s.Size >= jumpSize && s.Value+s.Size <= uint64(len(v.data)) {
				want.at = s.Value
			}
		}
		if want.at == 0 {
			return nil, fmt.Errorf("this kernel's vDSO has no function %s", want.name)
		}
		v.entries = append(v.entries, want)
	}
	v.used = uint64(len(bytes.TrimRight(v.data, "\x00")))
	v.area = (v.used + 63) &^ 63
	if room := uint64(len(v.data)) - min(v.area, uint64(len(v.data))); uint64(len(v.code(strings.Repeat("00", tagSize), 0))) > room {
		return nil, fmt.Errorf("this kernel's vDSO leaves no room: %d bytes", room)
	}
	return v, nil
}

// code is what goes into the padding: the tag, then each function, at steps of 16 bytes.
func (v *vdso) code(tag string, by time.Duration) []byte {
	out, _ := hex.DecodeString(tag) // a tag that is none finds nobody
	for i := range v.entries {
		for len(out)%16 != 0 {
			out = append(out, 0xcc) // int3
		}
		out = append(out, v.entries[i].code(by)...)
	}
	return out
}

// places are where the functions in code are, relative to the vDSO.
func (v *vdso) places(by time.Duration) []uint64 {
	at, out := v.area+tagSize, []uint64(nil)
	for _, e := range v.entries {
		at = (at + 15) &^ 15
		out = append(out, at)
		at += uint64(len(e.code(by)))
	}
	return out
}

// memory is the vDSO in the memory of a process.
type memory struct {
	f          *os.File
	base, size uint64
}

// open opens the memory of exactly this process.
func open(id proc.ID, flag int) (*memory, error) {
	dir := "/proc/" + strconv.Itoa(id.PID)
	f, err := os.OpenFile(dir+"/mem", flag, 0)
	if err != nil {
		return nil, gone(id, fmt.Errorf("open the memory of process %d: %w", id.PID, err))
	}
	m := &memory{f: f}
	if err = m.find(dir); err == nil {
		_, err = id.Status() // whose PID it was when the file was opened is whose memory it is
	}
	if err != nil {
		m.close()
		return nil, gone(id, err)
	}
	return m, nil
}

func (m *memory) find(dir string) error {
	maps, err := os.ReadFile(dir + "/maps")
	if err != nil {
		return fmt.Errorf("look at the memory of a process: %w", err)
	}
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			from, rest, _ := strings.Cut(line, "-")
			to, _, _ := strings.Cut(rest, " ")
			a, aerr := strconv.ParseUint(from, 16, 64)
			b, berr := strconv.ParseUint(to, 16, 64)
			if aerr != nil || berr != nil || b <= a || b-a > 1<<20 {
				return fmt.Errorf("%s/maps: %q is not understood", dir, strings.TrimSpace(line))
			}
			m.base, m.size = a, b-a
			return nil
		}
	}
	return fmt.Errorf("%s/maps: the process has no vDSO", dir)
}

func (m *memory) close() { _ = m.f.Close() } // nothing is buffered

// gone makes an error of a process that has ended proc.ErrGone.
func gone(id proc.ID, err error) error {
	if st, serr := id.Status(); errors.Is(serr, proc.ErrGone) || serr == nil && st.Dead() {
		return fmt.Errorf("process %d: %w", id.PID, proc.ErrGone)
	}
	return err
}

// available tries to write to the memory of this very process, where it changes nothing.
func available() error {
	v, err := own()
	if err != nil {
		return err
	}
	m, err := open(proc.Self(), os.O_RDWR)
	if err != nil {
		return err
	}
	defer m.close()
	if _, err := m.f.WriteAt(make([]byte, 1), int64(m.base+v.area)); err != nil {
		return fmt.Errorf("the kernel lets nobody write to memory that is read-only (proc_mem.force_override): %w", err)
	}
	return nil
}

// pristine says how what tells the time in a process differs from what the kernel put there; nil is not at all. What lies
// in the padding and is led to by nothing does not count.
func pristine(id proc.ID) error {
	v, err := own()
	if err != nil {
		return err
	}
	m, err := open(id, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer m.close()
	if m.size != uint64(len(v.data)) {
		return fmt.Errorf("process %d has another kind of vDSO than 64-bit programs", id.PID)
	}
	now := make([]byte, v.used)
	if _, err := m.f.ReadAt(now, int64(m.base)); err != nil {
		return gone(id, fmt.Errorf("read the memory of process %d: %w", id.PID, err))
	}
	if !bytes.Equal(now, v.data[:v.used]) {
		return fmt.Errorf("what tells process %d the time was changed by someone already", id.PID)
	}
	return nil
}

// tagged reports whether a process has the fault with the tag.
func tagged(id proc.ID, tag string) bool {
	v, err := own()
	if err != nil {
		return false
	}
	m, err := open(id, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer m.close()
	return m.tag(v) == tag
}

func (m *memory) tag(v *vdso) string {
	b := make([]byte, tagSize)
	if m.size != uint64(len(v.data)) {
		return ""
	}
	if _, err := m.f.ReadAt(b, int64(m.base+v.area)); err != nil {
		return ""
	}
	return hex.EncodeToString(b)
}

// shift changes the clock of a process.
func shift(ctx context.Context, id proc.ID, tag string, by time.Duration) error {
	if err := pristine(id); err != nil {
		return err
	}
	v, err := own()
	if err != nil {
		return err
	}
	m, err := open(id, os.O_RDWR)
	if err != nil {
		return err
	}
	defer m.close()
	inTheWay := func(at uint64) bool { // of what is replaced: within those instructions, or in the code of a fault before this one
		for _, e := range v.entries {
			if at > e.at && at < e.at+jumpSize {
				return true
			}
		}
		return at >= v.area && at < m.size
	}
	return stopped(ctx, id, m, inTheWay, func() error {
		if _, err := m.f.WriteAt(v.code(tag, by), int64(m.base+v.area)); err != nil {
			return fmt.Errorf("write to the memory of process %d: %w", id.PID, err)
		}
		places := v.places(by)
		for i, e := range v.entries {
			if _, err := m.f.WriteAt(jump(e.at, places[i]), int64(m.base+e.at)); err != nil {
				return fmt.Errorf("write to the memory of process %d: %w", id.PID, err)
			}
		}
		return nil
	})
}

// repair puts the first instructions back where the tag says that they are gone, and lets the process go on. The code in
// the padding stays, without its tag: a thread may be in it, and nothing leads there any more.
func repair(ctx context.Context, id proc.ID, tag string) error {
	v, err := own()
	if err != nil {
		return err
	}
	m, err := open(id, os.O_RDWR)
	if err != nil {
		return err
	}
	defer m.close()
	if m.tag(v) != tag { // never changed, repaired, or the process has become another program; it may still be stopped
		return goOn(id)
	}
	nowhere := func(uint64) bool { return false } // a jump is one instruction: no thread is within it
	return stopped(ctx, id, m, nowhere, func() error {
		for _, e := range v.entries {
			if _, err := m.f.WriteAt(v.data[e.at:e.at+jumpSize], int64(m.base+e.at)); err != nil {
				return fmt.Errorf("write to the memory of process %d: %w", id.PID, err)
			}
		}
		if _, err := m.f.WriteAt(make([]byte, tagSize), int64(m.base+v.area)); err != nil {
			return fmt.Errorf("write to the memory of process %d: %w", id.PID, err)
		}
		return nil
	})
}

func goOn(id proc.ID) error {
	if err := id.Signal(syscall.SIGCONT); err != nil && !errors.Is(err, proc.ErrGone) {
		return err
	}
	return nil
}

// stopped does something while no thread of the process runs, and none is about to run an instruction that is in the way, by
// its place in the vDSO. It always lets the process go on.
func stopped(ctx context.Context, id proc.ID, m *memory, inTheWay func(at uint64) bool, do func() error) (err error) {
	defer func() { err = gone(id, errors.Join(err, goOn(id))) }()
	for pause := 200 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		if err := id.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		busy, err := still(ctx, id, m, inTheWay)
		if err != nil {
			return err
		}
		if !busy {
			return do()
		}
		if err := goOn(id); err != nil { // a thread reads the clock right now: in a moment it will not
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d reads the clock all the time: %w", id.PID, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// still waits until every thread is stopped, and reports whether one is in the way.
func still(ctx context.Context, id proc.ID, m *memory, inTheWay func(at uint64) bool) (busy bool, err error) {
	for {
		running, busy, err := m.threads(id, inTheWay)
		if err != nil || !running {
			return busy, err
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("process %d does not stop: %w", id.PID, ctx.Err())
		case <-time.After(100 * time.Microsecond):
		}
	}
}

// threads looks at all threads (/proc/PID/task/TID/syscall, proc_pid_syscall(5), ends in the address of the next
// instruction; of one that runs it says just that).
func (m *memory) threads(id proc.ID, inTheWay func(at uint64) bool) (running, busy bool, err error) {
	dir := fmt.Sprintf("/proc/%d/task", id.PID)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return false, false, gone(id, fmt.Errorf("list the threads of process %d: %w", id.PID, err))
	}
	for _, t := range tasks {
		stat, err := os.ReadFile(dir + "/" + t.Name() + "/stat")
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return false, false, err
		}
		if i := bytes.LastIndexByte(stat, ')'); i < 0 || i+2 >= len(stat) || stat[i+2] != 'T' {
			if i > 0 && i+2 < len(stat) && (stat[i+2] == 'Z' || stat[i+2] == 'X') {
				continue
			}
			return true, false, nil
		}
		at, err := os.ReadFile(dir + "/" + t.Name() + "/syscall")
		if err != nil {
			return false, false, gone(id, fmt.Errorf("see where a thread of process %d is: %w", id.PID, err))
		}
		f := strings.Fields(string(at))
		if len(f) < 3 {
			return true, false, nil // "running": not quite stopped yet
		}
		pc, err := strconv.ParseUint(strings.TrimPrefix(f[len(f)-1], "0x"), 16, 64)
		if err != nil {
			return false, false, fmt.Errorf("see where a thread of process %d is: %q: %w", id.PID, at, err)
		}
		busy = busy || pc >= m.base && pc < m.base+m.size && inTheWay(pc-m.base)
	}
	return false, busy, nil
}
