//go:build !unix

package schedule

const nonBlocking = 0
