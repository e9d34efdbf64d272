package wire

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"

	"google.golang.org/protobuf/encoding/protowire"

	"gameday/sources/signal"
)

// maxFields bounds the annotations and the tags of one span of protobuf each: an empty one takes two bytes there.
const maxFields = 10_000

// kinds are the names of zipkin.proto's Span.Kind.
var kinds = []string{"", "CLIENT", "SERVER", "PRODUCER", "CONSUMER"}

// Proto reads a ListOfSpans of Zipkin's protobuf, which has the fields of version 2
// (https://github.com/openzipkin/zipkin-api/blob/master/zipkin.proto), and appends to out what can be used; rejected counts what
// cannot. It returns what it read beside an error. Fields that it does not know are passed over.
func (r Reader) Proto(data []byte, out *[]signal.Span) (rejected int, err error) {
	err = fields(data, func(num protowire.Number, v value) error {
		if num != 1 {
			return nil
		}
		if len(*out)+rejected >= r.Most {
			return ErrMany
		}
		var s span
		if err := s.proto(v.bytes); err != nil {
			return fmt.Errorf("span %d: %w", len(*out)+rejected+1, err)
		}
		if one, ok := r.convert(&s); ok {
			*out = append(*out, one)
		} else {
			rejected++
		}
		return nil
	})
	return rejected, err
}

// value is a field's: bytes of a text or a message, or a number.
type value struct {
	bytes []byte
	num   uint64
}

// fields walks through a message.
func fields(data []byte, take func(protowire.Number, value) error) error {
	for len(data) > 0 {
		num, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		var v value
		switch kind {
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			v.num, n = protowire.ConsumeVarint(data)
		case protowire.Fixed64Type:
			v.num, n = protowire.ConsumeFixed64(data)
		default:
			n = protowire.ConsumeFieldValue(num, kind, data)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		if err := take(num, v); err != nil {
			return err
		}
	}
	return nil
}

var errFields = errors.New("too many annotations or tags")

func (s *span) proto(data []byte) error {
	s.Tags = map[string]string{}
	return fields(data, func(num protowire.Number, v value) (err error) {
		switch num {
		case 1:
			s.TraceID = hex.EncodeToString(v.bytes)
		case 2:
			s.ParentID = hex.EncodeToString(v.bytes)
		case 3:
			s.ID = hex.EncodeToString(v.bytes)
		case 4:
			if v.num < uint64(len(kinds)) {
				s.Kind = kinds[v.num]
			}
		case 5:
			s.Name = string(v.bytes)
		case 6:
			s.Timestamp = int64(v.num)
		case 7:
			s.Duration = int64(v.num)
		case 8:
			s.LocalEndpoint, err = place(v.bytes)
		case 9:
			s.RemoteEndpoint, err = place(v.bytes)
		case 10:
			err = s.annotation(v.bytes)
		case 11:
			err = s.tag(v.bytes)
		}
		return err
	})
}

func place(data []byte) (*endpoint, error) {
	var e endpoint
	return &e, fields(data, func(num protowire.Number, v value) error {
		switch num {
		case 1:
			e.ServiceName = string(v.bytes)
		case 2, 3:
			if ip, ok := netip.AddrFromSlice(v.bytes); ok && num == 2 {
				e.IPv4 = ip.Unmap().String()
			} else if ok {
				e.IPv6 = ip.Unmap().String()
			}
		case 4:
			if v.num <= 65535 {
				e.Port = int(v.num)
			}
		}
		return nil
	})
}

func (s *span) annotation(data []byte) error {
	if len(s.Annotations) >= maxFields {
		return errFields
	}
	s.Annotations = append(s.Annotations, annotation{})
	a := &s.Annotations[len(s.Annotations)-1]
	return fields(data, func(num protowire.Number, v value) error {
		switch num {
		case 1:
			a.Timestamp = int64(v.num)
		case 2:
			a.Value = string(v.bytes)
		}
		return nil
	})
}

func (s *span) tag(data []byte) error {
	if len(s.Tags) >= maxFields {
		return errFields
	}
	var key, text string
	err := fields(data, func(num protowire.Number, v value) error {
		switch num {
		case 1:
			key = string(v.bytes)
		case 2:
			text = string(v.bytes)
		}
		return nil
	})
	s.Tags[key] = text
	return err
}
