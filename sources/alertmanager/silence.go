package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// matcher is one of a silence.
type matcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual *bool  `json:"isEqual"` // absent in old ones: true
}

func (m matcher) String() string {
	op := "="
	switch equal := m.IsEqual == nil || *m.IsEqual; {
	case equal && m.IsRegex:
		op = "=~"
	case !equal && m.IsRegex:
		op = "!~"
	case !equal:
		op = "!="
	}
	return m.Name + op + strconv.Quote(m.Value)
}

// silence is one as the API has it.
type silence struct {
	ID        string    `json:"id,omitempty"`
	Matchers  []matcher `json:"matchers"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
	Status    *struct {
		State string `json:"state"`
	} `json:"status,omitempty"`
}

// Silence implements driver.Silencer.
func (d *Driver) Silence(ctx context.Context, match signal.Attrs, until time.Time, by, reason string) (string, error) {
	switch {
	case len(match) == 0:
		return "", errors.New("silence: no label is given: that would silence every alert")
	case !until.After(time.Now()):
		return "", fmt.Errorf("silence: its end, %s, is over", until.Format(time.DateTime))
	case strings.TrimSpace(reason) == "":
		return "", errors.New("silence: no reason is given: whoever is on call next has to know why")
	}
	s := silence{StartsAt: time.Now().UTC(), EndsAt: until.UTC(), CreatedBy: by, Comment: reason}
	equal := true
	for _, l := range match {
		s.Matchers = append(s.Matchers, matcher{Name: l.Key, Value: l.Value, IsEqual: &equal})
	}
	data, err := encode(s)
	if err != nil {
		return "", err
	}
	var answer struct {
		SilenceID string `json:"silenceID"`
	}
	r := client.Request{Method: http.MethodPost, Path: "/api/v2/silences", Body: data, Header: http.Header{"Content-Type": {"application/json"}}}
	if err := d.client.JSON(ctx, r, &answer); err != nil {
		return "", fmt.Errorf("silence %s: %w", match, err)
	}
	if answer.SilenceID == "" {
		return "", fmt.Errorf("silence %s: %w", match, d.client.Explain(r, errors.New("the answer names no silence (is this an Alertmanager?)")))
	}
	return sanitize.Line(answer.SilenceID, 100), nil
}

// Expire implements driver.Silencer. One that is not there is driver.ErrNotFound.
func (d *Driver) Expire(ctx context.Context, id string) error {
	body, _, err := d.client.Do(ctx, client.Request{Method: http.MethodDelete, Path: "/api/v2/silence/" + url.PathEscape(id)})
	if err == nil {
		return body.Close()
	}
	var refused *client.StatusError
	if errors.As(err, &refused) && (refused.Code == http.StatusNotFound || strings.Contains(refused.Says, "not found")) {
		return fmt.Errorf("expire silence %s: %w: %w", sanitize.Line(id, 100), driver.ErrNotFound, err)
	}
	return fmt.Errorf("expire silence %s: %w", sanitize.Line(id, 100), err)
}

// Silences implements driver.Silencer.
func (d *Driver) Silences(ctx context.Context) ([]driver.Silence, error) {
	var list []silence
	if err := d.client.JSON(ctx, client.Request{Path: "/api/v2/silences"}, &list); err != nil {
		return nil, fmt.Errorf("ask for silences: %w", err)
	}
	var out []driver.Silence
	for _, s := range list {
		if s.Status == nil || s.Status.State == "expired" {
			continue
		}
		parts := make([]string, len(s.Matchers))
		for i, m := range s.Matchers {
			parts[i] = m.String()
		}
		out = append(out, driver.Silence{ID: sanitize.Line(s.ID, 100), Match: sanitize.Line("{"+strings.Join(parts, ", ")+"}", sanitize.MaxValue), From: s.StartsAt, To: s.EndsAt,
			By: sanitize.Line(s.CreatedBy, sanitize.MaxName), Reason: sanitize.Line(s.Comment, sanitize.MaxValue)})
	}
	slices.SortStableFunc(out, func(a, b driver.Silence) int { return a.To.Compare(b.To) })
	return out, nil
}
