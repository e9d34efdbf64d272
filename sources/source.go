package sources

// Source is one driver with the name that the operator gave it: what is supervised, asked and shown.
type Source struct {
	Name    string // unique in a session
	Kind    string // "prometheus", "loki"
	Address string // for messages
	Driver  Driver
	Secrets []string // texts that must not be in any message about it
}
