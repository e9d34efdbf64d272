//go:build !linux || !(amd64 || arm64)

package main

import "fmt"

func main() {
	fmt.Println("bench-load compares the epoll engine with its peers, which is for Linux on amd64 or arm64")
}
