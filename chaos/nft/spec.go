// Package nft does harm by rules of nf_tables that disarm themselves.
//
// Each fault has a table of its own, gameday_<16 hex digits>, and nothing outside of it is ever touched. Its rules act
// only while the set @armed holds the packet's family, and the elements of that set have a timeout in the kernel: the
// lease. A process that is alive renews them; when all that could are dead, the kernel drops the elements, and the rules
// let everything pass. Undo deletes the table.
package nft

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"time"

	"gameday/chaos/hostnet"
)

// DefaultLease is how long rules stay armed after their last renewal.
const DefaultLease = 10 * time.Second

// ErrGone says that a table does not exist (any more).
var ErrGone = errors.New("the table does not exist")

// Direction says which packets rules look at, seen from the machine.
type Direction string

// The directions.
const (
	In      Direction = "in"      // packets that arrive for a process here
	Out     Direction = "out"     // packets that a process here sends; a sender of UDP whose packet is dropped sees EPERM
	Both    Direction = "both"    // in and out
	Forward Direction = "forward" // packets passed on, such as those of containers
)

// Match says which packets are meant. All that is set must hold; the zero value is every packet.
type Match struct {
	Protocol  string       // "tcp", "udp", "icmp" (and its IPv6 form); "": any
	Peer      netip.Prefix // the other side's addresses
	Port      uint16       // either side's port; TCP and UDP
	LocalPort uint16       // the port on this side: a service here; TCP and UDP
	Interface string       // the one the packet comes in by, or leaves by
	Cgroup    Cgroup       // of the socket here; not when forwarded
}

// Cgroup is a cgroup v2. Zero: any.
type Cgroup struct {
	Path  string // below the root of the hierarchy
	ID    uint64 // inode of its directory
	Level uint32 // how many names the path has
}

// Verdict says what becomes of a packet.
type Verdict string

// The verdicts.
const (
	Drop     Verdict = "drop"
	Reject   Verdict = "reject"   // TCP: reset; everything else: ICMP port unreachable
	Queue    Verdict = "queue"    // to a queue in user space, past it when nobody serves the queue
	Redirect Verdict = "redirect" // new connections: to a port of this machine; direction out only
)

// Spec is one table of rules, resolved.
type Spec struct {
	Name      string // NewName
	Namespace hostnet.Namespace
	Match     []Match // any of them
	Direction Direction
	Share     float64 // of the packets, above 0 to 1
	Verdict   Verdict
	Number    uint16           // Queue: the queue; Redirect: the port
	Exempt    []netip.AddrPort // packets from and to these are never touched
	Mark      uint32           // packets with this mark are never touched; 0: none
	Lease     time.Duration
}

// Undo is what the journal has to know of a Spec: the table, and where it is.
type Undo struct {
	Table     string            `json:"table"`
	Namespace hostnet.Namespace `json:"netns"`
}

// Undo is the undo as data.
func (s Spec) Undo() (json.RawMessage, error) {
	data, err := json.Marshal(Undo{s.Name, s.Namespace})
	if err != nil {
		return nil, fmt.Errorf("describe undo of table %s: %w", s.Name, err)
	}
	return data, nil
}

var tableName = regexp.MustCompile(`^gameday_[0-9a-f]{16}$`)

// ReadUndo reads an undo back, and refuses one whose table cannot be a fault's.
func ReadUndo(data []byte) (Undo, error) {
	var u Undo
	if err := json.Unmarshal(data, &u); err != nil {
		return u, fmt.Errorf("read undo of a table of nf_tables: %w", err)
	}
	if !tableName.MatchString(u.Table) || u.Namespace.Inode == 0 {
		return u, fmt.Errorf("read undo of a table of nf_tables: %q is no table that gameday makes", u.Table)
	}
	return u, nil
}

// Restore deletes the table that the undo names, if it is there, and verifies that it is gone. It can be done from any
// process, any number of times.
func Restore(data []byte) error {
	u, err := ReadUndo(data)
	if err != nil {
		return err
	}
	return Remove(u)
}

// Remedy is the command that removes what the undo names; "" when the undo cannot be read.
func Remedy(data []byte) string {
	u, err := ReadUndo(data)
	if err != nil {
		return ""
	}
	return u.Command()
}

// Command is what undoes it by hand.
func (u Undo) Command() string { return u.Namespace.Prefix() + "nft delete table inet " + u.Table }

// hit reports whether packets of a guarded link match, as far as that can be told.
func (m Match) hit(l hostnet.Link, ownCgroup string) bool {
	switch {
	case m.Peer.IsValid() && !m.Peer.Contains(l.Remote.Addr()) && !(l.Local.Addr().IsValid() && m.Peer.Contains(l.Local.Addr())):
		return false
	case m.Port != 0 && m.Port != l.Remote.Port() && m.Port != l.Local.Port():
		return false
	case m.LocalPort != 0 && m.LocalPort != l.Local.Port() && !(l.Remote.Addr().IsLoopback() && m.LocalPort == l.Remote.Port()):
		return false
	case m.Protocol == "udp" || m.Protocol == "icmp":
		return false
	case m.Interface != "" && m.Interface != l.Interface():
		return false
	case m.Cgroup.ID != 0 && !below(ownCgroup, m.Cgroup.Path):
		return false
	}
	return true
}

// Guard refuses rules that match a guarded link, unless forced, and exempts all guarded links from the rules. narrow
// tells the operator how to match less.
func (s *Spec) Guard(kind string, g hostnet.Guard, forced bool, narrow string) error {
	links, err := g.Links()
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	own := ownCgroup()
	for _, l := range links {
		for _, m := range s.Match {
			if !forced && s.Namespace.Own() && m.hit(l, own) {
				return hostnet.Refused(kind, l, narrow)
			}
		}
		s.Exempt = append(s.Exempt, l.Remote)
	}
	return nil
}
