package grpc

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"gameday/engine/load/template"
	"gameday/sources/sanitize"
)

// prefixSize is what stands before each message: whether it is compressed, and its length.
const prefixSize = 5

// message is one message of a step.
type message struct {
	text   *template.Template
	static []byte // with its prefix, when it is the same for every call
}

// newMessage compiles a message and tries it out, unless it needs variables that are not known before the run.
func newMessage(text string, names template.Names, s *schema, in protoreflect.MessageDescriptor) (*message, error) {
	if text == "" {
		text = "{}"
	}
	t, err := template.Compile(text, names)
	if err != nil {
		return nil, err
	}
	m := &message{text: t}
	if len(t.Needs(nil)) > 0 {
		return m, nil
	}
	rng := rand.New(rand.NewPCG(1, 1))
	e := encoder{}
	made, err := e.append(nil, m, s, in, &template.Values{User: 1, Plan: rng, Fresh: rng})
	if err != nil {
		return nil, err
	}
	if t.Static() {
		m.static = made
	}
	return m, nil
}

// encoder makes messages of templates. It keeps what can be used again.
type encoder struct {
	text []byte
	into map[protoreflect.MessageDescriptor]*dynamicpb.Message
}

// append appends a message with its prefix.
func (e *encoder) append(dst []byte, m *message, s *schema, in protoreflect.MessageDescriptor, v *template.Values) ([]byte, error) {
	if m.static != nil {
		return append(dst, m.static...), nil
	}
	e.text = m.text.Append(e.text[:0], v)
	into := e.into[in]
	if into == nil {
		if e.into == nil {
			e.into = map[protoreflect.MessageDescriptor]*dynamicpb.Message{}
		}
		into = dynamicpb.NewMessage(in)
		e.into[in] = into
	}
	if err := (protojson.UnmarshalOptions{Resolver: s.types}).Unmarshal(e.text, into); err != nil {
		return dst, fmt.Errorf("it is no %s: %s", in.FullName(), sanitize.Line(err.Error(), 200))
	}
	at := len(dst)
	dst, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(append(dst, 0, 0, 0, 0, 0), into)
	if err != nil {
		return dst[:at], fmt.Errorf("encode a %s: %w", in.FullName(), err)
	}
	binary.BigEndian.PutUint32(dst[at+1:], uint32(len(dst)-at-prefixSize))
	return dst, nil
}

// appendJSON appends the messages of an answer as JSON, one a line, up to limit bytes.
func appendJSON(dst, raw []byte, s *schema, of protoreflect.MessageDescriptor, limit int) ([]byte, error) {
	var line bytes.Buffer
	for len(raw) >= prefixSize && len(dst) < limit {
		n := int(binary.BigEndian.Uint32(raw[1:]))
		if raw = raw[prefixSize:]; n > len(raw) {
			break
		}
		m := dynamicpb.NewMessage(of)
		if err := (proto.UnmarshalOptions{Resolver: s.types}).Unmarshal(raw[:n], m); err != nil {
			return dst, errors.New("bad response: a message that does not have the method's type")
		}
		raw = raw[n:]
		text, err := protojson.MarshalOptions{Resolver: s.types}.Marshal(m)
		if err != nil {
			return dst, errors.New("bad response: a message that JSON cannot express")
		}
		line.Reset()
		if err := json.Compact(&line, text); err != nil { // protojson puts spaces in by chance
			return dst, fmt.Errorf("compact an answer's JSON: %w", err)
		}
		if len(dst) > 0 {
			dst = append(dst, '\n')
		}
		dst = append(dst, line.Bytes()...)
	}
	return dst[:min(len(dst), limit)], nil
}
