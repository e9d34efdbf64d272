package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOwnPages(t *testing.T) {
	const own = "/usr/local/bin/game day"
	for line, want := range map[string][2]uintptr{
		"00400000-0253a000 r-xp 00000000 00:1f 1234                       " + own: {0x400000, 0x213a000},
		"0253a000-0483d000 r--p 0213a000 00:1f 1234                       " + own: {0x253a000, 0x2303000},
		"0483d000-04a6e000 rw-p 0443d000 00:1f 1234                       " + own: {}, // it may have been written to
		"00400000-0253a000 r--s 00000000 00:1f 1234                       " + own: {},
		"00400000-0253a000 ---p 00000000 00:1f 1234                       " + own: {},
		"7f7162a0f000-7f7162acf000 r--p 00000000 00:00 0":                         {},
		"7f71ac1ec000-7f71ac342000 r-xp 00028000 fe:00 99 /usr/lib/libc.so.6":     {},
		"0253a000-00400000 r--p 0213a000 00:1f 1234 " + own:                       {},
		"nonsense r--p 0213a000 00:1f 1234 " + own:                                {},
		"": {},
	} {
		from, size, ok := ownPages(line, own)
		require.Equal(t, want, [2]uintptr{from, size}, line)
		require.Equal(t, want != [2]uintptr{}, ok, line)
	}
}

// What the loader wrote into a part that is read only now, also where that has been swapped out, would be lost.
func TestWhatTheLoaderWroteIsNotForgotten(t *testing.T) {
	const own = "/usr/bin/gameday"
	entry := func(from, to, rights, anonymous, swap string) string {
		return from + "-" + to + " " + rights + " 00000000 00:1f 1234    " + own + "\nSize:   4 kB\nRss:    4 kB\nPrivate_Dirty:  0 kB\nAnonymous:      " +
			anonymous + " kB\nLazyFree:       0 kB\nSwap:           " + swap + " kB\nVmFlags: rd mr mw me sd\n"
	}
	smaps := entry("1000", "2000", "r-xp", "0", "0") + entry("2000", "3000", "r--p", "4", "0") + entry("3000", "4000", "r--p", "0", "4") +
		entry("4000", "5000", "rw-p", "0", "0") + entry("5000", "7000", "r--p", "0", "0") + "8000-9000 r--p 00000000 00:1f 1234    " + own + "\n"
	require.Equal(t, []stretch{{0x1000, 0x1000}, {0x5000, 0x2000}}, unchanged(strings.NewReader(smaps), own))
}

func TestStartIsForgotten(t *testing.T) {
	before := residentFile(t)
	forgetStart()
	require.Less(t, residentFile(t), before)
	_, _, ok := ownPages("", "") // what was given back comes again when it is needed
	require.False(t, ok)
}

// residentFile is how much of files counts as this process's memory, in kB.
func residentFile(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(data), "RssFile:")
	fields := strings.Fields(rest)
	require.NotEmpty(t, fields)
	n, err := strconv.Atoi(fields[0])
	require.NoError(t, err)
	return n
}
