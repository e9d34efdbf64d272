package chaos

type control struct{}

func (*control) close() error { return nil }
