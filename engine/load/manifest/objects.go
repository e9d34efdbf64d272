// Package manifest writes the Kubernetes objects that run a load plan, or a k6 script, in parts: a ConfigMap with the
// files and an Indexed Job, or the k6-operator's TestRun. There is no coordinator: each pod takes the part of its index
// from one absolute start. Nothing is applied; what is written is for kubectl.
package manifest

// The objects, as far as they are used here, in the API's own names. They are structures of our own: Kubernetes' modules
// would be larger than gameday.

type meta struct {
	Name      string            `yaml:"name,omitempty"`
	Namespace string            `yaml:"namespace,omitempty"`
	Labels    map[string]string `yaml:"labels,omitempty"`
}

// configMap is v1 ConfigMap.
type configMap struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Metadata   meta              `yaml:"metadata"`
	Immutable  bool              `yaml:"immutable"`
	Data       map[string]string `yaml:"data,omitempty"`
	BinaryData map[string]string `yaml:"binaryData,omitempty"`
}

// job is batch/v1 Job.
type job struct {
	APIVersion string  `yaml:"apiVersion"`
	Kind       string  `yaml:"kind"`
	Metadata   meta    `yaml:"metadata"`
	Spec       jobSpec `yaml:"spec"`
}

type jobSpec struct {
	Completions          int              `yaml:"completions"`
	Parallelism          int              `yaml:"parallelism"`
	CompletionMode       string           `yaml:"completionMode"`
	BackoffLimitPerIndex int              `yaml:"backoffLimitPerIndex"`
	PodReplacementPolicy string           `yaml:"podReplacementPolicy"`
	PodFailurePolicy     podFailurePolicy `yaml:"podFailurePolicy"`
	Template             podTemplate      `yaml:"template"`
}

type podFailurePolicy struct {
	Rules []failureRule `yaml:"rules"`
}

type failureRule struct {
	Action          string           `yaml:"action"`
	OnExitCodes     *onExitCodes     `yaml:"onExitCodes,omitempty"`
	OnPodConditions []onPodCondition `yaml:"onPodConditions,omitempty"`
}

type onExitCodes struct {
	ContainerName string `yaml:"containerName"`
	Operator      string `yaml:"operator"`
	Values        []int  `yaml:"values"`
}

type onPodCondition struct {
	Type   string `yaml:"type"`
	Status string `yaml:"status"`
}

type podTemplate struct {
	Metadata meta    `yaml:"metadata"`
	Spec     podSpec `yaml:"spec"`
}

type podSpec struct {
	RestartPolicy                 string      `yaml:"restartPolicy"`
	AutomountServiceAccountToken  bool        `yaml:"automountServiceAccountToken"`
	EnableServiceLinks            bool        `yaml:"enableServiceLinks"`
	TerminationGracePeriodSeconds int         `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               podSecurity `yaml:"securityContext"`
	TopologySpreadConstraints     []spread    `yaml:"topologySpreadConstraints"`
	Containers                    []container `yaml:"containers"`
	Volumes                       []volume    `yaml:"volumes"`
}

type podSecurity struct {
	RunAsNonRoot   bool    `yaml:"runAsNonRoot"`
	RunAsUser      int     `yaml:"runAsUser"`
	SeccompProfile seccomp `yaml:"seccompProfile"`
}

type seccomp struct {
	Type string `yaml:"type"`
}

type spread struct {
	MaxSkew           int      `yaml:"maxSkew"`
	TopologyKey       string   `yaml:"topologyKey"`
	WhenUnsatisfiable string   `yaml:"whenUnsatisfiable"`
	LabelSelector     selector `yaml:"labelSelector"`
}

type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

type container struct {
	Name            string            `yaml:"name"`
	Image           string            `yaml:"image"`
	Command         []string          `yaml:"command"`
	Args            []string          `yaml:"args"`
	EnvFrom         []envFrom         `yaml:"envFrom,omitempty"`
	Resources       resources         `yaml:"resources"`
	SecurityContext containerSecurity `yaml:"securityContext"`
	VolumeMounts    []mount           `yaml:"volumeMounts"`
}

type envFrom struct {
	SecretRef named `yaml:"secretRef"`
}

type named struct {
	Name string `yaml:"name"`
}

type resources struct {
	Requests map[string]string `yaml:"requests"`
	Limits   map[string]string `yaml:"limits,omitempty"`
}

type containerSecurity struct {
	AllowPrivilegeEscalation bool         `yaml:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   bool         `yaml:"readOnlyRootFilesystem"`
	Capabilities             capabilities `yaml:"capabilities"`
}

type capabilities struct {
	Drop []string `yaml:"drop"`
}

type mount struct {
	Name      string `yaml:"name"`
	MountPath string `yaml:"mountPath"`
	ReadOnly  bool   `yaml:"readOnly"`
}

type volume struct {
	Name      string       `yaml:"name"`
	ConfigMap volumeSource `yaml:"configMap"`
}

type volumeSource struct {
	Name  string      `yaml:"name"`
	Items []keyToPath `yaml:"items"`
}

type keyToPath struct {
	Key  string `yaml:"key"`
	Path string `yaml:"path"`
}

// testRun is the k6-operator's k6.io/v1alpha1 TestRun.
type testRun struct {
	APIVersion string      `yaml:"apiVersion"`
	Kind       string      `yaml:"kind"`
	Metadata   meta        `yaml:"metadata"`
	Spec       testRunSpec `yaml:"spec"`
}

type testRunSpec struct {
	Parallelism int      `yaml:"parallelism"`
	Arguments   string   `yaml:"arguments,omitempty"`
	Script      k6Script `yaml:"script"`
	Runner      k6Runner `yaml:"runner"`
}

type k6Script struct {
	ConfigMap k6File `yaml:"configMap"`
}

type k6File struct {
	Name string `yaml:"name"`
	File string `yaml:"file"`
}

type k6Runner struct {
	Image                        string    `yaml:"image,omitempty"`
	AutomountServiceAccountToken string    `yaml:"automountServiceAccountToken"` // the operator's own: a text
	Env                          []envVar  `yaml:"env,omitempty"`
	EnvFrom                      []envFrom `yaml:"envFrom,omitempty"`
	Resources                    resources `yaml:"resources"`
}

type envVar struct {
	Name  string `yaml:"name"`
	Value string `yaml:"value"`
}
