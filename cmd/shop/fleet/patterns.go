package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"gameday/cmd/shop/service"
	"gameday/cmd/shop/service/resilience"
	"gameday/sources/signal"
)

// AllPatterns is the name of the switch that turns every pattern of every service.
const AllPatterns = "patterns"

const controlTimeout = 2 * time.Second

func desiredPatterns(on bool) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, s := range topology() {
		if list := service.Patterns(s.role); len(list) > 0 {
			out[s.name] = map[string]bool{}
			for _, p := range list {
				out[s.name][string(p)] = on
			}
		}
	}
	return out
}

// patternList is what the service is started with, so that a restart does not undo what was switched.
func (f *Fleet) patternList(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var on []string
	for _, p := range resilience.All() {
		if f.desired[name][string(p)] {
			on = append(on, string(p))
		}
	}
	if len(on) == 0 {
		return "none"
	}
	return strings.Join(on, ",")
}

// Switches is every switch as it is set: "patterns" for all together (on when all are), then "service/pattern".
func (f *Fleet) Switches() []signal.Switch {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []signal.Switch{{Name: AllPatterns, On: true, Help: "every resilience pattern of every service"}}
	for _, s := range topology() {
		for _, p := range service.Patterns(s.role) {
			on := f.desired[s.name][string(p)]
			out = append(out, signal.Switch{Name: s.name + "/" + string(p), On: on, Help: resilience.Help(p)})
			out[0].On = out[0].On && on
		}
	}
	return out
}

// Set turns a switch. A service that is down gets it when it starts again; one that does not answer is named in the
// error, and gets it then, too.
func (f *Fleet) Set(ctx context.Context, name string, on bool) error {
	change, err := f.want(name, on)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	errs := make([]error, len(f.procs))
	var wg sync.WaitGroup
	for i, p := range f.procs {
		body, ok := change[p.name]
		if pid, _ := p.identity(); !ok || pid == 0 {
			continue
		}
		wg.Go(func() {
			if err := post(ctx, "http://"+p.http.addr+"/control/patterns", body); err != nil {
				errs[i] = fmt.Errorf("switch %s of %s (it will have it after its next start): %w", name, p.name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// want records what is desired, and gives what each service is to be told.
func (f *Fleet) want(name string, on bool) (map[string]map[string]bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change := map[string]map[string]bool{}
	for s, patterns := range f.desired {
		for p := range patterns {
			if name == AllPatterns || name == s+"/"+p {
				patterns[p] = on
				if change[s] == nil {
					change[s] = map[string]bool{}
				}
				change[s][p] = on
			}
		}
	}
	if len(change) > 0 {
		return change, nil
	}
	s, _, _ := strings.Cut(name, "/")
	if f.desired[s] == nil {
		names := []string{}
		for n := range f.desired {
			names = append(names, n)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("turn switch %q: use %s, or SERVICE/PATTERN with a service of %s", name, AllPatterns, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("turn switch %q: the patterns of %s are %v", name, s, service.Patterns(f.proc(s).role))
}

func post(ctx context.Context, url string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // for the message only
		return fmt.Errorf("it answered %d: %s", resp.StatusCode, text)
	}
	return nil
}
