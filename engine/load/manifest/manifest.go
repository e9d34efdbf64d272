package manifest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"gameday/engine/load"
)

const (
	folder      = "/plan"
	maxShards   = 10_000
	maxBytes    = 1 << 20 // of a ConfigMap, by Kubernetes' own limit
	defaultCPU  = "1"
	defaultRAM  = "512Mi"
	defaultLead = 2 * time.Minute
	user        = 65532
)

// Options say what is written.
type Options struct {
	Name        string        // of the objects; "" is made of the plan's name
	Namespace   string        // "" is kubectl's
	Shards      int           // 1 to 10,000
	Image       string        // with gameday as its program, or with k6
	StartIn     time.Duration // from now until all parts begin: scheduling and pulling images must be over by then. 0 is 2 min
	Now         time.Time
	RemoteWrite string   // where the parts report to
	Secret      string   // a Secret whose keys the pods get as environment variables
	CPU, Memory string   // requested, and for memory also the limit; "" are 1 and 512Mi
	Args        []string // more arguments of gameday load run, or of k6 run
}

var (
	objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$`)
	quantity   = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(m|[kKMGT]i?)?$`)
	fromEnv    = regexp.MustCompile(`\$\{env:([^}]*)\}`)
)

// Plan writes a ConfigMap with the plan and the files it names, and the Job that runs it in parts.
func Plan(file string, o Options) ([]byte, error) {
	plan, err := load.LoadPlan(file)
	if err != nil {
		return nil, err
	}
	if err := o.complete(plan.Metadata.Name); err != nil {
		return nil, err
	}
	names, err := plan.Files()
	if err != nil {
		return nil, fmt.Errorf("take the files of %s along: %w", file, err)
	}
	if err := o.secrets(file); err != nil {
		return nil, err
	}
	files := newFiles(o.object())
	if err := files.add("plan.yaml", file); err != nil {
		return nil, err
	}
	for _, name := range names {
		if !filepath.IsLocal(name) || name == "plan.yaml" {
			return nil, fmt.Errorf("take %s along: the plan must name it by a path below its own folder, other than plan.yaml", name)
		}
		if err := files.add(filepath.ToSlash(filepath.Clean(name)), plan.Beside(name)); err != nil {
			return nil, err
		}
	}
	return documents(files.object, o.job(files))
}

// K6 writes a ConfigMap with a k6 script and the k6-operator's TestRun, which splits it by k6's execution segments.
func K6(script string, o Options) ([]byte, error) {
	if err := o.complete(strings.TrimSuffix(filepath.Base(script), filepath.Ext(script))); err != nil {
		return nil, err
	}
	name := path.Base(filepath.ToSlash(script))
	files := newFiles(o.object())
	if err := files.add(name, script); err != nil {
		return nil, err
	}
	if data := files.object.Data[files.keys[0].Key]; strings.Contains(data, "open(") || strings.Contains(data, "from './") || strings.Contains(data, `from "./`) {
		return nil, fmt.Errorf("%s opens or imports other files, which a ConfigMap of one script does not hold: make an archive or a bundle of it first (k6 archive)", script)
	}
	run := testRun{
		APIVersion: "k6.io/v1alpha1", Kind: "TestRun", Metadata: o.object(),
		Spec: testRunSpec{
			Parallelism: o.Shards, Script: k6Script{k6File{o.Name, files.keys[0].Key}},
			Runner: k6Runner{Image: o.Image, AutomountServiceAccountToken: "false", EnvFrom: o.envFrom(), Resources: o.resources()},
		},
	}
	if strings.Contains(o.RemoteWrite, "${") {
		return nil, errors.New("the address holds a variable, which k6 does not fill: put K6_PROMETHEUS_RW_SERVER_URL into the Secret instead")
	}
	args := append([]string{"--no-usage-report"}, o.Args...)
	if o.RemoteWrite != "" {
		args = append(args, "--out", "experimental-prometheus-rw", "--tag", "testid="+o.Name)
		run.Spec.Runner.Env = []envVar{
			{"K6_PROMETHEUS_RW_SERVER_URL", o.RemoteWrite}, {"K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM", "true"},
		}
	}
	for _, a := range args {
		if strings.ContainsAny(a, " \t\r\n'\"") {
			return nil, fmt.Errorf("argument %q: the k6-operator takes all arguments as one text, in which none can hold spaces or quotes", a)
		}
	}
	run.Spec.Arguments = strings.Join(args, " ")
	return documents(files.object, run)
}

// complete fills in defaults and reports what cannot be.
func (o *Options) complete(name string) error {
	if o.Name == "" {
		o.Name = "load-" + strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-"), "-")
		o.Name = strings.TrimRight(o.Name[:min(len(o.Name), 52)], "-")
	}
	if o.CPU == "" {
		o.CPU = defaultCPU
	}
	if o.Memory == "" {
		o.Memory = defaultRAM
	}
	if o.StartIn == 0 {
		o.StartIn = defaultLead
	}
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(!objectName.MatchString(o.Name), "name %q: an object's name has at most 52 lower-case letters, digits and dashes", o.Name)
	fault(o.Namespace != "" && !objectName.MatchString(o.Namespace), "namespace %q is no name", o.Namespace)
	fault(o.Shards < 1 || o.Shards > maxShards, "%d shards: give between 1 and %d", o.Shards, maxShards)
	fault(!quantity.MatchString(o.CPU), "cpu %q is no quantity such as 500m or 2", o.CPU)
	fault(!quantity.MatchString(o.Memory), "memory %q is no quantity such as 512Mi", o.Memory)
	fault(o.StartIn < 0 || o.StartIn > 24*time.Hour, "start in %v: give between 1s and 24h", o.StartIn)
	fault(o.Image != "" && strings.ContainsAny(o.Image, " \t\r\n"), "image %q is no image's name", o.Image)
	return errors.Join(faults...)
}

