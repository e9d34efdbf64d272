package servertest

import (
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestServersListenAndEnd starts each server in a test of its own and looks that nothing listens any more after it.
func TestServersListenAndEnd(t *testing.T) {
	for name, start := range map[string]func(testing.TB) string{"postgres": Postgres, "mysql": MySQL, "redis": Redis} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var host string
			began := time.Now()
			if t.Run("server", func(t *testing.T) {
				u, err := url.Parse(start(t))
				require.NoError(t, err)
				require.Equal(t, name, u.Scheme)
				secret, ok := u.User.Password()
				require.True(t, ok)
				require.Equal(t, Password, secret)
				host = u.Host
				conn, err := net.Dial("tcp", host)
				require.NoError(t, err)
				require.NoError(t, conn.Close())
				t.Logf("started in %v", time.Since(began).Round(time.Millisecond))
			}); host == "" {
				t.Skip("not installed")
			}
			_, err := net.Dial("tcp", host)
			require.Error(t, err, "the server has ended with its test")
		})
	}
}
