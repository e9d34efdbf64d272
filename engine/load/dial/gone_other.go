//go:build !unix

package dial

// Gone cannot look at a kept connection here; one that was closed is found out when it is used.
func (l *Link) Gone() bool { return false }
