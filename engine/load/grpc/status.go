package grpc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gameday/engine/load/protocol"
	"gameday/sources/sanitize"
)

// Status codes of gRPC, as far as they are treated in a way of their own.
const (
	codeOK               = 0
	codeUnknown          = 2
	codeDeadline         = 4
	codePermissionDenied = 7
	codeUnimplemented    = 12
	codeUnavailable      = 14
	codeUnauthenticated  = 16
)

// codeNames are the status codes' names, by code.
var codeNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
	"UNAUTHENTICATED",
}

// codeSet is a set of status codes.
type codeSet uint32

func (s codeSet) has(code int) bool { return code >= 0 && code < len(codeNames) && s&(1<<code) != 0 }

// parseCode reads a status code: its name in any case, with or without underscores, or its number.
func parseCode(text string) (int, error) {
	text = strings.TrimSpace(text)
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n < len(codeNames) {
		return n, nil
	}
	plain := func(s string) string { return strings.ToUpper(strings.ReplaceAll(s, "_", "")) }
	wanted := strings.Replace(plain(text), "CANCELED", "CANCELLED", 1)
	for code, name := range codeNames {
		if plain(name) == wanted {
			return code, nil
		}
	}
	return 0, fmt.Errorf("%.40q is no status code of gRPC: write a name such as NOT_FOUND, or a number from 0 to 16", text)
}

func parseCodes(texts []string) (set codeSet, err error) {
	if len(texts) == 0 {
		return 1 << codeOK, nil
	}
	for _, text := range texts {
		code, err := parseCode(text)
		if err != nil {
			return 0, err
		}
		set |= 1 << code
	}
	return set, nil
}

// kindOf is what a status is to the plan. Those that say the caller is at fault count with HTTP's 4xx, the others with 5xx.
func (s codeSet) kindOf(code int) protocol.Kind {
	if s.has(code) {
		return protocol.OK
	}
	switch code {
	case codeOK:
		return protocol.CheckFailed
	case codeDeadline:
		return protocol.Timeout
	case 1, 3, 5, 6, codePermissionDenied, 8, 9, 10, 11, codeUnauthenticated:
		return protocol.Status4xx
	}
	return protocol.Status5xx
}

// fromHTTP is the status of an answer that came from something in front of the service, as gRPC's documentation of the
// mapping has it.
func fromHTTP(status int) int {
	switch status {
	case 400:
		return 13
	case 401:
		return codeUnauthenticated
	case 403:
		return codePermissionDenied
	case 404:
		return codeUnimplemented
	case 429, 502, 503, 504:
		return codeUnavailable
	}
	return codeUnknown
}

// statusError is what a person is told of a status that is none of those expected.
func statusError(code int, message string) error {
	name := "unknown code " + strconv.Itoa(code)
	if code >= 0 && code < len(codeNames) {
		name = codeNames[code]
	}
	if message == "" {
		return errors.New("status " + name)
	}
	return errors.New("status " + name + ": " + sanitize.Line(unescape(message), 200))
}

// unescape undoes the percent-encoding of grpc-message. What is no encoding stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(v))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
