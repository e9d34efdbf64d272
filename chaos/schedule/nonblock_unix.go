//go:build unix

package schedule

import "syscall"

// nonBlocking keeps a pipe in the place of the stop file from holding up its reader.
const nonBlocking = syscall.O_NONBLOCK
