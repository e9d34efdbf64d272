package container

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"gameday/chaos"
)

var killSignals = []string{"ABRT", "HUP", "INT", "KILL", "QUIT", "TERM"}

// grace is the parameter of how long a container may take to stop. It is short, because nothing is applied for longer
// than ten seconds.
var grace = chaos.Param{Name: "grace", Type: "int", Default: 3, Min: 0, Max: 8, Help: "seconds that it has to stop by itself before it is killed"}

func seconds(args chaos.Args) *int {
	n, ok := args["grace"].(int)
	if !ok {
		n = 3
	}
	return &n
}

func says(words string) func(chaos.Args) (string, error) {
	return func(chaos.Args) (string, error) { return words, nil }
}

// ended is what the faults have in common that end a container: it is started again.
func ended(f Fault) *Fault {
	f.find = func(v *victim, now *container.InspectResponse, _ chaos.Args) error {
		if now.HostConfig.AutoRemove {
			return errors.New("the engine removes the container when it ends (--rm), and it could not be started again")
		}
		return nil
	}
	f.undo = func(v *victim) string { return "docker start " + v.Name }
	f.left = func(_ *victim, now *container.InspectResponse) string {
		if now.State.Running || now.State.Restarting {
			return ""
		}
		return "is " + string(now.State.Status) + ", not running"
	}
	f.restore = func(ctx context.Context, c *client.Client, v *victim) error {
		_, err := c.ContainerStart(ctx, v.ID, client.ContainerStartOptions{})
		if errdefs.IsNotFound(err) {
			return nil
		}
		return err
	}
	return &f
}

// NewKill returns the fault container.kill: the container's process is ended by a signal; undo starts the container again,
// unless somebody did.
func NewKill(e *Engine) *Fault {
	signal := func(args chaos.Args) string {
		if s, ok := args["signal"].(string); ok && slices.Contains(killSignals, s) {
			return s
		}
		return "KILL"
	}
	return ended(Fault{engine: e, kind: "container.kill",
		help:    "the container is ended by a signal, and the engine's restart policy leaves it so; it is started again when the fault ends",
		params:  []chaos.Param{{Name: "signal", Type: "string", Default: "KILL", OneOf: killSignals, Help: "the signal to send"}},
		words:   says("killed"),
		command: func(v *victim, args chaos.Args) string { return "docker kill --signal " + signal(args) + " " + v.Name },
		act: func(ctx context.Context, c *client.Client, v *victim, args chaos.Args) error {
			_, err := c.ContainerKill(ctx, v.ID, client.ContainerKillOptions{Signal: signal(args)})
			return err
		}})
}

// NewStop returns the fault container.stop: the container is stopped in an orderly way; undo starts it again.
func NewStop(e *Engine) *Fault {
	return ended(Fault{engine: e, kind: "container.stop", help: "the container is stopped in an orderly way, and started again when the fault ends",
		params: []chaos.Param{grace},
		words:  says("stopped"),
		command: func(v *victim, args chaos.Args) string {
			return fmt.Sprintf("docker stop --time %d %s", *seconds(args), v.Name)
		},
		act: func(ctx context.Context, c *client.Client, v *victim, args chaos.Args) error {
			_, err := c.ContainerStop(ctx, v.ID, client.ContainerStopOptions{Timeout: seconds(args)})
			return err
		}})
}

// NewRestart returns the fault container.restart: the container is stopped and started at once. There is nothing to undo
// but a start that did not happen.
func NewRestart(e *Engine) *Fault {
	return ended(Fault{engine: e, kind: "container.restart", help: "the container is stopped and started again at once; what it had in memory is lost",
		params: []chaos.Param{grace},
		words:  says("restarted"),
		command: func(v *victim, args chaos.Args) string {
			return fmt.Sprintf("docker restart --time %d %s", *seconds(args), v.Name)
		},
		act: func(ctx context.Context, c *client.Client, v *victim, args chaos.Args) error {
			_, err := c.ContainerRestart(ctx, v.ID, client.ContainerRestartOptions{Timeout: seconds(args)})
			return err
		}})
}

// NewPause returns the fault container.pause: all processes of the container stand still and keep their connections.
func NewPause(e *Engine) *Fault {
	return &Fault{engine: e, kind: "container.pause",
		help:    "every process of the container stands still and answers nothing, while its connections stay open; it goes on when the fault ends",
		words:   says("paused"),
		find:    func(*victim, *container.InspectResponse, chaos.Args) error { return nil },
		command: func(v *victim, _ chaos.Args) string { return "docker pause " + v.Name },
		undo:    func(v *victim) string { return "docker unpause " + v.Name },
		act: func(ctx context.Context, c *client.Client, v *victim, _ chaos.Args) error {
			_, err := c.ContainerPause(ctx, v.ID, client.ContainerPauseOptions{})
			return err
		},
		left: func(_ *victim, now *container.InspectResponse) string {
			if now.State.Paused {
				return "is still paused"
			}
			return ""
		},
		restore: func(ctx context.Context, c *client.Client, v *victim) error {
			_, err := c.ContainerUnpause(ctx, v.ID, client.ContainerUnpauseOptions{})
			if errdefs.IsNotFound(err) {
				return nil
			}
			return err
		}}
}