// secrets insists on a Secret where the plan reads the environment: a manifest must not hold what it holds.
func (o *Options) secrets(file string) error {
	if o.Image == "" {
		return errors.New("give an image that holds gameday")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	if m := fromEnv.FindSubmatch(append(text, o.RemoteWrite...)); m != nil && o.Secret == "" {
		return fmt.Errorf("the plan or the address needs %s of the environment: name the Secret that has it (--secret)", m[1])
	}
	return nil
}

func (o *Options) labels() map[string]string {
	return map[string]string{"app.kubernetes.io/name": "gameday", "app.kubernetes.io/component": "load", "app.kubernetes.io/instance": o.Name}
}

func (o *Options) object() meta {
	return meta{Name: o.Name, Namespace: o.Namespace, Labels: o.labels()}
}

func (o *Options) resources() resources {
	// No limit of CPU: a generator that is throttled measures the throttling.
	return resources{Requests: map[string]string{"cpu": o.CPU, "memory": o.Memory}, Limits: map[string]string{"memory": o.Memory}}
}

func (o *Options) envFrom() []envFrom {
	if o.Secret == "" {
		return nil
	}
	return []envFrom{{SecretRef: named{o.Secret}}}
}

// job is the Indexed Job. A pod is never replaced: it would come too late for its part, and the run would be of two
// halves. Its index fails, the others go on.
func (o *Options) job(files *files) job {
	start := o.Now.Add(o.StartIn).UTC().Truncate(time.Second)
	args := []string{"load", "run", folder + "/plan.yaml", "--shard=job/" + strconv.Itoa(o.Shards), "--start-at=" + start.Format(time.RFC3339)}
	if o.RemoteWrite != "" {
		args = append(args, "--remote-write="+strings.ReplaceAll(o.RemoteWrite, "$(", "$$("))
	}
	for _, a := range o.Args {
		args = append(args, strings.ReplaceAll(a, "$(", "$$(")) // else Kubernetes would fill it in
	}
	const name = "gameday"
	return job{
		APIVersion: "batch/v1", Kind: "Job", Metadata: o.object(),
		Spec: jobSpec{
			Completions: o.Shards, Parallelism: o.Shards, CompletionMode: "Indexed",
			BackoffLimitPerIndex: 0, PodReplacementPolicy: "Failed",
			PodFailurePolicy: podFailurePolicy{[]failureRule{
				{Action: "FailIndex", OnPodConditions: []onPodCondition{{"DisruptionTarget", "True"}}},
				{Action: "FailIndex", OnExitCodes: &onExitCodes{name, "NotIn", []int{0}}},
			}},
			Template: podTemplate{
				Metadata: meta{Labels: o.labels()},
				Spec: podSpec{
					RestartPolicy: "Never", TerminationGracePeriodSeconds: 30,
					SecurityContext:           podSecurity{RunAsNonRoot: true, RunAsUser: user, SeccompProfile: seccomp{"RuntimeDefault"}},
					TopologySpreadConstraints: []spread{{1, "kubernetes.io/hostname", "ScheduleAnyway", selector{o.labels()}}},
					Containers: []container{{
						Name: name, Image: o.Image, Command: []string{"gameday"}, Args: args, EnvFrom: o.envFrom(), Resources: o.resources(),
						SecurityContext: containerSecurity{ReadOnlyRootFilesystem: true, Capabilities: capabilities{[]string{"ALL"}}},
						VolumeMounts:    []mount{{"plan", folder, true}},
					}},
					Volumes: []volume{{"plan", volumeSource{o.Name, files.keys}}},
				},
			},
		},
	}
}

// files is a ConfigMap and the paths of what it holds.
type files struct {
	object configMap
	keys   []keyToPath
	size   int
}

func newFiles(m meta) *files {
	return &files{object: configMap{
		APIVersion: "v1", Kind: "ConfigMap", Metadata: m, Immutable: true, Data: map[string]string{}, BinaryData: map[string]string{},
	}}
}

var badKey = regexp.MustCompile(`[^-._a-zA-Z0-9]`)

// add takes a file along under a path below the plan's folder.
func (f *files) add(as, file string) error {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return fmt.Errorf("take a file along: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("take %s along: it is no plain file", file)
	case info.Size() > maxBytes:
		return tooLarge(file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("take a file along: %w", err)
	}
	if f.size += len(data); f.size > maxBytes*9/10 { // the rest is for names
		return tooLarge(file)
	}
	// A key holds no slash; the number keeps a/b and a_b apart.
	key := badKey.ReplaceAllString(as, "_")
	if key != as {
		key = strconv.Itoa(len(f.keys)) + "-" + key
	}
	f.keys = append(f.keys, keyToPath{key, as})
	if utf8.Valid(data) && !bytes.ContainsRune(data, 0) {
		f.object.Data[key] = string(data)
	} else {
		f.object.BinaryData[key] = base64.StdEncoding.EncodeToString(data)
	}
	return nil
}

func tooLarge(file string) error {
	return fmt.Errorf("take %s along: a ConfigMap holds 1 MiB with everything; put large files into the image and name them by an absolute path in a plan that is in the image too", file)
}

// documents is a stream of YAML documents.
func documents(list ...any) ([]byte, error) {
	var b bytes.Buffer
	for i, one := range list {
		if i > 0 {
			b.WriteString("---\n")
		}
		text, err := yaml.MarshalWithOptions(one, yaml.Indent(2), yaml.UseLiteralStyleIfMultiline(true))
		if err != nil {
			return nil, fmt.Errorf("write manifest: %w", err)
		}
		b.Write(text)
	}
	return b.Bytes(), nil
}
