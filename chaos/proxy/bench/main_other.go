//go:build !linux

// Program bench compares the proxy with others; it needs Linux, whose /proc tells what a process has used.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: it needs Linux")
	os.Exit(1)
}
