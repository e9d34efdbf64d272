// Package all is the list of every kind of source there is. A new driver is one package and one line here.
package all

import (
	"gameday/sources/alertmanager"
	"gameday/sources/driver"
	"gameday/sources/elasticsearch"
	"gameday/sources/file"
	"gameday/sources/grafana"
	"gameday/sources/host"
	"gameday/sources/jaeger"
	"gameday/sources/journald"
	"gameday/sources/loki"
	"gameday/sources/otlp"
	"gameday/sources/prometheus"
	"gameday/sources/tempo"
	"gameday/sources/zipkin"
)

// Kinds are the kinds of source that a configuration can name, in the order in which they are listed for a person.
func Kinds() []driver.Kind {
	return []driver.Kind{
		prometheus.Kind(),
		alertmanager.Kind(),
		loki.Kind(),
		elasticsearch.Kind(),
		jaeger.Kind(),
		file.Kind(),
		file.Stdin(),
		journald.Kind(),
		host.Kind(),
		grafana.Kind(),
		zipkin.Kind(),
		tempo.Kind(),
		otlp.Kind(),
	}
}

// Find is the kind of that name.
func Find(name string) (driver.Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return driver.Kind{}, false
}
