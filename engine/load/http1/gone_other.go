//go:build !unix

package http1

// gone cannot look at an idle connection here; one that was closed is found out, retried and counted when it is used.
func gone(*wire) bool { return false }
