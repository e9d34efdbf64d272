package record

import (
	"bytes"
	"fmt"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"

	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// Section is one part of State that changes by itself.
type Section uint8

// The sections.
const (
	SectionExperiment Section = iota
	SectionLoad
	SectionFaults
	SectionHealth
	SectionProcesses
	SectionSwitches
	SectionStore
	SectionSpectrum // of the load's latencies, which change once a second and are long
	SectionSLOs
	SectionScorecard
	SectionHost
	SectionIncidents
	Sections // how many there are
)

var (
	packMode = must(cbor.EncOptions{Time: cbor.TimeRFC3339Nano, TimeTag: cbor.EncTagNone, NaNConvert: cbor.NaNConvertNone,
		InfConvert: cbor.InfConvertNone, ShortestFloat: cbor.ShortestFloatNone}.EncMode())
	unpackMode = must(cbor.DecOptions{MaxArrayElements: 1 << 20, MaxMapPairs: 1 << 16, MaxNestedLevels: 32,
		IndefLength: cbor.IndefLengthForbidden, UTF8: cbor.UTF8DecodeInvalid}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // options that contradict each other: every test would see it
	}
	return v
}

// pack is v as CBOR. It only takes plain data of package signal, which always can be.
func pack(v any) []byte {
	data, err := packMode.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("record: %T is no plain data: %v", v, err))
	}
	return data
}

func unpack(data []byte, v any) error {
	if err := unpackMode.Unmarshal(data, v); err != nil {
		return err
	}
	harmless(reflect.ValueOf(v), sanitize.MaxValue)
	return nil
}

// eachText puts what change makes of it in place of every text below v.
func eachText(v reflect.Value, change func(string) string) {
	each(v, func(v reflect.Value) {
		if v.Kind() == reflect.String {
			v.SetString(change(v.String()))
		}
	})
}

// harmless makes every text below v fit for a screen: a recording may have come from anybody.
func harmless(v reflect.Value, most int) {
	each(v, func(v reflect.Value) {
		if v.Kind() == reflect.String {
			v.SetString(sanitize.Line(v.String(), most))
		} else if last, ok := words[v.Type()]; ok && v.Uint() > last {
			v.SetUint(0)
		}
	})
}

// each calls do with every text and every word below v that can be changed.
func each(v reflect.Value, do func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			each(v.Elem(), do)
		}
	case reflect.Struct:
		if v.Type() == timeType {
			return
		}
		for i := range v.NumField() {
			each(v.Field(i), do)
		}
	case reflect.Slice, reflect.Array:
		switch v.Type().Elem().Kind() {
		case reflect.Struct, reflect.Pointer, reflect.Slice, reflect.String:
		default:
			return // numbers
		}
		for i := range v.Len() {
			each(v.Index(i), do)
		}
	case reflect.String, reflect.Uint8:
		if v.CanSet() {
			do(v)
		}
	}
}

var timeType = reflect.TypeFor[time.Time]()

// words are the types that are told by a word, with their last value.
var words = map[reflect.Type]uint64{
	reflect.TypeFor[signal.Check]():       uint64(signal.CheckError),
	reflect.TypeFor[signal.Phase]():       uint64(signal.PhaseDone),
	reflect.TypeFor[signal.Verdict]():     uint64(signal.VerdictInconclusive),
	reflect.TypeFor[signal.FaultPhase]():  uint64(signal.FaultNeedsHuman),
	reflect.TypeFor[signal.SourceState](): uint64(signal.SourceStopped),
	reflect.TypeFor[signal.Outcome]():     uint64(signal.Bad),
}

// decodeSecond reads one second of a load run.
func decodeSecond(data []byte) (s signal.LoadSecond, err error) {
	err = unpack(data, &s)
	if h := &s.Heat; h.First < 0 || h.First+len(h.Counts) > signal.LatencyBuckets || len(h.Counts) > signal.LatencyBuckets {
		*h = signal.LatencyCounts{}
	}
	return s, err
}

// loadState is a load run with its seconds told by how many of those recorded belong to it: they are First to First+Count
// of the chapter's.
type loadState struct {
	State        *signal.LoadState
	First, Count int
}

