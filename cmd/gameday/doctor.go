package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"

	"gameday/chaos"
	"gameday/chaos/fault"
	"gameday/chaos/fault/compute"
	"gameday/chaos/journal"
	"gameday/engine"
	reports "gameday/engine/report"
)

// doctorCmd says what this machine can do.
type doctorCmd struct {
	JSON bool `name:"json" help:"For programs."`
	configFlag
}

// diagnosis is all that the doctor found out.
type diagnosis struct {
	Machine  []finding `json:"machine"`
	Faults   []finding `json:"faults"`
	Kernel   []finding `json:"kernel"`
	Files    []finding `json:"files"`
	Sessions []finding `json:"sessions"`
	Terminal []finding `json:"terminal"`
	Sources  []finding `json:"sources"`
}

// finding is one thing in one sentence.
type finding struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Says string `json:"says"`
}

// Run examines everything. What is missing is a finding and not an error: nobody needs all of it.
func (c doctorCmd) Run(stdout io.Writer) error {
	wait := waitFor("examining this machine")
	defer wait.end()
	d := diagnosis{Machine: machine(), Files: files(), Terminal: terminalFindings()}
	features := fault.Features()
	for _, f := range features {
		says := "available, for " + f.For
		if f.Err != nil {
			says = f.Err.Error() + "; needed for " + f.For
		}
		d.Kernel = append(d.Kernel, finding{f.Name, f.Err == nil, says})
	}
	d.Faults = faultFindings(func(f chaos.Fault) error { return fault.Ready(f, features) })
	d.Sessions = sessions()
	if set, err := c.settings(); err == nil { // what is wrong with it stands among the sources
		d.Terminal = append(d.Terminal, keysFinding(set))
	}
	wait.say("asking the sources how they are")
	d.Sources = c.sources()
	wait.end()
	if c.JSON {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(d)
	}
	d.print(stdout)
	return nil
}

