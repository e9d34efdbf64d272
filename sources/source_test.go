package sources

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCredentialsInPlainTextAreTold(t *testing.T) {
	for address, exposed := range map[string]bool{
		"http://prom.example:9090/x": true, "prom.example:9090": true, "http://10.0.0.7": true, "grpc://collector:4317": true, "http://[fd00::1]:9090": true,
		"https://prom.example": false, "grpcs://collector:4317": false, "http://localhost:9090": false, "http://127.0.0.1:9090": false, "http://[::1]:9090": false, "/var/log/app.log": false,
	} {
		s := Source{Name: "prom", Address: address, Secrets: []string{"hunter2"}}
		require.Equal(t, exposed, s.Exposed() != "", "%s: %s", address, s.Exposed())
		require.NotContains(t, s.Exposed(), "hunter2")
		require.Empty(t, Source{Address: address}.Exposed(), "without credentials there is nothing to read")
	}
	require.Contains(t, Source{Address: "grpc://collector:4317", Secrets: []string{"x"}}.Exposed(), "write grpcs://")
}
