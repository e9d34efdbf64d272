package k6

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"
)

// The bounds of what is read from k6's event stream.
const (
	maxEvent   = 8 << 20
	maxMetrics = 5_000
)

// series are k6's metrics at one instant, by name.
type series map[string]map[string]float64

// stream reads the events of k6's web dashboard: it says which metrics there are, and their values period by period, as
// lists in the order of the names.
type stream struct {
	kinds      map[string]string   // of the metrics
	names      []string            // sorted
	aggregates map[string][]string // what the values of a kind are

	mu         sync.Mutex
	thresholds map[string][]string // expressions by metric
}

// said are the script's thresholds: expressions by metric, never changed.
func (s *stream) said() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.thresholds
}

// follow reads events until k6 says that it stops, or the connection ends. took is called for each of them.
func (s *stream) follow(ctx context.Context, address string, took func(event string, values series, crossed map[string][]string)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/events", nil)
	if err != nil {
		return fmt.Errorf("read k6's events: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("read k6's events: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("read k6's events: its dashboard answered with status %d", res.StatusCode)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 64<<10), maxEvent)
	event, data := "", ""
	for lines.Scan() {
		line := lines.Text()
		key, value, _ := strings.Cut(line, ":")
		switch {
		case line != "" && key == "event":
			event = strings.TrimSpace(value)
		case line != "" && key == "data":
			data = strings.TrimSpace(value)
		case line == "" && event != "":
			values, crossed := s.event(event, data)
			took(event, values, crossed)
			if event == "stop" {
				return nil // k6 waits for its readers to leave
			}
			event, data = "", ""
		}
	}
	return lines.Err()
}

// event reads one event. What is not understood changes nothing.
func (s *stream) event(event, data string) (values series, crossed map[string][]string) {
	switch event {
	case "param":
		var p struct {
			Thresholds map[string][]string `json:"thresholds"`
			Aggregates map[string][]string `json:"aggregates"`
		}
		if json.Unmarshal([]byte(data), &p) == nil {
			s.mu.Lock()
			s.thresholds = p.Thresholds
			s.mu.Unlock()
			s.aggregates = p.Aggregates
		}
	case "metric":
		var more map[string]struct{ Type string }
		if json.Unmarshal([]byte(data), &more) != nil {
			return nil, nil
		}
		for name, m := range more {
			if len(s.kinds) < maxMetrics {
				s.add(name, m.Type)
			}
		}
	case "threshold":
		if json.Unmarshal([]byte(data), &crossed) != nil {
			return nil, nil
		}
	case "snapshot", "cumulative":
		var lists [][]float64
		if json.Unmarshal([]byte(data), &lists) == nil {
			return s.values(lists), nil
		}
	}
	return nil, crossed
}

func (s *stream) add(name, kind string) {
	if s.kinds == nil {
		s.kinds = map[string]string{}
	}
	if _, known := s.kinds[name]; !known {
		at := sort.SearchStrings(s.names, name)
		s.names = append(s.names, "")
		copy(s.names[at+1:], s.names[at:])
		s.names[at] = name
	}
	s.kinds[name] = kind
}

// values names the numbers of an event. Lists that do not fit the names are left out.
func (s *stream) values(lists [][]float64) series {
	out := series{}
	for i, list := range lists {
		if i >= len(s.names) {
			break
		}
		labels := s.aggregates[s.kinds[s.names[i]]]
		if len(list) == 0 || len(list) > len(labels) {
			continue
		}
		one := map[string]float64{}
		for j, v := range list {
			one[labels[j]] = v
		}
		out[s.names[i]] = one
	}
	return out
}

// time is when the values were taken.
func (v series) time() time.Time {
	if ms, ok := v["time"]["value"]; ok && ms > 0 && ms < 1e15 {
		return time.UnixMilli(int64(ms))
	}
	return time.Now()
}
