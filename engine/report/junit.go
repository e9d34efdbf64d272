package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"time"
)

// The schema is the one that Jenkins, GitLab and GitHub's actions read.

type junitSuites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Time     string   `xml:"time,attr"`
	Suite    junitSuite
}

type junitSuite struct {
	XMLName    xml.Name        `xml:"testsuite"`
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Hostname   string          `xml:"hostname,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitProblem `xml:"failure,omitempty"`
	Error   *junitProblem `xml:"error,omitempty"`
	Skipped *junitProblem `xml:"skipped,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// writeJUnit makes a test case of every probe, of every fault's rollback, and of the verdict. The verdict fails or errs
// whenever the exit code of the run is not 0, so that no run that went wrong is green.
func writeJUnit(w io.Writer, d *Document) error {
	s := d.Summary
	took := s.Ended.Sub(s.Started)
	suite := junitSuite{Name: s.Title, Timestamp: s.Started.UTC().Format("2006-01-02T15:04:05"), Hostname: s.System + "/" + s.Environment, Time: junitTime(took)}
	add := func(name, value string) {
		suite.Properties = append(suite.Properties, junitProperty{name, value})
	}
	add("run", s.ID)
	add("hypothesis", d.Hypothesis)
	add("verdict", s.Verdict)
	add("secondsToDetect", number(s.Detected))
	add("secondsToRecover", number(s.Recovered))
	add("sha256", d.File.SHA256)
	add("gameday", d.Program.Version)
	class := "gameday." + slug(s.Name)
	for _, p := range d.Probes {
		suite.Cases = append(suite.Cases, junitProbe(p, class))
	}
	for _, f := range d.Faults {
		suite.Cases = append(suite.Cases, d.junitFault(f, class))
	}
	suite.Cases = append(suite.Cases, junitVerdict(d, class, took))
	for _, c := range suite.Cases {
		suite.Tests++
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	err := enc.Encode(junitSuites{Name: "gameday", Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Skipped: suite.Skipped, Time: suite.Time, Suite: suite})
	if err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	_, err = io.WriteString(w, "\n")
	return err
}

func junitTime(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

func number(s *Seconds) string {
	if s == nil || !Number(*s).Known() {
		return ""
	}
	return strconv.FormatFloat(float64(*s), 'f', 3, 64)
}

func junitProbe(p Probe, class string) junitCase {
	c := junitCase{Name: p.Name + " " + p.Expect, Class: class, Time: "0.000"}
	c.Out = fmt.Sprintf("before: %s, %s\nduring: %s, %s\nafter: %s, %s", p.Before.Check, p.Before.told(), p.During.Check, p.During.told(), p.After.Check, p.After.told())
	worst := p.Before
	phase := "before the fault"
	for _, s := range []struct {
		stats Stats
		name  string
	}{{p.During, "during the fault"}, {p.After, "after the fault"}} {
		if rank[s.stats.Check] > rank[worst.Check] {
			worst, phase = s.stats, s.name
		}
	}
	message := fmt.Sprintf("%s: %s, expected %s", phase, worst.told(), p.Expect)
	detail := message
	if p.TraceID != "" {
		detail += "\nfor example trace " + p.TraceID
	}
	switch worst.Check {
	case failed:
		c.Failure = &junitProblem{Message: message, Type: "probe", Text: detail}
	case unknown, errored:
		if p.Err != "" {
			message += ": " + p.Err
		}
		c.Error = &junitProblem{Message: message, Type: worst.Check, Text: message}
	case passed:
	default:
		c.Skipped = &junitProblem{Message: "it was not measured"}
	}
	if c.Failure == nil && c.Error == nil && p.During.Check != passed && p.duringFault() { // passed before, and then the run ended
		c.Skipped = &junitProblem{Message: "it was not measured during the fault"}
	}
	return c
}

// duringFault reports whether the probe is judged while faults are in force.
func (p *Probe) duringFault() bool {
	return p.Mode == "" || p.Mode == "continuous" || p.Mode == "on-fault"
}

var rank = map[string]int{passed: 1, unknown: 2, errored: 3, failed: 4}

func (d *Document) junitFault(f Fault, class string) junitCase {
	c := junitCase{Name: "rollback of " + f.Title, Class: class, Time: "0.000", Out: d.undone(f)}
	switch f.State {
	case "undone", "irreversible":
	case "not injected", "planned":
		c.Skipped = &junitProblem{Message: "it was never in force"}
	default:
		c.Failure = &junitProblem{Message: d.undone(f), Type: "rollback", Text: d.undone(f)}
	}
	return c
}

func junitVerdict(d *Document, class string, took time.Duration) junitCase {
	s := d.Summary
	c := junitCase{Name: "verdict", Class: class, Time: junitTime(took), Out: s.Verdict + ": " + s.Reason}
	p := &junitProblem{Message: s.Verdict + ": " + s.Reason, Type: s.Verdict, Text: s.Reason}
	switch s.ExitCode {
	case 0:
	case 1, 4:
		c.Failure = p
	default:
		c.Error = p
	}
	return c
}
