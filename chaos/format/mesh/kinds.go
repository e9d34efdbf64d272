package mesh

import (
	"regexp"
	"strings"
	"time"

	"gameday/chaos/format"
)

func (f *fault) pod() (format.Map, bool) {
	p, why := f.pods(f.spec)
	if why != "" {
		return f.needs("kubernetes", why)
	}
	switch action := f.spec.Of("action"); action {
	case "pod-kill":
		args := format.Map{}
		if v, ok := f.spec.Get("gracePeriod").Number(); ok && v > 0 {
			args = format.Map{{Key: "signal", Value: "TERM"}}
		}
		return f.step("process.kill", p.Processes(), args, p.String()+" killed", "the process; its supervisor stands for the deployment")
	case "pod-failure":
		return f.step("process.pause", p.Processes(), nil, p.String()+" fails", "the process is stopped and answers nothing, where a pod gets an image that does not run")
	case "container-kill":
		names := f.spec.Get("containerNames").Texts()
		target := p.Processes()
		if len(names) > 0 {
			target = format.Map{{Key: "name", Value: names[0]}, {Key: "pick", Value: p.Pick}}
		}
		if len(names) > 1 {
			f.cov.Add("containerNames", f.spec.Get("containerNames").Path, format.Approximated, "one name is looked for, the first")
		}
		return f.step("container.kill", target, nil, p.String()+" container killed", "a container of the Docker Engine of this machine")
	default:
		return f.lost("its action is not known: " + format.Label(action, "none"))
	}
}

// percent reads a share that is written as a number of percent.
func (f *fault) percent(n *format.Node) (string, bool) {
	v, ok := format.ParseNumber(strings.TrimSuffix(strings.TrimSpace(n.Text()), "%"))
	if !ok || v < 0 || v > 100 {
		if n.Exists() {
			f.cov.Add("share", n.Path, format.NotConverted, format.Label(n.Text(), "nothing")+" is no share between 0 and 100")
		}
		return "", false
	}
	return format.Decimal(v) + "%", true
}

// time reads a short time of a fault.
func (f *fault) time(n *format.Node) (time.Duration, bool) {
	d, err := time.ParseDuration(strings.TrimSpace(n.Text()))
	if err != nil || d < 0 || d > time.Hour {
		if n.Exists() {
			f.cov.Add("time", n.Path, format.NotConverted, format.Label(n.Text(), "nothing")+" is no duration up to 1 h")
		}
		return 0, false
	}
	return d, true
}

func (f *fault) stress() (format.Map, bool) {
	p, why := f.pods(f.spec)
	f.spec.Skip(f.cov, "pods have no containers here", "containerNames")
	if why != "" && !p.Empty() {
		return f.needs("kubernetes", why)
	}
	f.spec.Lost(f.cov, "free options of stress-ng are not run", "stressngStressors")
	s := f.spec.Get("stressors")
	var steps []format.Map
	add := func(kind string, args format.Map, title string) {
		if f.lasts > 14*time.Minute { // without it, hogs end by themselves after 15
			args = append(args, format.Field{Key: "deadline", Value: min(f.lasts+time.Minute, format.MaxMethod)})
		}
		if st, ok := f.step(kind, format.Localhost(), args, p.String()+": "+title, "this machine as a whole instead of the pods"); ok {
			steps = append(steps, st)
		}
	}
	if cpu := s.Get("cpu"); cpu.Exists() {
		args := format.Map{}
		cpu.Lost(f.cov, "free options of stress-ng are not run", "options")
		if w, ok := cpu.Get("workers").Number(); ok && w >= 1 && w <= 4096 {
			args = append(args, format.Field{Key: "cores", Value: int(w)})
		}
		if load, ok := cpu.Get("load").Number(); ok && load >= 1 && load <= 100 {
			args = append(args, format.Field{Key: "load", Value: format.Decimal(load) + "%"})
		}
		add("compute.burn", args, "processors busy")
	}
	if mem := s.Get("memory"); mem.Exists() {
		args := format.Map{}
		mem.Lost(f.cov, "is not offered: the ballast is always the first to be ended", "oomScoreAdj", "options", "time")
		mem.Skip(f.cov, "one process holds it all", "workers")
		if size := mem.Get("size"); size.Exists() {
			if v, ok := bytesOf(size.Text()); ok {
				args = append(args, format.Field{Key: "size", Value: v})
			} else {
				f.cov.Add("size", size.Path, format.NotConverted, format.Label(size.Text(), "nothing")+" is no size in bytes; without one all but a margin is taken")
			}
		}
		add("compute.ballast", args, "memory taken")
	}
	return f.together(steps, "it has neither cpu nor memory")
}

var sized = regexp.MustCompile(`^(\d+(?:\.\d+)?)\s*([kKmMgG]?)(i?)[bB]?$`)

