// Package scrape reads Prometheus metrics from targets that come and go, with Prometheus's own scraper as a library, so that
// formats, staleness, exemplars and native histograms behave as they do there.
package scrape

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promscrape "github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"

	"gameday/sources/signal"
)

// Target is one HTTP endpoint with metrics. Two targets that are equal in everything are one.
type Target struct {
	Job      string            // the job label
	Instance string            // host:port to scrape; also the instance label, unless Labels has one
	Path     string            // "/metrics" when empty
	Labels   map[string]string // on each series of the target; they win over the target's own of the same name
}

// Health is how one target is doing.
type Health struct {
	Target   Target
	Up       bool
	Err      string    // why the last scrape failed, "" when it did not; as it came: a caller sanitises it
	Scraped  time.Time // start of the last scrape; zero before the first
	Duration time.Duration
}

// Scraper is a driver.Driver that emits nothing: samples go to the store directly, with their exemplars. The exported
// fields may be set before Run.
type Scraper struct {
	// MaxSamples and MaxBody bound one answer of a target; 50,000 samples and 32 MiB when zero.
	MaxSamples int
	MaxBody    int64
	// Log gets Prometheus's own messages; nil discards them. They must never reach the terminal.
	Log slog.Handler

	store          storage.AppendableV2
	targets        func() []Target
	interval       time.Duration
	received, kept atomic.Uint64

	mu      sync.Mutex
	running bool
	manager *promscrape.Manager // of the Run that goes on, nil otherwise
	known   []Target            // what the manager was told last
}

// New prepares a scraper; Run starts it. store is where samples go, such as metrics.DB's Appendable. targets tells what to
// scrape now: it is asked several times a second and must be quick and safe for concurrent use. interval is the distance
// of two scrapes of a target and their time limit: 1 s when zero, at least 10 ms.
func New(store storage.AppendableV2, targets func() []Target, interval time.Duration) *Scraper {
	if interval == 0 {
		interval = time.Second
	}
	return &Scraper{
		MaxSamples: 50_000, MaxBody: 32 << 20,
		store: store, targets: targets, interval: max(interval, 10*time.Millisecond).Truncate(time.Millisecond),
	}
}

// pool is the one scrape pool; each target brings its own job label.
const pool = "gameday"

// yaml is Prometheus's configuration. Timestamps of targets are not honoured: a wrong clock over there must not put
// samples out of our reach. Classic buckets are kept beside native histograms, because most dashboards ask for them.
const yaml = `
scrape_configs:
- job_name: %s
  scrape_interval: %s
  scrape_timeout: %s
  honor_timestamps: false
  scrape_native_histograms: true
  always_scrape_classic_histograms: true
  native_histogram_bucket_limit: 160
  fallback_scrape_protocol: PrometheusText0.0.4
  sample_limit: %d
  body_size_limit: %dB
  label_limit: 64
  label_name_length_limit: 256
  label_value_length_limit: 1024
`

// Run scrapes until ctx ends and then returns nil. A target that is down is no error: Health tells. Run may be called again
// after it returned, but not twice at once.
func (s *Scraper) Run(ctx context.Context, _ func(signal.Batch)) error {
	poll := min(s.interval, 250*time.Millisecond)
	m, err := s.prepare(poll)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.running {
		s.mu.Unlock()
		return errors.New("scrape: scraper runs already")
	}
	s.running, s.manager, s.known = true, m, nil
	s.mu.Unlock()

	sets := make(chan map[string][]*targetgroup.Group)
	done := make(chan error, 1)
	go func() { done <- m.Run(sets) }()
	s.feed(ctx, sets, poll)
	// Without this, stopping would wait two more intervals to mark the end of each series.
	for name, targets := range m.TargetsActive() {
		m.DisableEndOfRunStalenessMarkers(name, targets)
	}
	m.Stop()
	err = <-done
	s.mu.Lock()
	s.running, s.manager, s.known = false, nil, nil
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	return nil
}

// prepare makes a manager with our one pool.
func (s *Scraper) prepare(poll time.Duration) (*promscrape.Manager, error) {
	log := promslog.NewNopLogger()
	if s.Log != nil {
		log = slog.New(s.Log)
	}
	interval := model.Duration(s.interval).String()
	cfg, err := config.Load(fmt.Sprintf(yaml, pool, interval, interval, s.MaxSamples, s.MaxBody), log)
	if err != nil {
		return nil, fmt.Errorf("scrape: read own configuration: %w", err)
	}
	m, err := promscrape.NewManager(&promscrape.Options{
		DiscoveryReloadInterval: model.Duration(poll), DiscoveryReloadOnStartup: true,
	}, log, nil, nil, counting{s}, prometheus.NewRegistry())
	if err != nil {
		return nil, fmt.Errorf("scrape: prepare scraper: %w", err)
	}
	if err := m.ApplyConfig(cfg); err != nil {
		return nil, fmt.Errorf("scrape: apply own configuration: %w", err)
	}
	return m, nil
}

