//go:build tools

// Package testserver keeps what the server is built from in go.mod.
package testserver

import _ "github.com/grafana/loki/pkg/loki"
