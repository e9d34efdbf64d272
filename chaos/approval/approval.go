// Package approval lets a second person agree to a plan in a file: the plan's SHA-256, who agrees, until when, and a
// signature by an SSH key that a list of allowed signers knows. Everything is checked offline.
//
// The file is the text of the approval followed by an OpenSSH signature of exactly that text (PROTOCOL.sshsig), so that
// it can be made without gameday:
//
//	gameday plan … > plan.approval && ssh-keygen -Y sign -f KEY -n gameday-approval plan.approval
//	cat plan.approval plan.approval.sig > approved
//
// and checked without it: ssh-keygen -Y verify -f ALLOWED -I alice -n gameday-approval -s plan.approval.sig < plan.approval.
package approval

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Namespace is the SSH signature namespace: a signature made for anything else is none.
const Namespace = "gameday-approval"

const (
	firstLine   = "gameday approval v1"
	maxFile     = 64 << 10
	maxValid    = 31 * 24 * time.Hour // an approval that holds for longer is refused
	clockSkew   = 5 * time.Minute     // by which an approver's clock may be ahead
	maxValueLen = 300
)

// Approval is what somebody agrees to.
type Approval struct {
	Plan        string // SHA-256 of the plan, 64 hexadecimal digits
	Experiment  string // name, for people: the plan's hash decides
	Environment string // where it may run
	Approver    string // principal in the list of allowed signers, such as alice@example.com
	Issued      time.Time
	Expires     time.Time
	Reason      string // may be empty
}

// fields are the lines of the text in their order.
var fields = []string{"plan", "experiment", "environment", "approver", "issued", "expires", "reason"}

var hash = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Text is what is signed: one field a line, in a fixed order, so that each approval can be written in one way only.
func (a Approval) Text() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("write approval: %w", err)
	}
	values := []string{"sha256:" + a.Plan, a.Experiment, a.Environment, a.Approver, a.Issued.UTC().Format(time.RFC3339), a.Expires.UTC().Format(time.RFC3339), a.Reason}
	var b strings.Builder
	b.WriteString(firstLine + "\n")
	for i, name := range fields {
		b.WriteString(strings.TrimRight(name+": "+values[i], " ") + "\n")
	}
	return []byte(b.String()), nil
}

func (a Approval) check() error {
	var errs []error
	if !hash.MatchString(a.Plan) {
		errs = append(errs, errors.New("the plan's SHA-256 is not 64 hexadecimal digits"))
	}
	for _, v := range []struct{ name, value string }{{"experiment", a.Experiment}, {"environment", a.Environment}, {"approver", a.Approver}} {
		if v.value == "" {
			errs = append(errs, fmt.Errorf("%s is missing", v.name))
		}
	}
	for _, v := range []string{a.Experiment, a.Environment, a.Approver, a.Reason} {
		if len(v) > maxValueLen || v != strings.TrimSpace(v) || strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }) {
			errs = append(errs, fmt.Errorf("%.40q is not one line of printable text of at most %d bytes", v, maxValueLen))
		}
	}
	switch valid := a.Expires.Sub(a.Issued); {
	case a.Issued.IsZero() || a.Expires.IsZero():
		errs = append(errs, errors.New("it must say when it was issued and when it expires"))
	case valid <= 0:
		errs = append(errs, errors.New("it expires before it begins"))
	case valid > maxValid:
		errs = append(errs, fmt.Errorf("it holds for %s; at most %s are allowed", valid, maxValid))
	}
	return errors.Join(errs...)
}

// parseText reads the text strictly: written again, it must be the same bytes.
func parseText(text []byte) (Approval, error) {
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if lines[0] != firstLine {
		return Approval{}, fmt.Errorf("it does not begin with %q", firstLine)
	}
	if len(lines) != 1+len(fields) {
		return Approval{}, fmt.Errorf("it has %d lines, not %d", len(lines), 1+len(fields))
	}
	values := map[string]string{}
	for i, name := range fields {
		rest, ok := strings.CutPrefix(lines[i+1], name+":")
		if !ok {
			return Approval{}, fmt.Errorf("line %d is not %q", i+2, name+": …")
		}
		values[name] = strings.TrimPrefix(rest, " ")
	}
	a := Approval{Experiment: values["experiment"], Environment: values["environment"], Approver: values["approver"], Reason: values["reason"]}
	var ok bool
	if a.Plan, ok = strings.CutPrefix(values["plan"], "sha256:"); !ok {
		return Approval{}, errors.New("the plan is not given as sha256:…")
	}
	var err error
	if a.Issued, err = time.Parse(time.RFC3339, values["issued"]); err != nil {
		return Approval{}, errors.New("issued is no time such as 2026-11-23T09:30:00Z")
	}
	if a.Expires, err = time.Parse(time.RFC3339, values["expires"]); err != nil {
		return Approval{}, errors.New("expires is no time such as 2026-11-23T17:00:00Z")
	}
	again, err := a.Text()
	switch {
	case err != nil:
		return Approval{}, errors.Unwrap(err)
	case string(again) != string(text):
		return Approval{}, errors.New("it is not written the way gameday writes it")
	}
	return a, nil
}

// Check is what an approval is held against.
type Check struct {
	Plan        [32]byte // of the plan that is about to run
	Environment string
	Now         time.Time
	Signers     Signers
	// Own are the keys of whoever wants to run the plan, and Operator his name among the signers; "" when not known. An
	// approval of one's own is none.
	Own      Signers
	Operator string
}

// Verify reads an approval file and says whether it allows the plan. The error says what is wrong, the returned approval
// is good only without one.
func Verify(file []byte, c Check) (Approval, error) {
	a, err := verify(file, c)
	if err != nil {
		return Approval{}, fmt.Errorf("the approval does not hold: %w", err)
	}
	return a, nil
}

func verify(file []byte, c Check) (Approval, error) {
	text, sig, err := split(file)
	if err != nil {
		return Approval{}, err
	}
	a, err := parseText(text)
	if err != nil {
		return Approval{}, err
	}
	key, err := sig.verify(text)
	if err != nil {
		return Approval{}, err
	}
	// From here on the text is what the holder of that key has written.
	if err := c.Signers.allows(key, a.Approver, c.Now); err != nil {
		return Approval{}, err
	}
	switch {
	case c.Own.knows(key) || c.Operator != "" && strings.EqualFold(c.Operator, a.Approver):
		return Approval{}, fmt.Errorf("it was signed by %s, who runs the experiment; it takes a second person", a.Approver)
	case a.Plan != hex.EncodeToString(c.Plan[:]):
		return Approval{}, fmt.Errorf("it is for another plan: %s…, and this one is %s…; what was approved has changed", a.Plan[:12], hex.EncodeToString(c.Plan[:])[:12])
	case a.Environment != c.Environment:
		return Approval{}, fmt.Errorf("it is for %q, and this is %q", a.Environment, c.Environment)
	case c.Now.Before(a.Issued.Add(-clockSkew)):
		return Approval{}, fmt.Errorf("it begins at %s only; is the clock right?", a.Issued.Format(time.RFC3339))
	case !c.Now.Before(a.Expires):
		return Approval{}, fmt.Errorf("it expired at %s; ask for a new one", a.Expires.Format(time.RFC3339))
	}
	return a, nil
}
