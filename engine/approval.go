package engine

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gameday/chaos/approval"
	"gameday/sources/signal"
)

// Production is the environment that nothing is done in without a second look: a typed confirmation, or an approval.
const Production = "production"

// consent refuses a plan for production that nobody has agreed to.
func (s *Session) consent(p *Plan) error {
	if s.cfg.Environment == Production && p.Consent == "" {
		return errors.New("this is production: it takes a typed confirmation in the cockpit, or an approval (--approve FILE)")
	}
	return nil
}

// Approve reads an approval file and, when it holds for the plan, notes it as the consent. signers is the file of allowed
// signers, operator the name of whoever runs the plan among them ("" when he is not), own a folder with his public keys:
// nobody approves his own plan.
func (s *Session) Approve(p *Plan, file, signers, operator, own string) (approval.Approval, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return approval.Approval{}, fmt.Errorf("read approval: %w", err)
	}
	list, err := os.ReadFile(signers)
	if err != nil {
		return approval.Approval{}, fmt.Errorf("read allowed signers: %w", err)
	}
	c := approval.Check{Environment: s.cfg.Environment, Now: time.Now(), Operator: operator}
	if c.Signers, err = approval.ParseSigners(list); err != nil {
		return approval.Approval{}, fmt.Errorf("%s: %w", filepath.Base(signers), err)
	}
	if c.Own, err = approval.OwnKeys(own); err != nil {
		return approval.Approval{}, err
	}
	if c.Plan, err = p.Digest(); err != nil {
		return approval.Approval{}, err
	}
	a, err := approval.Verify(data, c)
	if err != nil {
		return approval.Approval{}, err
	}
	p.Consent = fmt.Sprintf("approved by %s until %s", a.Approver, a.Expires.Local().Format("2006-01-02 15:04"))
	s.Event(signal.Event{Kind: signal.EventNote, Title: "approved", Detail: p.Consent})
	return a, nil
}

// ApprovalFor is an approval of the plan that only lacks its signature.
func (s *Session) ApprovalFor(p *Plan, approver, reason string, valid time.Duration) (approval.Approval, error) {
	sum, err := p.Digest()
	if err != nil {
		return approval.Approval{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	return approval.Approval{Plan: hex.EncodeToString(sum[:]), Experiment: p.Experiment.Metadata.Name, Environment: s.cfg.Environment,
		Approver: approver, Issued: now, Expires: now.Add(valid), Reason: reason}, nil
}
