package netfilter

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
)

func TestPrefixesAreReadOrRefused(t *testing.T) {
	for in, want := range map[string]int{"": 0, "any": 0, "10.0.0.1": 1, "10.0.0.0/8, 192.0.2.7 fd00::/8": 3, "::ffff:10.0.0.1": 1} {
		got, err := prefixes(in)
		require.NoError(t, err, in)
		require.Len(t, got, want, in)
	}
	for _, bad := range []string{"host.example", "10.0.0.0/33", "10.0.0", "::ffff:10.0.0.0/100", "-"} {
		_, err := prefixes(bad)
		require.ErrorContains(t, err, "neither an address", bad)
	}
}

func TestScopesAreRefusedThatMeanTooMuchOrNothing(t *testing.T) {
	host := []chaos.Target{{Kind: chaos.TargetHost, Name: "here"}}
	f := &Fault{hits: chaos.TargetHost}
	for want, args := range map[string]chaos.Args{
		"say which packets":            {"protocol": "tcp"},
		"icmp has no ports":            {"protocol": "icmp", "port": 80},
		"longer than 15":               {"interface": "a-name-that-is-too-long"},
		"belong to no cgroup":          {"cgroup": "x", "direction": "forward"},
		"find network namespace":       {"cidr": "any", "netns": "no-such-namespace"},
		"neither an address nor a ran": {"cidr": "x"},
	} {
		_, err := f.scopes(host, args)
		require.ErrorContains(t, err, want)
	}
	_, err := f.scopes(append(host, host...), chaos.Args{"cidr": "any"})
	require.ErrorContains(t, err, "not 2 targets")
	p := &Fault{hits: chaos.TargetProcess}
	_, err = p.scopes(nil, nil)
	require.ErrorContains(t, err, "no process")
	_, err = p.scopes([]chaos.Target{{Kind: chaos.TargetLink, Name: "a→b"}}, nil)
	require.ErrorContains(t, err, "not a process")
	_, err = p.scopes([]chaos.Target{{Kind: chaos.TargetProcess, Name: "x", Address: "h:http"}}, nil)
	require.ErrorContains(t, err, "no port")
}

func TestUndoIsRefusedThatIsNotOurs(t *testing.T) {
	f := &Fault{}
	for _, bad := range []string{"", "{}", `[{"table":"filter","netns":{"inode":1}}]`} {
		require.Error(t, f.Restore(t.Context(), []byte(bad)))
		require.Empty(t, f.Remedy([]byte(bad)))
	}
}