// bytesOf brings 256MB into gameday's form. Chaos Mesh counts all of them in powers of 1024.
func bytesOf(s string) (string, bool) {
	m := sized.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return "", false
	}
	if m[2] == "" {
		return m[1] + "B", !strings.Contains(m[1], ".")
	}
	return m[1] + strings.ToUpper(m[2]) + "iB", true
}

var errnos = map[string]string{"5": "EIO", "28": "ENOSPC", "30": "EROFS", "122": "EDQUOT", "13": "EACCES", "2": "ENOENT", "110": "ETIMEDOUT"}

func (f *fault) io() (format.Map, bool) {
	p, why := f.pods(f.spec)
	if why != "" && !p.Empty() {
		return f.needs("kubernetes", why)
	}
	f.spec.Skip(f.cov, "pods have no containers here", "containerNames", "containerName")
	path := strings.TrimSpace(f.spec.Of("volumePath"))
	args := format.Map{}
	action := f.spec.Of("action")
	switch action {
	case "latency":
		d, ok := f.time(f.spec.Get("delay"))
		if !ok {
			return f.lost("it has no delay")
		}
		args = append(args, format.Field{Key: "delay", Value: d})
	case "fault":
		name, ok := errnos[f.spec.Of("errno")]
		if !ok {
			return f.needs("kubernetes", "errno "+f.spec.Of("errno"))
		}
		args = append(args, format.Field{Key: "error", Value: name})
	default:
		return f.needs("kubernetes", "")
	}
	if !strings.HasPrefix(path, "/") {
		return f.lost("its volumePath is no absolute path")
	}
	if share, ok := f.percent(f.spec.Get("percent")); ok {
		args = append(args, format.Field{Key: "share", Value: share})
	}
	args = append(args, format.Field{Key: "operations", Value: f.operations(f.spec.Get("methods"))})
	files := f.spec.Get("path")
	inside := strings.TrimPrefix(strings.TrimPrefix(files.Text(), path), "/")
	if strings.Contains(inside, "**") {
		f.cov.Add("path", files.Path, format.Approximated, "** is not read: all files of the directory")
	} else if inside != "" {
		args = append(args, format.Field{Key: "files", Value: inside})
	}
	return f.step("storage.fuse", format.Map{{Key: "name", Value: path}}, args, p.String()+": "+path+" "+action, "the directory of that name on this machine")
}

var methods = map[string]string{"open": "open", "read": "read", "write": "write", "fsync": "sync", "flush": "sync", "fsyncdir": "sync", "readdir": "list", "opendir": "list",
	"getattr": "metadata", "lookup": "metadata", "statfs": "metadata", "access": "metadata", "getxattr": "metadata", "listxattr": "metadata", "readlink": "metadata",
	"mkdir": "change", "unlink": "change", "rmdir": "change", "rename": "change", "symlink": "change", "link": "change", "create": "change", "mknod": "change", "setattr": "change"}

// operations are the methods in gameday's words.
func (f *fault) operations(n *format.Node) string {
	var out []string
	seen := map[string]bool{}
	for _, m := range n.Texts() {
		word, ok := methods[strings.ToLower(m)]
		if !ok {
			f.cov.Add("method "+format.Label(m, "none"), n.Path, format.NotConverted, "gameday does not hit it")
			continue
		}
		if !seen[word] {
			out = append(out, word)
		}
		seen[word] = true
	}
	if len(out) == 0 {
		return "all"
	}
	return strings.Join(out, ", ")
}

func (f *fault) dns() (format.Map, bool) {
	p, why := f.pods(f.spec)
	if why != "" && !p.Empty() {
		return f.needs("kubernetes", why)
	}
	patterns := f.spec.Get("patterns")
	var names []string
	for _, n := range patterns.Texts() {
		if strings.ContainsAny(strings.TrimPrefix(n, "*."), "*?") && n != "*" {
			f.cov.Add("pattern", patterns.Path, format.NotConverted, n+": a star stands for whole labels at the beginning only")
			continue
		}
		names = append(names, n)
	}
	switch {
	case len(patterns.Texts()) == 0:
		names = []string{"*"}
	case len(names) == 0:
		return f.needs("kubernetes", "patterns that are not matched here")
	}
	args := format.Map{{Key: "names", Value: strings.Join(names, ", ")}}
	action := f.spec.Of("action")
	switch action {
	case "error":
		args = append(args, format.Field{Key: "answer", Value: "servfail"})
	case "random":
		args = append(args, format.Field{Key: "answer", Value: "address"}, format.Field{Key: "address", Value: "192.0.2.1"})
	default:
		return f.lost("its action is not known: " + format.Label(action, "none"))
	}
	return f.step("dns.failure", format.Localhost(), args, p.String()+": names "+action, "for this machine as a whole instead of the pods")
}
