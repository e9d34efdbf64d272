package loki

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gameday/sources/client"
	"gameday/sources/driver"
)

// Complete implements driver.Completer: labels with the fields that Loki detects in lines, the values of a label, services.
func (d *Driver) Complete(ctx context.Context, kind driver.WordKind, of, prefix string, limit int) ([]string, error) {
	var words []string
	var err error
	switch kind {
	case driver.WordLabel:
		if words, err = d.labels(ctx, "/loki/api/v1/labels", nil); err == nil {
			words = append(words, d.detected(ctx)...)
		}
	case driver.WordLabelValue:
		if !plainLabel(of) {
			return nil, nil
		}
		words, err = d.labels(ctx, "/loki/api/v1/label/"+of+"/values", nil)
	case driver.WordService:
		words, err = d.serviceNames(ctx)
	}
	if err != nil {
		return nil, err
	}
	words = slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, prefix) || strings.HasPrefix(w, "__") })
	slices.Sort(words)
	words = slices.Compact(words)
	return words[:min(len(words), max(limit, 0))], nil
}

// labels asks for a list of words of the last hours.
func (d *Driver) labels(ctx context.Context, path string, more url.Values) ([]string, error) {
	v := url.Values{"start": {strconv.FormatInt(time.Now().Add(-6*time.Hour).UnixNano(), 10)}}
	for key, values := range more {
		v[key] = values
	}
	var out struct {
		Data []string `json:"data"`
	}
	err := d.client.JSON(ctx, client.Request{Path: path, Query: v}, &out)
	return out.Data, err
}

func (d *Driver) serviceNames(ctx context.Context) ([]string, error) {
	labels, err := d.labels(ctx, "/loki/api/v1/labels", nil)
	if err != nil {
		return nil, err
	}
	for _, name := range d.fields.services {
		if slices.Contains(labels, name) {
			return d.labels(ctx, "/loki/api/v1/label/"+name+"/values", nil)
		}
	}
	return nil, nil
}

// detected are the fields that Loki 3 finds in lines by itself; older ones do not know the question.
func (d *Driver) detected(ctx context.Context) []string {
	selector, err := d.streams(ctx)
	if err != nil {
		return nil
	}
	var out struct {
		Fields []struct {
			Label string `json:"label"`
		} `json:"fields"`
	}
	v := url.Values{"query": {selector}, "start": {strconv.FormatInt(time.Now().Add(-time.Hour).UnixNano(), 10)}, "line_limit": {"200"}}
	if err := d.client.JSON(ctx, client.Request{Path: "/loki/api/v1/detected_fields", Query: v}, &out); err != nil {
		return nil
	}
	var names []string
	for _, f := range out.Fields {
		names = append(names, f.Label)
	}
	return names
}
