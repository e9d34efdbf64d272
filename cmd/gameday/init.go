package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gameday/engine/settings"
	"gameday/sources/all"
	"gameday/sources/sanitize"
)

// discoverFor is how long the usual addresses have to answer.
const discoverFor = 3 * time.Second

// initCmd writes a configuration.
type initCmd struct {
	File  string `arg:"" optional:"" help:"Where to; gameday.yaml in your configuration directory when not given, - prints it."`
	Force bool   `help:"Overwrite a file that is there."`
}

// Run asks the usual addresses of this machine who answers, and writes a commented configuration that names those. It never
// overwrites a file without being told to.
func (c initCmd) Run(stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), discoverFor)
	defer cancel()
	wait := waitFor("asking who answers on this machine")
	text := configuration(discover(ctx))
	wait.end()
	if c.File == "-" {
		_, err := io.WriteString(stdout, text)
		return err
	}
	file := c.File
	if file == "" {
		dir, err := configDir()
		if err != nil {
			return err
		}
		file = filepath.Join(dir, settings.FileName)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if c.Force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(file, mode, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: look at it, or say --force to replace it", file)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	fmt.Fprintf(stdout, "%s is written. gameday doctor examines what it names, gameday watch opens the cockpit on it.\n", file)
	return nil
}

// configuration is a commented one with the systems that answer.
func configuration(answered []found) string {
	var b strings.Builder
	b.WriteString(`# gameday's configuration. gameday check FILE reports what is wrong with it, gameday schema config prints its JSON Schema,
# docs/configuration.md explains it. Secrets stand here by reference only: ${env:NAME} or ${file:/path}.
apiVersion: gameday/v1
kind: Config

system:
  name: my-system
  environment: staging        # in production harmful things need a typed word or a signed approval

# Attributes whose values join signals besides the trace ID, the strongest first.
correlation:
  fields: [` + strings.Join(settings.DefaultFields(), ", ") + `]

# Where your services may send OTLP.
receive:
  otlpGrpc: 127.0.0.1:4317
  otlpHttp: 127.0.0.1:4318

# Prometheus endpoints that the embedded metric memory scrapes.
# scrape:
#   every: 1s
#   targets: ["127.0.0.1:9100"]

sources:
`)
	names := map[string]bool{}
	for _, f := range answered {
		names[f.kind.Name] = true
		fmt.Fprintf(&b, "  - name: %s\n    kind: %s\n    address: %s   # %s\n", f.kind.Name, f.kind.Name, f.kind.Usual, sanitize.Line(f.says, 100))
	}
	b.WriteString("  # These did not answer on this machine. Take the marks away for those you have:\n")
	for _, k := range all.Kinds() {
		if names[k.Name] {
			continue
		}
		fmt.Fprintf(&b, "  # - name: %s   # %s\n  #   kind: %s\n  #   address: %s\n", k.Name, k.Help, k.Name, orElse(k.Usual, "…"))
	}
	b.WriteString(`  # Any source may also have:
  #   auth: {bearer: "${env:TOKEN}"}         # or basic: {user: …, password: "${file:/run/secrets/…}"}
  #   tls: {ca: /etc/ssl/own-ca.pem}
  #   headers: {X-Team: shop}
  #   tenant: shop
  #   rateLimit: 10

# experiments: [experiments/*.yaml]
# load: [load/*.yaml]
# dashboards: [dashboards/*.json]
# rules: [rules/*.yml]
# slos: [slos/*.yaml]

# theme: dark
# keys: {preset: default, bind: {}}
`)
	return b.String()
}
