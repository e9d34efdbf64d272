//go:build !linux

package main

import "fmt"

func main() {
	fmt.Println("bench measures what a client's process has used, which is done for Linux only")
}
