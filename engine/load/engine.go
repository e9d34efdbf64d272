package load

import (
	"errors"
	"fmt"

	"gameday/engine/load/http1"
)

// Engine is how requests are sent.
type Engine string

// The engines. Both measure the same things and make the same requests; the loops take less of the machine for each.
const (
	EngineAuto      Engine = ""          // loops where they can, goroutines where not; the result says which and why
	EngineGoroutine Engine = "goroutine" // a goroutine for each connection
	EngineEpoll     Engine = "epoll"     // a thread for each core that drives its connections by epoll: Linux, plain HTTP/1.1
)

// choose decides how requests are sent: by loops, or when fast is nil by goroutines. note is for the result, empty when
// there is nothing to choose.
func choose(e Engine, c *compiled) (fast *fastPath, note string, err error) {
	if why := c.fullClient(); why != "" {
		if e == EngineEpoll {
			return nil, "", fmt.Errorf("the epoll engine cannot serve this plan: %s; leave the engine out", why)
		}
		return nil, "requests were sent by the full HTTP client (net/http), a goroutine for each connection, which takes more of the machine: " + why, nil
	}
	http, ok := c.protocols[0].(*http1.Protocol)
	if !ok {
		return nil, "", nil
	}
	switch e {
	case EngineGoroutine:
		return nil, slowly(fmt.Errorf("as was asked for")), nil
	case EngineAuto, EngineEpoll:
	default:
		return nil, "", fmt.Errorf("there is no load engine %q: use %s or %s, or leave it out", e, EngineEpoll, EngineGoroutine)
	}
	if len(c.protocols) > 1 {
		err = errors.New("the plan speaks to more than one target, or to one in more than one way")
	} else {
		fast, err = newFastPath(http)
	}
	switch {
	case err == nil:
		return fast, "", nil
	case e == EngineEpoll:
		return nil, "", fmt.Errorf("the epoll engine cannot serve this plan: %w; leave the engine out to have the goroutine engine instead", err)
	}
	return nil, slowly(err), nil
}

// slowly is what the result says of a run without loops.
func slowly(why error) string {
	return fmt.Sprintf("requests were sent by a goroutine for each connection: %v", why)
}
