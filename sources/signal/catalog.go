package signal

import "time"

// FaultKind is one fault of the catalog.
type FaultKind struct {
	Kind   string // "network.latency"
	Hits   string // what it acts on: "link", "process"
	Help   string // what the targets will feel
	Params []FaultParam
	Undo   string // how it is undone
	Needs  string // what must be there; "" for nothing
	Tried  bool   // whether this machine can do it is known
	Cannot string // why this machine cannot; "" when it can, as far as is known
}

// FaultParam is an argument of a fault.
type FaultParam struct{ Name, Type, Help string }

// KeptRun is a run of an experiment whose report is kept.
type KeptRun struct {
	ID, Name, Title string
	Started, Ended  time.Time
	Verdict         string // the words of Verdict
	Reason          string
	Err             string // why its report cannot be read
}

// KeptReport is the report of one kept run, as Markdown.
type KeptReport struct {
	ID    string
	Lines []string
	Err   string // why there is none
}

// Definition is an experiment's file.
type Definition struct {
	ID, Title string
	Err       string           // what is wrong with the file
	Lines     []DefinitionLine // of the one that the view asks for; else nil. Shared and never changed
}

// DefinitionLine is one line of it, with what the part that begins there is.
type DefinitionLine struct{ Text, Help string }
