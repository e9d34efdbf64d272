//go:build !unix

package fleet

import (
	"net"
	"os"
)

func terminate(p *os.Process) { _ = p.Kill() } // there is no politer way here

func alive(int) bool { return true }

// reservation is a port that was free a moment ago: here it cannot be held and shared.
type reservation struct{ addr string }

func reserve() (*reservation, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &reservation{addr: ln.Addr().String()}, ln.Close()
}

func (r *reservation) close() {}
