package prometheus

import (
	"context"
	"errors"
	"time"

	"gameday/sources/alert"
	"gameday/sources/client"
	"gameday/sources/jsonstream"
)

// maxAlerts bounds what is looked at of one answer.
const maxAlerts = 1000

// activeAlerts are those that are pending or firing.
func (d *Driver) activeAlerts(ctx context.Context) ([]alert.Alert, error) {
	var out []alert.Alert
	_, err := d.fetch(ctx, client.Request{Path: "/api/v1/alerts"}, func(key string, j *jsonstream.Reader) error {
		if key != "alerts" {
			return errSkip
		}
		return j.Array(func() error {
			if len(out) == maxAlerts {
				return errEnough
			}
			var a struct {
				State       string
				Labels      map[string]string
				Annotations map[string]string
				ActiveAt    time.Time
			}
			err := j.Decode(&a)
			if errors.Is(err, jsonstream.ErrTooLarge) {
				return nil // labels of a megabyte are nobody's alert
			}
			one := alert.Alert{Labels: a.Labels, Annotations: a.Annotations, Since: a.ActiveAt}
			if a.State == "firing" {
				one.State = alert.Firing
			}
			out = append(out, one)
			return err
		})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}
