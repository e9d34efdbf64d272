//go:build !unix

package dial

// closed cannot look at a socket here; one that was closed is found out when it is used.
func closed(uintptr) bool { return false }
