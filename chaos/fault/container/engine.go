// Package container kills, pauses, stops, restarts and limits containers through the Docker Engine's API.
//
// A container is named by its ID in the journal, so that another one with the same name is never hit. Undoing looks at
// the state first, and changes it only where it is what the fault made of it.
package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"gameday/chaos"
)

// Labels of targets.
const (
	LabelID = "id" // the engine's ID of the container
	// LabelService is taken from the label of Docker Compose, when the container has no label service of its own.
	LabelService   = "service"
	composeService = "com.docker.compose.service"
)

// Engine is one Docker Engine. It connects when it is first needed. Safe for concurrent use.
type Engine struct {
	host string

	mu      sync.Mutex
	clients map[string]*client.Client
}

// NewEngine names an engine, such as unix:///var/run/docker.sock; "" is what DOCKER_HOST says, or the usual socket.
func NewEngine(host string) *Engine { return &Engine{host: host, clients: map[string]*client.Client{}} }

// Close lets connections go. The engine can be used again.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for host, c := range e.clients {
		errs = append(errs, c.Close())
		delete(e.clients, host)
	}
	return errors.Join(errs...)
}

// api connects to the host; "" is the engine's own.
func (e *Engine) api(host string) (*client.Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if host == "" {
		host = e.host
	}
	if c := e.clients[host]; c != nil {
		return c, nil
	}
	opts := []client.Opt{client.FromEnv}
	if host != "" {
		opts = append(opts, client.WithHost(host))
	}
	c, err := client.New(opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to the Docker Engine: %w", err)
	}
	e.clients[host] = c
	return c, nil
}

// Available says why no engine can be used, or nil.
func (e *Engine) Available(ctx context.Context) error {
	c, err := e.api("")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := c.Ping(ctx, client.PingOptions{}); err != nil {
		return fmt.Errorf("no Docker Engine answers: %w; start it, or set DOCKER_HOST", err)
	}
	return nil
}

// Targets are none: an engine's containers are only found on purpose.
func (*Engine) Targets(context.Context) ([]chaos.Target, error) { return nil, nil }

// Find returns the running containers that the selector names: by their name, by their service, or by their labels as the
// engine knows them.
func (e *Engine) Find(ctx context.Context, kind chaos.TargetKind, s chaos.Selector) ([]chaos.Target, error) {
	if kind != chaos.TargetContainer || (s.Name == "" || s.Name == "*") && s.Service == "" && len(s.Labels) == 0 {
		return nil, nil
	}
	c, err := e.api("")
	if err != nil {
		return nil, err
	}
	list, err := c.ContainerList(ctx, client.ContainerListOptions{Filters: client.Filters{}.Add("status", "running", "paused", "restarting")})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	own := ownID()
	var out []chaos.Target
	for _, item := range list.Items {
		t := asTarget(item)
		if item.ID != own && named(t, s) {
			out = append(out, t)
		}
	}
	return out, nil
}

func asTarget(item container.Summary) chaos.Target {
	labels := map[string]string{LabelID: item.ID}
	if s := item.Labels[composeService]; s != "" {
		labels[LabelService] = s
	}
	for k, v := range item.Labels {
		if k != LabelID {
			labels[k] = v
		}
	}
	name := item.ID[:min(12, len(item.ID))]
	if len(item.Names) > 0 {
		name = strings.TrimPrefix(item.Names[0], "/") // the engine allows letters, digits and _.- only
	}
	return chaos.Target{Kind: chaos.TargetContainer, Name: name, Labels: labels}
}

func named(t chaos.Target, s chaos.Selector) bool {
	if s.Name != "" && s.Name != "*" && s.Name != t.Name || s.Service != "" && s.Service != t.Labels[LabelService] && s.Service != t.Name {
		return false
	}
	for k, v := range s.Labels {
		if t.Labels[k] != v {
			return false
		}
	}
	return true
}

// ownID is the ID of the container that gameday itself runs in, or "".
func ownID() string {
	for _, file := range []string{"/proc/self/cgroup", "/proc/self/mountinfo"} {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for word := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }) {
			if len(word) == 64 && (file == "/proc/self/cgroup" || strings.Contains(string(data), "/containers/"+word+"/hostname")) {
				return word
			}
		}
	}
	return ""
}

// state is what the engine says about one container; nil when it is not there any more.
func (e *Engine) state(ctx context.Context, host, id string) (*container.InspectResponse, error) {
	c, err := e.api(host)
	if err != nil {
		return nil, err
	}
	r, err := c.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at container %s: %w", short(id), err)
	}
	if r.Container.State == nil || r.Container.HostConfig == nil {
		return nil, fmt.Errorf("look at container %s: the engine does not say its state", short(id))
	}
	return &r.Container, nil
}

func short(id string) string { return id[:min(12, len(id))] }

// isID reports whether s has the form of a container's ID.
func isID(s string) bool {
	return len(s) == 64 && !slices.ContainsFunc([]byte(s), func(b byte) bool { return !strings.ContainsRune("0123456789abcdef", rune(b)) })
}
