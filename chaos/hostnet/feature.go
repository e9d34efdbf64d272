package hostnet

// Feature is one thing of the kernel that faults need, as a probe found it.
type Feature struct {
	Name string // "sch_netem"
	For  string // the faults, or arguments of them, that need it
	Err  error  // nil: it is there; else why not: "not available: kernel has no sch_netem"
}

// String is one sentence.
func (f Feature) String() string {
	if f.Err != nil {
		return f.Name + ": " + f.Err.Error() + "; needed for " + f.For
	}
	return f.Name + ": available, for " + f.For
}
