//go:build !linux || !(amd64 || arm64)

package http1

var loopClient clientMaker // there is none
