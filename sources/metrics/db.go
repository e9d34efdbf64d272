// Package metrics is the cockpit's memory of metrics: Prometheus's own time-series database and PromQL engine, used as
// libraries and bounded in time, series, samples per query and exemplars.
//
// Text is sanitised on the way out (Range, Instant, Exemplars and error texts), not on the way in. PromQL itself can make
// label values out of a query's text (label_replace, count_values), so only the exit sees everything that leaves; what
// is stored keeps its identity, so two hostile values can never melt into one series; and an exit of some dozen series
// per picture is far cheaper than an entrance of tens of thousands per second.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"gameday/sources/signal"
)

// Config bounds the memory. The zero value of each field means its default.
type Config struct {
	// Dir is where finished chunks are kept. "" is a directory of its own below the system's temporary directory, removed
	// on Close. A given directory is created when missing and kept.
	Dir string
	// Retention is how far back queries reach; 1 h by default, at least 1 min.
	Retention time.Duration
	// MaxSeries is how many series may be held at once; 100,000 by default. Samples of further ones are refused.
	MaxSeries int
	// MaxExemplars is how many exemplars are held over all series, newest first; 50,000 by default.
	MaxExemplars int
	// MaxSamples is how many samples one query may hold in memory; 5,000,000 by default (about 80 MB).
	MaxSamples int
	// Timeout ends a query that takes longer; 5 s by default.
	Timeout time.Duration
	// Lookback is how long a series without a newer sample counts as present; 1 min by default. A scraped series ends at
	// once when its target does: the scraper marks it.
	Lookback time.Duration
	// OutOfOrder is how late a sample may arrive behind newer ones of its series; 10 s by default, negative for not at all.
	OutOfOrder time.Duration
	// Now judges what is too old and what lies in the future; nil is time.Now. A replay lives in the time of its recording.
	Now func() time.Time
	// Tap, when set, is told each sample that was written, with its exemplars, once its batch is committed. key is the
	// same for all samples of a series. It is called from the goroutines that write and must not block.
	Tap func(key uint64, ls labels.Labels, ms int64, v float64, exemplars []signal.Exemplar)
	// Log gets Prometheus's own messages; nil discards them. They must never reach the terminal.
	Log slog.Handler
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.Retention, time.Hour)
	set(&c.Timeout, 5*time.Second)
	set(&c.Lookback, time.Minute)
	set(&c.OutOfOrder, 10*time.Second)
	c.Retention = max(c.Retention, time.Minute)
	c.OutOfOrder = max(c.OutOfOrder, 0)
	if c.Now == nil {
		c.Now = time.Now
	}
	for _, n := range []struct {
		v   *int
		def int
	}{{&c.MaxSeries, 100_000}, {&c.MaxExemplars, 50_000}, {&c.MaxSamples, 5_000_000}} {
		if *n.v <= 0 {
			*n.v = n.def
		}
	}
	return c
}

// maxQueries is how many queries run at once. Each may hold Config.MaxSamples, so this times that bounds the memory.
const maxQueries = 4

// DB is the metric memory. All methods may be called from several goroutines, none after Close.
type DB struct {
	cfg      Config
	dir      string
	release  func() error // gives the directory back
	tsdb     *tsdb.DB
	engine   *promql.Engine
	parser   parser.Parser
	slots    chan struct{}
	counts   counters
	registry *prometheus.Registry // the database's own metrics: for Stats
	series   *seriesCap

	closeOnce sync.Once
	closeErr  error
}

// Open makes an empty metric memory, or opens the one in cfg.Dir. The caller closes it.
func Open(cfg Config) (*DB, error) {
	cfg = cfg.withDefaults()
	dir, release, err := prepareDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	log := promslog.NewNopLogger()
	if cfg.Log != nil {
		log = slog.New(cfg.Log)
	}
	db := &DB{
		cfg: cfg, dir: dir, release: release,
		parser:   parser.NewParser(parser.Options{}),
		slots:    make(chan struct{}, maxQueries),
		registry: prometheus.NewRegistry(),
		series:   &seriesCap{max: int64(cfg.MaxSeries)},
	}
	db.tsdb, err = tsdb.Open(dir, log, db.registry, db.options(), nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open metric memory in %s: %w", dir, err), release())
	}
	db.engine = promql.NewEngine(promql.EngineOpts{
		Logger: log, MaxSamples: cfg.MaxSamples, Timeout: cfg.Timeout, LookbackDelta: cfg.Lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Second.Milliseconds() },
		EnableAtModifier:         true, EnableNegativeOffset: true, Parser: db.parser,
	})
	return db, nil
}

