package clock

import (
	"encoding/binary"
	"time"
)

// The numbers of the system calls that the functions of the vDSO stand for (arch/x86/entry/syscalls/syscall_64.tbl).
const (
	sysGettimeofday = 96
	sysTime         = 201
	sysClockGettime = 228
)

// asm is machine code in the making.
type asm []byte

func (a *asm) put(b ...byte) { *a = append(*a, b...) }

func (a *asm) imm32(v uint32) { *a = binary.LittleEndian.AppendUint32(*a, v) }

// call makes the system call whose arguments are in place already. It changes rax, rcx and r11 only, which belong to
// whoever is called.
func (a *asm) call(nr uint32) {
	a.put(0xb8) // mov eax, nr
	a.imm32(nr)
	a.put(0x0f, 0x05) // syscall
}

// forward emits a short conditional jump to where land is called.
func (a *asm) forward(op byte) (land func()) {
	a.put(op, 0)
	at := len(*a)
	return func() { (*a)[at-1] = byte(len(*a) - at) }
}

const (
	je = 0x74
	jb = 0x72
	jn = 0x75 // jne
)

// loadSeconds is mov rcx, seconds.
func (a *asm) loadSeconds(s int64) {
	a.put(0x48, 0xb9)
	*a = binary.LittleEndian.AppendUint64(*a, uint64(s))
}

// addPair adds seconds and parts to the pair of 64-bit numbers that a register points to: 6 for rsi, 7 for rdi.
func (a *asm) addPair(register byte, seconds int64, parts, whole uint32) {
	a.loadSeconds(seconds)
	a.put(0x48, 0x01, 0x08|register)       // add [reg], rcx
	a.put(0x48, 0x8b, 0x40|register, 0x08) // mov rax, [reg+8]
	a.put(0x48, 0x05)                      // add rax, parts
	a.imm32(parts)
	a.put(0x48, 0x3d) // cmp rax, whole
	a.imm32(whole)
	carried := a.forward(jb)
	a.put(0x48, 0x2d) // sub rax, whole
	a.imm32(whole)
	a.put(0x48, 0xff, register) // inc qword [reg]
	carried()
	a.put(0x48, 0x89, 0x40|register, 0x08) // mov [reg+8], rax
	a.put(0x31, 0xc0)                      // xor eax, eax
}

// split makes an offset of whole seconds, rounded down, and what is left of it, never negative.
func split(by time.Duration) (seconds int64, rest time.Duration) {
	seconds, rest = int64(by/time.Second), by%time.Second
	if rest < 0 {
		return seconds - 1, rest + time.Second
	}
	return seconds, rest
}

// clockGettime is int clock_gettime(clockid_t, struct timespec *): edi is the clock. The realtime clocks are shifted:
// CLOCK_REALTIME, CLOCK_REALTIME_COARSE and CLOCK_TAI.
func clockGettime(by time.Duration) []byte {
	s, rest := split(by)
	var a asm
	a.call(sysClockGettime)
	a.put(0x85, 0xc0) // test eax, eax
	failed := a.forward(jn)
	a.put(0x83, 0xff, 0) // cmp edi, 0
	real := a.forward(je)
	a.put(0x83, 0xff, 5)
	coarse := a.forward(je)
	a.put(0x83, 0xff, 11)
	other := a.forward(jn)
	real()
	coarse()
	a.addPair(6, s, uint32(rest.Nanoseconds()), 1e9)
	failed()
	other()
	a.put(0xc3) // ret
	return a
}

// gettimeofday is int gettimeofday(struct timeval *, struct timezone *): rdi may be 0.
func gettimeofday(by time.Duration) []byte {
	s, rest := split(by)
	var a asm
	a.call(sysGettimeofday)
	a.put(0x85, 0xc0) // test eax, eax
	failed := a.forward(jn)
	a.put(0x48, 0x85, 0xff) // test rdi, rdi
	nowhere := a.forward(je)
	a.addPair(7, s, uint32(rest.Microseconds()), 1e6)
	failed()
	nowhere()
	a.put(0xc3) // ret
	return a
}

// timeOf is time_t time(time_t *): rdi may be 0. Parts of a second are left out.
func timeOf(by time.Duration) []byte {
	s, _ := split(by)
	var a asm
	a.call(sysTime)
	a.loadSeconds(s)
	a.put(0x48, 0x01, 0xc8) // add rax, rcx
	a.put(0x48, 0x85, 0xff) // test rdi, rdi
	nowhere := a.forward(je)
	a.put(0x48, 0x89, 0x07) // mov [rdi], rax
	nowhere()
	a.put(0xc3) // ret
	return a
}

// jump is jmp from an address to another, both relative to the same base. It is as long as jumpSize.
func jump(from, to uint64) []byte {
	var a asm
	a.put(0xe9)
	a.imm32(uint32(int32(int64(to) - int64(from) - jumpSize)))
	return a
}

const jumpSize = 5
