package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gameday/chaos"
	"gameday/chaos/cgroup"
	"gameday/chaos/size"
)

// rate is one of the four limits of a device: its argument, and what it is called in both versions of control groups.
type rate struct{ arg, v1, v2 string }

var rates = []rate{
	{"read", "blkio.throttle.read_bps_device", "rbps"},
	{"write", "blkio.throttle.write_bps_device", "wbps"},
	{"reads", "blkio.throttle.read_iops_device", "riops"},
	{"writes", "blkio.throttle.write_iops_device", "wiops"},
}

// NewThrottle returns the fault storage.throttle: the target reads and writes a device no faster than the limits.
func NewThrottle() *cgroup.Fault {
	return &cgroup.Fault{Name: "storage.throttle", Controller: cgroup.IO,
		Feels: "the process reads and writes a disk no faster than the limits; with control groups of version 1 only what it writes directly or synchronously",
		Arguments: []chaos.Param{
			{Name: "path", Type: "string", Required: true, Help: "any path on the disk that is slow, such as /var/lib/shop"},
			{Name: "read", Type: "string", Help: "bytes read a second, such as 1MiB"},
			{Name: "write", Type: "string", Help: "bytes written a second"},
			{Name: "reads", Type: "int", Min: 1, Help: "reads a second"},
			{Name: "writes", Type: "int", Min: 1, Help: "writes a second"},
		},
		Limits: func(args chaos.Args) (func(cgroup.Group, []int, bool) ([]cgroup.Setting, error), string, error) {
			path, _ := args["path"].(string)
			dev, err := blockDevice(path)
			if err != nil {
				return nil, "", err
			}
			limits, words, err := readRates(args)
			if err != nil {
				return nil, "", err
			}
			return func(g cgroup.Group, _ []int, own bool) ([]cgroup.Setting, error) {
					return throttle(g, dev, limits, own), nil
				},
				"I/O at " + words, nil
		}}
}

// readRates turns arguments into limits by argument name.
func readRates(args chaos.Args) (limits map[string]uint64, words string, err error) {
	limits = map[string]uint64{}
	var parts []string
	for _, r := range rates {
		switch v := args[r.arg].(type) {
		case nil:
		case int:
			limits[r.arg] = uint64(v)
			parts = append(parts, fmt.Sprintf("%d %s/s", v, r.arg))
		case string:
			n, err := size.Parse(v)
			if err == nil && n == 0 {
				err = errors.New("nothing at all cannot be granted; write a small rate, such as 4KiB")
			}
			if err != nil {
				return nil, "", fmt.Errorf("%s: %w", r.arg, err)
			}
			limits[r.arg] = n
			parts = append(parts, fmt.Sprintf("%s %s/s", r.arg, size.String(n)))
		}
	}
	if len(limits) == 0 {
		return nil, "", errors.New("give at least one of read, write, reads and writes")
	}
	return limits, strings.Join(parts, ", "), nil
}

func throttle(g cgroup.Group, dev string, limits map[string]uint64, own bool) []cgroup.Setting {
	if g.V2 {
		return []cgroup.Setting{throttle2(g, dev, limits, own)}
	}
	var out []cgroup.Setting
	for _, r := range rates {
		n, ok := limits[r.arg]
		if !ok {
			continue
		}
		out = append(out, cgroup.Setting{File: r.v1, Key: dev, Value: strconv.FormatUint(n, 10), Clear: "0",
			Tighter: func(now string) bool { return now == "" || !slower(now, n) }})
	}
	return out
}

// throttle2 is the line of io.max: what is not limited by us stays as it is, or "max".
func throttle2(g cgroup.Group, dev string, limits map[string]uint64, own bool) cgroup.Setting {
	before := map[string]string{}
	for line := range strings.Lines(g.Read("io.max")) {
		if rest, ok := strings.CutPrefix(line, dev+" "); ok && !own {
			for _, f := range strings.Fields(rest) {
				k, v, _ := strings.Cut(f, "=")
				before[k] = v
			}
		}
	}
	var ours, clear []string
	tighter := false
	for _, r := range rates {
		v := before[r.v2]
		if v == "" {
			v = "max"
		}
		if n, ok := limits[r.arg]; ok && !slower(v, n) {
			v, tighter = strconv.FormatUint(n, 10), true
		}
		ours, clear = append(ours, r.v2+"="+v), append(clear, r.v2+"=max")
	}
	return cgroup.Setting{File: "io.max", Key: dev, Value: strings.Join(ours, " "), Clear: strings.Join(clear, " "),
		Tighter: func(string) bool { return tighter }}
}

// slower reports whether a limit that is there is no wider than n.
func slower(now string, n uint64) bool {
	have, err := strconv.ParseUint(now, 10, 64)
	return err == nil && have != 0 && have <= n
}

// blockDevice is MAJOR:MINOR of the disk that has the path: of the whole disk, because partitions take no limits.
func blockDevice(path string) (string, error) {
	dev, err := deviceOf(path)
	if err != nil {
		return "", fmt.Errorf("path %s: %w", path, reason(err))
	}
	link := "/sys/dev/block/" + dev
	sys, err := filepath.EvalSymlinks(link)
	if err != nil {
		return "", fmt.Errorf("path %s: its file system is on no block device (%s), so its I/O cannot be throttled; use storage.fuse", path, dev)
	}
	if _, err := os.Stat(filepath.Join(sys, "partition")); err == nil {
		sys = filepath.Dir(sys)
	}
	data, err := os.ReadFile(filepath.Join(sys, "dev"))
	if err != nil {
		return "", fmt.Errorf("path %s: find its disk: %w", path, err)
	}
	dev = strings.TrimSpace(string(data))
	if strings.Count(dev, ":") == 1 {
		return dev, nil
	}
	return "", fmt.Errorf("path %s: find its disk: unexpected %q", path, dev)
}
