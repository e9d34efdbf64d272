package load

import (
	"fmt"
	"reflect"
	"strings"

	"gameday/engine/load/dns"
	"gameday/engine/load/grpc"
	"gameday/engine/load/kafka"
	"gameday/engine/load/protocol"
	"gameday/engine/load/redis"
	"gameday/engine/load/sql"
	"gameday/engine/load/tcp"
	"gameday/engine/load/template"
	"gameday/engine/load/udp"
	"gameday/engine/load/websocket"
)

// Speaks is what a step does with targets that are not spoken to in HTTP. One field is given, and the target's scheme
// belongs to it.
type Speaks struct {
	GRPC      *grpc.Call       `yaml:"grpc" doc:"A call: grpc:// or grpcs://."`
	WebSocket *websocket.Talk  `yaml:"websocket" doc:"Messages: ws:// or wss://."`
	TCP       *tcp.Exchange    `yaml:"tcp" doc:"Bytes there and back: tcp:// or tls://."`
	UDP       *udp.Datagrams   `yaml:"udp" doc:"Datagrams: udp://."`
	DNS       *dns.Query       `yaml:"dns" doc:"A question to a name server: dns://, dns+tcp:// or dot://."`
	SQL       *sql.Work        `yaml:"sql" doc:"A statement or a transaction: postgres://, mysql:// or sqlite://."`
	Redis     *redis.Pipeline  `yaml:"redis" doc:"A command or a pipeline of them: redis:// or rediss://."`
	Kafka     *kafka.Operation `yaml:"kafka" doc:"Records produced or consumed: kafka://."`
}

// speech is how one protocol other than HTTP is wired in.
type speech struct {
	name     string
	config   any // nil when the step has none
	validate func(report func(path, format string, args ...any))
	make     func(target string) (protocol.Protocol, error)
	prepare  func(p protocol.Protocol, s protocol.Step, config any) (int, error)
}

// spoken lists the protocols with what a step has for them.
func (s *Speaks) spoken(p *Plan, o protocol.Options) []speech {
	sharing := p.HTTP2
	return []speech{
		wire("grpc", s.GRPC, func(t string) (*grpc.Protocol, error) { return grpc.New(t, o, sharing) }, (*grpc.Protocol).Prepare),
		wire("websocket", s.WebSocket, func(t string) (*websocket.Protocol, error) { return websocket.New(t, o) }, (*websocket.Protocol).Prepare),
		wire("tcp", s.TCP, func(t string) (*tcp.Protocol, error) { return tcp.New(t, o) }, (*tcp.Protocol).Prepare),
		wire("udp", s.UDP, func(t string) (*udp.Protocol, error) { return udp.New(t, o) }, (*udp.Protocol).Prepare),
		wire("dns", s.DNS, func(t string) (*dns.Protocol, error) { return dns.New(t, o) }, (*dns.Protocol).Prepare),
		wire("sql", s.SQL, func(t string) (*sql.Protocol, error) { return sql.New(t, o) }, (*sql.Protocol).Prepare),
		wire("redis", s.Redis, func(t string) (*redis.Protocol, error) { return redis.New(t, o) }, (*redis.Protocol).Prepare),
		wire("kafka", s.Kafka, func(t string) (*kafka.Protocol, error) { return kafka.New(t, o) }, (*kafka.Protocol).Prepare),
	}
}

type validator interface {
	Validate(report func(path, format string, args ...any))
}

// wire makes the protocols look alike, each of which has steps of its own kind.
func wire[P protocol.Protocol, C any](
	name string, config *C, make func(string) (P, error), prepare func(P, protocol.Step, *C) (int, error),
) speech {
	out := speech{name: name}
	if config == nil {
		return out
	}
	out.config = config
	out.validate = any(config).(validator).Validate
	out.make = func(target string) (protocol.Protocol, error) { return make(target) }
	out.prepare = func(p protocol.Protocol, s protocol.Step, c any) (int, error) { return prepare(p.(P), s, c.(*C)) }
	return out
}

// speech is how a step speaks when it does not speak HTTP.
func (s *Speaks) speech(p *Plan, o protocol.Options) (found []speech) {
	for _, one := range s.spoken(p, o) {
		if one.config != nil {
			found = append(found, one)
		}
	}
	return found
}

// speak prepares a step of another protocol than HTTP.
func (c *compiler) speak(out *step, how speech, target string, set *settings, common protocol.Step) error {
	key := how.name + " " + target + " " + set.line
	at, ok := c.web[key]
	if !ok {
		made, err := how.make(target)
		if err != nil {
			return err
		}
		at = len(c.protocols)
		c.web[key] = at
		c.protocols = append(c.protocols, made)
	}
	config := reflect.New(reflect.TypeOf(how.config).Elem())
	var fault error
	config.Elem().Set(rewrite(reflect.ValueOf(how.config).Elem(), func(text string) string {
		filled, err := template.Expand(text, c.lookup)
		if err != nil && fault == nil {
			fault = fmt.Errorf("%s: %w", how.name, err)
		}
		// What a protocol fills in by itself is no variable of ours, and is no fault here.
		if needs, err := c.needs(filled); err == nil {
			out.needs = append(out.needs, needs...)
		}
		return filled
	}))
	if fault != nil {
		return fault
	}
	if call, ok := config.Interface().(*grpc.Call); ok {
		c.files(call)
	}
	out.proto, out.anyStatus = at, true
	var err error
	out.handle, err = how.prepare(c.protocols[at], common, config.Interface())
	return err
}

// files has a call's files found from where the plan's file is.
func (c *compiler) files(call *grpc.Call) {
	for _, name := range []*string{&call.Proto, &call.DescriptorSet} {
		if *name != "" {
			*name = c.plan.beside(*name)
		}
	}
	for i, dir := range call.Imports {
		call.Imports[i] = c.plan.beside(dir)
	}
}

// rewrite is a copy of a value of a plan in which every text has been replaced.
func rewrite(v reflect.Value, replace func(string) string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		if strings.ContainsAny(v.String(), "${") {
			out.SetString(replace(v.String()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(rewrite(v.Elem(), replace))
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(rewrite(v.Index(i), replace))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
			for it := v.MapRange(); it.Next(); {
				out.SetMapIndex(it.Key(), rewrite(it.Value(), replace))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(rewrite(v.Field(i), replace))
			}
		}
	}
	return out
}
