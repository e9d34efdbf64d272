package main

import (
	"errors"
	"io"
	"time"

	"gameday/engine/load/manifest"
)

// loadManifestCmd writes what kubectl applies.
type loadManifestCmd struct {
	Plan        string        `arg:"" optional:"" type:"existingfile" help:"The load plan."`
	K6          string        `name:"k6" placeholder:"SCRIPT.js" type:"existingfile" help:"A k6 script instead of a plan: for the k6-operator's TestRun."`
	Shards      int           `required:"" help:"How many pods."`
	Image       string        `placeholder:"IMAGE" help:"An image with gameday in it (with k6: with k6 in it; default the operator's)."`
	Name        string        `placeholder:"NAME" help:"Of the objects. Default: made of the plan's name."`
	Namespace   string        `short:"n" placeholder:"NAME" help:"Default: kubectl's."`
	StartIn     time.Duration `default:"2m" help:"From now until all pods begin together. They must have been scheduled by then."`
	RemoteWrite string        `placeholder:"URL" help:"Prometheus that the pods report to. May hold $${env:NAME} of the Secret."`
	Secret      string        `placeholder:"NAME" help:"A Secret whose keys become environment variables of the pods, for $${env:NAME}."`
	CPU         string        `name:"cpu" default:"1" help:"Requested for each pod."`
	Memory      string        `default:"512Mi" help:"Requested for each pod, and its limit."`
	Arg         []string      `sep:"none" placeholder:"ARGUMENT" help:"One more argument of gameday load run, or of k6 run, such as --arg=--target=http://shop. May be given several times."`
}

// Run prints the objects.
func (c loadManifestCmd) Run(stdout io.Writer) error {
	o := manifest.Options{
		Name: c.Name, Namespace: c.Namespace, Shards: c.Shards, Image: c.Image, StartIn: c.StartIn, Now: time.Now(),
		RemoteWrite: c.RemoteWrite, Secret: c.Secret, CPU: c.CPU, Memory: c.Memory, Args: c.Arg,
	}
	var out []byte
	var err error
	switch {
	case (c.Plan == "") == (c.K6 == ""):
		return errors.New("give a load plan, or a k6 script with --k6")
	case c.K6 != "":
		out, err = manifest.K6(c.K6, o)
	default:
		out, err = manifest.Plan(c.Plan, o)
	}
	if err != nil {
		return err
	}
	_, err = stdout.Write(out)
	return err
}