// sampler tells the encoder what changed of the states.
type sampler struct {
	private redactor
	last    [Sections][]byte
	started time.Time // of the load run whose seconds were recorded
	until   time.Time // up to there
	first   int       // the run's first second in the chapter
	count   int       // seconds in the chapter
}

// sample records the sections of s that differ from the last time.
func (p *sampler) sample(e *encoder, at time.Time, s State) {
	put := func(n Section, v any) {
		data := pack(v)
		if bytes.Equal(data, p.last[n]) {
			return
		}
		p.last[n], data = data, p.private.clean(data, v)
		e.entry(kindState, func(b []byte) []byte { return append(append(e.instant(b, at), byte(n)), data...) })
	}
	if l := s.Load; l != nil {
		p.seconds(e, l)
		short := *l
		short.Seconds, short.Spectrum = nil, nil
		put(SectionSpectrum, l.Spectrum)
		first := max(p.first, p.count-len(l.Seconds))
		put(SectionLoad, loadState{&short, first, p.count - first})
	}
	if s.Experiment != nil {
		put(SectionExperiment, s.Experiment)
	}
	put(SectionFaults, s.Faults)
	put(SectionHealth, s.Health)
	put(SectionProcesses, s.Processes)
	put(SectionSwitches, s.Switches)
	put(SectionStore, s.Store)
	put(SectionSLOs, s.SLOs)
	if s.Scorecard != nil {
		put(SectionScorecard, s.Scorecard)
	}
	put(SectionHost, s.Host)
	put(SectionIncidents, s.Incidents)
}

// seconds records those that are new.
func (p *sampler) seconds(e *encoder, l *signal.LoadState) {
	if !l.Started.Equal(p.started) {
		p.started, p.until, p.first = l.Started, time.Time{}, p.count
	}
	for i := range l.Seconds {
		if sec := &l.Seconds[i]; sec.To.After(p.until) {
			e.packed(kindSecond, p.private.pack(sec), nil)
			p.until = sec.To
			p.count++
		}
	}
}

// DecodeSection reads one section into a state. seconds are the chapter's so far.
func DecodeSection(n Section, data []byte, seconds []signal.LoadSecond, into *State) error {
	var err error
	switch n {
	case SectionExperiment:
		into.Experiment = nil
		err = unpack(data, &into.Experiment)
	case SectionLoad:
		var l loadState
		if err = unpack(data, &l); err == nil && l.State != nil {
			if l.First < 0 || l.Count < 0 || l.First > len(seconds) || l.Count > len(seconds)-l.First {
				return fmt.Errorf("a load state counts seconds %d to %d of %d", l.First, l.First+l.Count, len(seconds))
			}
			l.State.Seconds = seconds[l.First : l.First+l.Count : l.First+l.Count]
			if into.Load != nil {
				l.State.Spectrum = into.Load.Spectrum
			}
			into.Load = l.State
		}
	case SectionSpectrum:
		var spectrum []signal.LatencyShare
		if err = unpack(data, &spectrum); err == nil {
			l := signal.LoadState{}
			if into.Load != nil {
				l = *into.Load
			}
			l.Spectrum = spectrum
			into.Load = &l
		}
	case SectionFaults:
		into.Faults = nil
		err = unpack(data, &into.Faults)
	case SectionHealth:
		into.Health = nil
		err = unpack(data, &into.Health)
	case SectionProcesses:
		into.Processes = nil
		err = unpack(data, &into.Processes)
	case SectionSwitches:
		into.Switches = nil
		err = unpack(data, &into.Switches)
	case SectionStore:
		into.Store = signal.StoreStats{}
		err = unpack(data, &into.Store)
	case SectionSLOs:
		into.SLOs = nil
		err = unpack(data, &into.SLOs)
	case SectionScorecard:
		into.Scorecard = nil
		err = unpack(data, &into.Scorecard)
	case SectionHost:
		into.Host = nil
		err = unpack(data, &into.Host)
	case SectionIncidents:
		into.Incidents = nil
		err = unpack(data, &into.Incidents)
	}
	return err
}
