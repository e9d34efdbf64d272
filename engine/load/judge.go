package load

import (
	"errors"

	"gameday/engine/load/protocol"
)

var (
	errTooSlow  = errors.New("it took longer than the plan allows")
	errTooLarge = errors.New("its body is larger than the plan allows")
	errTooSmall = errors.New("its body is smaller than the plan allows")
)

// judge turns an answer into the kind of outcome it is.
func (s *step) judge(out *protocol.Outcome) {
	if !s.anyStatus || !s.status.Empty() {
		if out.Kind = s.judgeStatus(out.Status); out.Kind != protocol.OK {
			return
		}
	}
	var err error
	switch {
	case s.within > 0 && out.Done-out.Start > s.within:
		err = errTooSlow
	case s.maxSize > 0 && out.Received > s.maxSize:
		err = errTooLarge
	case s.minSize > 0 && out.Received < s.minSize:
		err = errTooSmall
	}
	for _, c := range s.checks {
		if err != nil {
			break
		}
		err = c.Judge(out.Head, out.Body)
	}
	if err != nil {
		out.Kind, out.Err = protocol.CheckFailed, err
	}
}

func (s *step) judgeStatus(status int) protocol.Kind {
	checked := !s.status.Empty()
	switch {
	case checked && s.status.Has(status), !checked && status < 400:
		return protocol.OK
	case status >= 500:
		return protocol.Status5xx
	case checked:
		return protocol.CheckFailed
	}
	return protocol.Status4xx
}
