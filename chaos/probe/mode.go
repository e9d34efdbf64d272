package probe

// Mode says in which phases of an experiment a probe is measured and judged.
type Mode string

// The modes. "" is Continuous.
const (
	Before     Mode = "before"     // before anything is touched only
	After      Mode = "after"      // after everything was undone only
	Edge       Mode = "edge"       // before and after
	Continuous Mode = "continuous" // before, while faults are in force, and after
	OnFault    Mode = "on-fault"   // while a fault is in force only
)

// JudgedBefore reports whether the probe is judged before anything is touched.
func (m Mode) JudgedBefore() bool { return m != After && m != OnFault }

// JudgedDuring reports whether the probe is judged while faults are in force.
func (m Mode) JudgedDuring() bool { return m == "" || m == Continuous || m == OnFault }

// JudgedAfter reports whether the probe is judged after the undo.
func (m Mode) JudgedAfter() bool { return m != Before && m != OnFault }