// options keeps the share of data that lives on the heap small: a block is cut every sixth of the retention, finished
// chunks go to memory-mapped files, and there is no write-ahead log, because nothing here has to survive the process.
func (db *DB) options() *tsdb.Options {
	block := max(db.cfg.Retention/6, 10*time.Second).Milliseconds()
	o := tsdb.DefaultOptions()
	o.WALSegmentSize = -1
	o.RetentionDuration = db.cfg.Retention.Milliseconds()
	o.MinBlockDuration, o.MaxBlockDuration = block, block
	o.StripeSize = 1 << 10
	o.HeadChunksWriteBufferSize = chunks.MinWriteBufferSize
	o.BlockReloadInterval = 15 * time.Second // also how often finished chunks leave the heap
	o.EnableExemplarStorage = true
	o.MaxExemplars = int64(db.cfg.MaxExemplars)
	o.OutOfOrderTimeWindow = db.cfg.OutOfOrder.Milliseconds()
	o.SeriesLifecycleCallback = db.series
	return o
}

// Retention is how far back queries reach.
func (db *DB) Retention() time.Duration { return db.cfg.Retention }

// SeriesCount is the number of series that got a sample lately.
func (db *DB) SeriesCount() int { return int(db.tsdb.Head().NumSeries()) }

// Appendable is the door for a scraper: samples and exemplars written through it are bounded and counted like those of
// Append.
func (db *DB) Appendable() storage.AppendableV2 { return appendable{db} }

// Close ends background work and removes the directory if Open made it. Running queries must have ended.
func (db *DB) Close() error {
	db.closeOnce.Do(func() {
		db.closeErr = errors.Join(db.tsdb.Close(), db.release())
	})
	return db.closeErr
}

// seriesCap refuses new series beyond a maximum, so that a label with ever new values cannot eat the memory.
type seriesCap struct {
	max  int64
	held atomic.Int64
}

// errTooManySeries is what a sample of a series beyond Config.MaxSeries gets.
var errTooManySeries = errors.New("too many series")

// PreCreation implements tsdb.SeriesLifecycleCallback.
func (s *seriesCap) PreCreation(labels.Labels) error {
	if s.held.Load() >= s.max {
		return fmt.Errorf("%w: %d are held, the most that is allowed", errTooManySeries, s.max)
	}
	return nil
}

// PostCreation implements tsdb.SeriesLifecycleCallback.
func (s *seriesCap) PostCreation(labels.Labels) { s.held.Add(1) }

// PostDeletion implements tsdb.SeriesLifecycleCallback.
func (s *seriesCap) PostDeletion(gone map[chunks.HeadSeriesRef]labels.Labels) {
	s.held.Add(-int64(len(gone)))
}

// acquire waits for one of the few query slots.
func (db *DB) acquire(ctx context.Context) error {
	select {
	case db.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for %d other queries to end: %w", maxQueries, context.Cause(ctx))
	}
}

func (db *DB) free() { <-db.slots }

// prefix names the directories that Open makes for itself.
const prefix = "gameday-metrics-"

// prepareDir returns the directory and what gives it back. A directory of our own is locked as long as it is in use, so
// that the next start can tell those that a killed process left behind.
func prepareDir(dir string) (string, func() error, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", nil, fmt.Errorf("make directory for metrics: %w", err)
		}
		return dir, func() error { return nil }, nil
	}
	sweep(os.TempDir())
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return "", nil, fmt.Errorf("make temporary directory for metrics: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, lockName))
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("lock temporary directory for metrics: %w", err), os.RemoveAll(dir))
	}
	return dir, func() error { return errors.Join(unlock(), os.RemoveAll(dir)) }, nil
}
