package tcp

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/payload"
	"gameday/engine/load/protocol"
	"gameday/engine/load/servertest"
)

func TestARealServer(t *testing.T) {
	u, err := url.Parse(servertest.Redis(t))
	require.NoError(t, err)
	password, _ := u.User.Password()
	p, err := New("tcp://"+u.Host, protocol.Options{})
	require.NoError(t, err)
	login := Exchange{Send: "AUTH " + password + "\r\n", Expect: payload.Expect{Exact: "+OK"}}
	if password == "" {
		login = Exchange{Send: "PING\r\n", Expect: payload.Expect{Exact: "+PONG"}}
	}
	add := Exchange{Send: "INCRBY visits {{random 1 9}}\r\n", Expect: payload.Expect{Regex: `^:\d+$`}}
	c := with(t, p, login, protocol.Step{})
	handle, err := p.Prepare(protocol.Step{Name: "add", Timeout: 1 << 36}, &add)
	require.NoError(t, err)
	require.Equal(t, protocol.OK, do(c, 0).Kind)
	for range 3 {
		out := request(c, handle, 0)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.True(t, out.Reused)
	}
}