func (d diagnosis) print(w io.Writer) {
	ready := 0
	for _, f := range d.Faults {
		if f.OK {
			ready++
		}
	}
	for _, s := range []struct {
		title string
		all   []finding
	}{
		{"this machine", d.Machine}, {fmt.Sprintf("faults: %d of %d can be used here", ready, len(d.Faults)), d.Faults},
		{"the kernel's network", d.Kernel}, {"files", d.Files}, {"sessions", d.Sessions}, {"terminal", d.Terminal}, {"sources", d.Sources},
	} {
		fmt.Fprintln(w, s.title)
		width := 0
		for _, f := range s.all {
			width = max(width, len(f.Name))
		}
		last := ""
		for _, f := range s.all {
			mark, says := "✔", oneLine(f.Says)
			if !f.OK {
				mark = "✘"
				if says == last {
					says = "as above"
				} else {
					last = says
				}
			}
			fmt.Fprintf(w, "  %s %-*s  %s\n", mark, width, f.Name, says)
		}
		fmt.Fprintln(w)
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func machine() []finding {
	out := []finding{{"system", true, fmt.Sprintf("%s, %s/%s, %d processors", kernelVersion(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())}}
	who := finding{"user", os.Geteuid() == 0, "root"}
	if !who.OK {
		name := fmt.Sprint(os.Geteuid())
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
		who.Says = name + ": faults on the machine's network, control groups and mounts take root or its capabilities; those through the proxy do not"
	}
	out = append(out, who)
	if caps, err := capabilities(); err == nil {
		out = append(out, caps)
	}
	if n, err := compute.MemAvailable(); err != nil {
		out = append(out, finding{"memory", false, err.Error()})
	} else {
		out = append(out, finding{"memory", true, fmt.Sprintf("%d MiB to spare", n>>20)})
	}
	ssh := finding{"ssh", true, "this is no SSH session; there is no link to guard"}
	if f := strings.Fields(os.Getenv("SSH_CONNECTION")); len(f) == 4 {
		ssh.Says = "your connection from " + f[0] + " is spared by every fault on the machine's network"
	} else if len(f) > 0 {
		ssh = finding{"ssh", false, "SSH_CONNECTION cannot be read, and faults on the machine's network are refused: unset it when there is no SSH link to guard"}
	}
	return append(out, ssh)
}

func kernelVersion() string {
	data, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + strings.TrimSpace(string(data))
}

func faultFindings(ready func(chaos.Fault) error) []finding {
	exe, _ := os.Executable() // without it, burner and ballast say why they cannot
	all := fault.Catalog(fault.Parts{Exe: exe})
	sort.Slice(all, func(i, j int) bool { return all[i].Kind() < all[j].Kind() })
	out := make([]finding, 0, len(all)+1)
	for _, f := range all {
		says := "ready"
		if needs := fault.Of(f).Needs; needs != "" {
			says = "ready; needs " + needs
		}
		err := ready(f)
		if err != nil {
			says = strings.TrimPrefix(err.Error(), f.Kind()+": ")
		}
		out = append(out, finding{f.Kind(), err == nil, says})
	}
	return out
}

func files() []finding {
	var out []finding
	state, err := stateDir()
	if err != nil {
		return []finding{{"state", false, err.Error()}}
	}
	out = append(out, writable("state", state, "journals, runs, crash reports, gameday.log"))
	if all, err := reports.List(reports.Dir(state)); err != nil {
		out = append(out, finding{"runs", false, err.Error()})
	} else {
		out = append(out, finding{"runs", true, fmt.Sprintf("%s: %d kept", reports.Dir(state), len(all))})
	}
	signers, err := signersFile("")
	if err != nil {
		return append(out, finding{"signers", false, err.Error()})
	}
	_, err = os.Stat(signers)
	switch {
	case err == nil:
		out = append(out, finding{"signers", true, signers + " says whose approvals count"})
	case errors.Is(err, os.ErrNotExist):
		out = append(out, finding{"signers", true, signers + " is not there; gameday run --approve then needs --signers"})
	default:
		out = append(out, finding{"signers", false, err.Error()})
	}
	return out
}

// writable tries it: permissions alone do not tell.
func writable(name, dir, what string) finding {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return finding{name, false, err.Error()}
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return finding{name, false, err.Error()}
	}
	return finding{name, true, dir + " can be written: " + what}
}

func sessions() []finding {
	state, err := stateDir()
	if err != nil {
		return []finding{{"journals", false, err.Error()}}
	}
	dir := engine.JournalDir(state)
	paths, err := journal.List(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(paths) == 0 {
		return []finding{{"journals", true, "none: no session runs, and none left anything behind"}}
	}
	if err != nil {
		return []finding{{"journals", false, err.Error()}}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	listed, err := chaos.ListFaults(ctx, dir)
	var out []finding
	if err != nil {
		out = append(out, finding{"journals", false, err.Error()})
	}
	for _, p := range paths {
		c, err := journal.Read(p)
		if err != nil {
			continue // told above
		}
		n := 0
		for _, l := range listed {
			if l.Session == c.Owner.Session {
				n++
			}
		}
		f := finding{c.Owner.Session, true, fmt.Sprintf("process %d lives, %d faults in force", c.Owner.Process.PID, n)}
		if !c.Owner.Process.Alive() {
			f.OK = n == 0
			f.Says = fmt.Sprintf("process %d is dead, %d faults may be left: run gameday recover", c.Owner.Process.PID, n)
		}
		out = append(out, f)
	}
	return out
}

// capabilities says which of the kernel's privileges that faults use this process has.
func capabilities() (finding, error) {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return finding{}, err
	}
	_, rest, _ := strings.Cut(string(data), "CapEff:")
	hex, _, _ := strings.Cut(rest, "\n")
	set, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
	if err != nil {
		return finding{}, fmt.Errorf("read the capabilities in /proc/self/status: %w", err)
	}
	var has, lacks []string
	for _, c := range []struct { // numbers of linux/capability.h
		bit  int
		name string
	}{{5, "kill"}, {12, "net_admin"}, {19, "sys_ptrace"}, {21, "sys_admin"}, {24, "sys_resource"}, {25, "sys_time"}} {
		if set>>c.bit&1 == 1 {
			has = append(has, c.name)
		} else {
			lacks = append(lacks, c.name)
		}
	}
	says := "has " + orElse(strings.Join(has, ", "), "none")
	if len(lacks) > 0 {
		says += "; lacks " + strings.Join(lacks, ", ")
	}
	return finding{"privileges", len(lacks) == 0, says}, nil
}