// feed tells the manager about targets whenever they changed, until ctx ends.
func (s *Scraper) feed(ctx context.Context, sets chan<- map[string][]*targetgroup.Group, poll time.Duration) {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	last := "none yet"
	for {
		targets := distinct(s.targets())
		if now := fmt.Sprint(targets); now != last {
			s.mu.Lock()
			s.known = targets
			s.mu.Unlock()
			select {
			case sets <- map[string][]*targetgroup.Group{pool: groups(targets)}:
				last = now
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// distinct sorts the targets and drops doubles, which the manager would take for one anyway.
func distinct(in []Target) []Target {
	seen := make(map[string]bool, len(in))
	out := make([]Target, 0, len(in))
	for _, t := range in {
		if t.Path == "" {
			t.Path = "/metrics"
		}
		if key := fmt.Sprint(t); !seen[key] {
			seen[key] = true
			out = append(out, t)
		}
	}
	sort.Slice(out, func(i, j int) bool { return fmt.Sprint(out[i]) < fmt.Sprint(out[j]) })
	return out
}

// index labels a target so that Health finds it again; labels that begin with __ are not on the series.
const indexLabel = "__gameday_target__"

func groups(targets []Target) []*targetgroup.Group {
	out := make([]*targetgroup.Group, 0, len(targets))
	for i, t := range targets {
		set := model.LabelSet{
			model.AddressLabel: model.LabelValue(t.Instance), model.MetricsPathLabel: model.LabelValue(t.Path),
			indexLabel: model.LabelValue(t.key()),
		}
		if t.Job != "" {
			set[model.JobLabel] = model.LabelValue(t.Job)
		}
		for k, v := range t.Labels {
			if _, taken := set[model.LabelName(k)]; !taken {
				set[model.LabelName(k)] = model.LabelValue(v)
			}
		}
		out = append(out, &targetgroup.Group{Source: fmt.Sprint(i), Targets: []model.LabelSet{set}})
	}
	return out
}

// key is the same for equal targets; fmt prints maps in the order of their keys.
func (t Target) key() string { return fmt.Sprint(t) }

// Health tells how each target did at its last scrape, in the order of job and instance. Outside of Run it is empty.
func (s *Scraper) Health() []Health {
	s.mu.Lock()
	m, known := s.manager, s.known
	s.mu.Unlock()
	if m == nil {
		return nil
	}
	active := map[string]*promscrape.Target{}
	for _, t := range m.TargetsActive()[pool] {
		active[t.GetValue(indexLabel)] = t
	}
	out := make([]Health, 0, len(known))
	for _, t := range known {
		h := Health{Target: t}
		if a := active[t.key()]; a != nil {
			h.Up = a.Health() == promscrape.HealthGood
			h.Scraped, h.Duration = a.LastScrape(), a.LastScrapeDuration()
			if err := a.LastError(); err != nil {
				h.Err = err.Error()
			}
		}
		out = append(out, h)
	}
	return out
}

// Report is the balance for the source's health: samples received and kept, and what is wrong when some targets do not
// answer.
func (s *Scraper) Report() (received, kept, dropped uint64, err error) {
	kept = s.kept.Load()
	received = max(s.received.Load(), kept)
	down, first := 0, Health{}
	health := s.Health()
	for _, h := range health {
		if !h.Up && !h.Scraped.IsZero() {
			if down == 0 {
				first = h
			}
			down++
		}
	}
	if down > 0 {
		err = fmt.Errorf("%d of %d targets do not answer, such as %s at %s: %s", down, len(health), first.Target.Job, first.Target.Instance, first.Err)
	}
	return received, kept, received - kept, err
}

// counting counts what goes to the store.
type counting struct{ s *Scraper }

// AppenderV2 implements storage.AppendableV2.
func (c counting) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &countingAppender{AppenderV2: c.s.store.AppenderV2(ctx), s: c.s}
}

type countingAppender struct {
	storage.AppenderV2
	s    *Scraper
	good uint64
}

// Append implements storage.AppenderV2.
func (a *countingAppender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	a.s.received.Add(1)
	ref, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	if err == nil {
		a.good++
	}
	return ref, err
}

// Commit implements storage.AppenderV2.
func (a *countingAppender) Commit() error {
	err := a.AppenderV2.Commit()
	if err == nil {
		a.s.kept.Add(a.good)
		a.good = 0
	}
	return err
}
