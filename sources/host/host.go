// Package host measures the machine that gameday runs on, through gopsutil: processor, memory, disks and network, as
// metrics. What it measures is the machine's, not gameday's.
package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/net"

	"gameday/sources/driver"
	"gameday/sources/signal"
)

// DefaultEvery is how often the machine is looked at.
const DefaultEvery = time.Second

// maxDevices bounds how many disks, mounts and interfaces are told: container hosts have thousands.
const maxDevices = 32

// Options are what a configuration may say.
type Options struct {
	Every time.Duration `yaml:"every" doc:"How often the machine is looked at. Default 1s."`
}

// Driver measures this machine.
type Driver struct{ every time.Duration }

// Kind is this machine as a source of a configuration.
func Kind() driver.Kind {
	return driver.Kind{Name: "host", Help: "Processor, memory, disks and network of the machine that gameday runs on.", Signals: []string{"metrics"},
		Usual: "local", Schema: &Options{}, Open: func(s driver.Settings) (driver.Driver, error) {
			opt := Options{Every: DefaultEvery}
			if s.Options != nil {
				s.Options.Decode(&opt)
				if s.Options.Err() != nil {
					return nil, errors.New("options are wrong") // they are reported where they stand
				}
			}
			if s.Address != "local" {
				return nil, fmt.Errorf("address: %q: only the machine that gameday runs on can be measured: write local, and scrape others", s.Address)
			}
			return New(opt.Every), nil
		}}
}

// New makes a driver that looks every so often, at least every 100 ms.
func New(every time.Duration) *Driver { return &Driver{every: max(every, 100*time.Millisecond)} }

// Run measures until ctx ends.
func (d *Driver) Run(ctx context.Context, emit func(signal.Batch)) error {
	tick := time.NewTicker(d.every)
	defer tick.Stop()
	var last []cpu.TimesStat
	for {
		var b signal.Batch
		var err error
		if last, err = measure(ctx, &b, last); err != nil && ctx.Err() == nil {
			return err
		}
		if len(b.Metrics) > 0 && ctx.Err() == nil {
			emit(b)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// measure looks once. What this platform does not have is left out; it is an error when nothing can be had at all.
func measure(ctx context.Context, b *signal.Batch, last []cpu.TimesStat) ([]cpu.TimesStat, error) {
	now := time.Now()
	add := func(name string, v float64, labels ...string) {
		p := signal.MetricPoint{Name: "host_" + name, T: now, V: v}
		for i := 0; i+1 < len(labels); i += 2 {
			p.Labels = append(p.Labels, signal.Attr{Key: labels[i], Value: labels[i+1]})
		}
		b.Metrics = append(b.Metrics, p)
	}
	var errs []error
	times, err := cpu.TimesWithContext(ctx, false)
	errs = append(errs, err)
	if len(times) > 0 && len(last) > 0 {
		if all, idle := total(times[0])-total(last[0]), times[0].Idle+times[0].Iowait-last[0].Idle-last[0].Iowait; all > 0 {
			add("cpu_usage_ratio", min(max(1-idle/all, 0), 1))
			add("cpu_steal_ratio", max(times[0].Steal-last[0].Steal, 0)/all)
			add("cpu_iowait_ratio", max(times[0].Iowait-last[0].Iowait, 0)/all)
		}
	}
	if l, err := load.AvgWithContext(ctx); err == nil {
		add("load1", l.Load1)
		add("load5", l.Load5)
	}
	m, err := mem.VirtualMemoryWithContext(ctx)
	errs = append(errs, err)
	if err == nil {
		add("memory_total_bytes", float64(m.Total))
		add("memory_available_bytes", float64(m.Available))
		add("memory_used_ratio", 1-float64(m.Available)/max(float64(m.Total), 1))
	}
	if s, err := mem.SwapMemoryWithContext(ctx); err == nil && s.Total > 0 {
		add("swap_used_bytes", float64(s.Used))
	}
	disks(ctx, add)
	network(ctx, add)
	if len(b.Metrics) == 0 {
		return times, fmt.Errorf("measure this machine: %w", errors.Join(append(errs, errors.New("nothing of it can be had on this platform"))...))
	}
	return times, nil
}

// total is the time of all states. Guest time is within user time already.
func total(t cpu.TimesStat) float64 {
	return t.User + t.System + t.Idle + t.Nice + t.Iowait + t.Irq + t.Softirq + t.Steal
}

func disks(ctx context.Context, add func(string, float64, ...string)) {
	parts, err := disk.PartitionsWithContext(ctx, false) // those on devices
	if err != nil {
		return
	}
	seen := map[string]bool{}
	for _, p := range parts {
		if seen[p.Device] || len(seen) >= maxDevices {
			continue // mounted in several places
		}
		seen[p.Device] = true
		u, err := disk.UsageWithContext(ctx, p.Mountpoint)
		if err != nil || u.Total == 0 {
			continue
		}
		add("disk_used_ratio", float64(u.Used)/max(float64(u.Used+u.Free), 1), "mount", p.Mountpoint)
		add("disk_free_bytes", float64(u.Free), "mount", p.Mountpoint)
		if u.InodesTotal > 0 {
			add("disk_inodes_used_ratio", float64(u.InodesUsed)/float64(u.InodesTotal), "mount", p.Mountpoint)
		}
	}
	io, err := disk.IOCountersWithContext(ctx)
	if err != nil {
		return
	}
	n := 0
	for name, c := range io {
		if strings.HasPrefix(name, "loop") || strings.HasPrefix(name, "ram") || c.ReadCount+c.WriteCount == 0 || n >= maxDevices {
			continue
		}
		n++
		add("disk_read_bytes_total", float64(c.ReadBytes), "device", name)
		add("disk_written_bytes_total", float64(c.WriteBytes), "device", name)
		add("disk_busy_seconds_total", float64(c.IoTime)/1000, "device", name)
	}
}

func network(ctx context.Context, add func(string, float64, ...string)) {
	all, err := net.IOCountersWithContext(ctx, true)
	if err != nil {
		return
	}
	n := 0
	for _, c := range all {
		if strings.HasPrefix(c.Name, "veth") || c.PacketsRecv+c.PacketsSent == 0 || n >= maxDevices {
			continue
		}
		n++
		add("network_received_bytes_total", float64(c.BytesRecv), "device", c.Name)
		add("network_sent_bytes_total", float64(c.BytesSent), "device", c.Name)
		add("network_errors_total", float64(c.Errin+c.Errout), "device", c.Name)
		add("network_dropped_total", float64(c.Dropin+c.Dropout), "device", c.Name)
	}
}
