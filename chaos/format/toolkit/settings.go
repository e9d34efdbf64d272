package toolkit

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gameday/chaos/format"
	"gameday/sources/reference"
)

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

func number(s string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return v, err == nil && v == v && v < 1e300 && v > -1e300
}

// settings reads configuration and secrets. Secrets become references, also those whose value stands in the file.
func (c *converter) settings(n *format.Node) {
	c.config, c.bad, c.secret, c.inline = map[string]string{}, map[string]string{}, map[string]map[string]string{}, map[string]string{}
	conf := n.Get("configuration")
	for _, key := range conf.Keys() {
		v := conf.Get(key)
		switch {
		case v.IsText():
			c.config[key] = v.Text()
			c.cov.Add("configuration", v.Path, format.Converted, "")
		case v.IsMap() && v.Of("type") == "env", v.IsMap() && v.Of("type") == "file":
			c.config[key] = c.outside(v, "configuration")
		default:
			v.Plain()
			c.bad[key] = "its value is known to the toolkit only, when it runs"
			c.cov.Add("configuration", v.Path, format.NotConverted, "the value of "+format.Label(key, "")+" is known to the toolkit only, when it runs")
		}
	}
	secrets := n.Get("secrets")
	for _, group := range secrets.Keys() {
		g := secrets.Get(group)
		c.secret[group] = map[string]string{}
		for _, key := range g.Keys() {
			v := g.Get(key)
			switch {
			case v.IsText():
				env := strings.ToUpper(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString("SECRET_"+group+"_"+key, "_"))
				c.secret[group][key] = reference.Env(env)
				c.inline[v.Text()] = env
				c.cov.Add("secret", v.Path, format.Approximated, "its value stands in the file and does not belong there: taken from the environment variable "+env+", which must be set")
			case v.IsMap() && (v.Of("type") == "env" || v.Of("type") == "file"):
				c.secret[group][key] = c.outside(v, "secret")
			default:
				v.Plain()
				c.cov.Add("secret", v.Path, format.NotConverted, "only environment variables and files are read, no "+format.Label(v.Get("type").Text(), "other store"))
			}
		}
	}
}

// outside is the reference to a value in the environment or in a file.
func (c *converter) outside(v *format.Node, what string) string {
	if v.Of("type") == "file" {
		path := v.Of("path")
		if path == "" {
			path = v.Of("key")
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join("/", c.Dir, path)
		}
		c.cov.Add(what, v.Path, format.Converted, "read from the file when it is needed")
		return reference.File(path)
	}
	v.Skip(c.cov, "values are text here", "env_var_type")
	if otherwise := v.Of("default"); v.Has("default") && what == "configuration" {
		if ref, ok := reference.EnvOr(v.Of("key"), otherwise); ok {
			c.cov.Add(what, v.Path, format.Converted, "taken from the environment when it is needed")
			return ref
		}
	}
	if v.Has("default") {
		v.Get("default").Plain()
		c.cov.Add("default", v.Get("default").Path, format.NotConverted, "a secret has no default; set "+format.Label(v.Of("key"), "it"))
	}
	c.cov.Add(what, v.Path, format.Converted, "taken from the environment when it is needed")
	return reference.Env(v.Of("key"))
}

// fill puts configuration, and the secrets that an activity asks for, into a text.
func (c *converter) fill(text string, secrets map[string]string, path string) (string, bool) {
	ok := true
	out := variable.ReplaceAllStringFunc(text, func(s string) string {
		name := strings.TrimSpace(s[2 : len(s)-1])
		if v, is := secrets[name]; is {
			return v
		}
		if v, is := c.config[name]; is {
			return v
		}
		why := c.bad[name]
		if why == "" {
			why = "it is not in the configuration"
		}
		c.cov.Add("variable "+format.Label(name, "without a name"), path, format.NotConverted, why)
		ok = false
		return ""
	})
	// A secret whose value stands in the file may stand elsewhere in it as well.
	for value, env := range c.inline {
		if len(value) > 3 {
			out = strings.ReplaceAll(out, value, reference.Env(env))
		}
	}
	return out, ok
}

// secretsOf are the secrets that a provider asks for by the name of their group.
func (c *converter) secretsOf(provider *format.Node) map[string]string {
	out := map[string]string{}
	for _, group := range provider.Get("secrets").Texts() {
		for k, v := range c.secret[group] {
			out[k] = v
		}
	}
	return out
}
