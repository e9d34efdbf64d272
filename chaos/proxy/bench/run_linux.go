package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gameday/chaos/proxy"
)

// target is what the proxies lead to: one address that sends bytes, one that answers with what it hears.
type target struct {
	bulk, echo net.Listener
	wg         sync.WaitGroup
}

func listen(size int64) (*target, error) {
	t := &target{}
	var err error
	if t.bulk, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if t.echo, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	block := make([]byte, 256<<10)
	t.wg.Go(func() {
		accept(t.bulk, func(c net.Conn) {
			for left := size; left > 0; left -= int64(len(block)) {
				if _, err := c.Write(block[:min(left, int64(len(block)))]); err != nil {
					return
				}
			}
		})
	})
	t.wg.Go(func() { accept(t.echo, func(c net.Conn) { _, _ = io.Copy(onlyWriter{c}, c) }) })
	return t, nil
}

// onlyWriter keeps the target from splicing, which is the proxies' business.
type onlyWriter struct{ io.Writer }

func (t *target) close() {
	_ = t.bulk.Close()
	_ = t.echo.Close()
	t.wg.Wait()
}

// accept serves connections until the listener is closed.
func accept(ln net.Listener, handle func(net.Conn)) {
	var wg sync.WaitGroup
	for {
		c, err := ln.Accept()
		if err != nil {
			wg.Wait()
			return
		}
		wg.Go(func() { defer c.Close(); handle(c) })
	}
}

func pull(addr string, size int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 256<<10)
	var n int64
	for {
		k, err := c.Read(buf)
		n += int64(k)
		if err == io.EOF && n == size {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %d of %d bytes: %w", n, size, err)
		}
	}
}

func roundTrips(addr string, n int) ([]time.Duration, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	buf := make([]byte, 64)
	var out []time.Duration
	for i := range n + 1 {
		start := time.Now()
		if _, err := c.Write(buf); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			return nil, err
		}
		if i > 0 { // the first waits for the proxy to connect
			out = append(out, time.Since(start))
		}
	}
	return out, nil
}

// together runs n of the same at the same time.
func together(n int, one func() ([]time.Duration, error)) (all []time.Duration, err error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range n {
		wg.Go(func() {
			part, perr := one()
			mu.Lock()
			defer mu.Unlock()
			all, err = append(all, part...), errors.Join(err, perr)
		})
	}
	wg.Wait()
	return all, err
}

// sleeps measures how long sleeping in the kernel takes.
func sleeps(d time.Duration, n int) (out []time.Duration, err error) {
	for range n {
		start := time.Now()
		ts := syscall.NsecToTimespec(int64(d))
		if err := syscall.Nanosleep(&ts, nil); err != nil && err != syscall.EINTR {
			return nil, err
		}
		if took := time.Since(start); took >= d {
			out = append(out, took)
		}
	}
	return out, nil
}

// process is one proxy.
type process struct {
	cmd                 *exec.Cmd
	bulk, echo, delayed string // addresses
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // killed
}

// cpu is the time all threads of the process have run (/proc/PID/stat, fields 14 and 15, in hundredths of a second).
func (p *process) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err := strconv.ParseInt(f[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, err
}

// startOwn starts this program as a proxy. It prints its addresses in one line.
func startOwn(kind string, up *target, delay time.Duration) (*process, error) {
	cmd := exec.Command("/proc/self/exe", "-serve", kind, "-upstream", up.bulk.Addr().String()+","+up.echo.Addr().String(), "-latency", delay.String())
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd}
	line, err := bufio.NewReader(out).ReadString('\n')
	addrs := strings.Split(strings.TrimSpace(line), ",")
	if err != nil || len(addrs) != 3 {
		p.stop()
		return nil, fmt.Errorf("start %s: it said %q: %w", kind, line, err)
	}
	p.bulk, p.echo, p.delayed = addrs[0], addrs[1], addrs[2]
	return p, nil
}

// run is one proxy, until it is killed.
func run(kind, upstreams string, latency time.Duration) error {
	bulk, echo, _ := strings.Cut(upstreams, ",")
	switch kind {
	case "gameday":
		s := proxy.NewSet()
		defer s.Close()
		var addrs []string
		for i, up := range []string{bulk, echo, echo} {
			l, err := s.Link("bench", strconv.Itoa(i), "tcp", up)
			if err != nil {
				return err
			}
			addrs = append(addrs, l.Addr())
			if i == 2 {
				if _, err := l.Set(proxy.Latency{Delay: latency}); err != nil {
					return err
				}
			}
		}
		fmt.Println(strings.Join(addrs, ","))
	case "bare":
		var addrs []string
		for _, up := range []string{bulk, echo} {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer ln.Close()
			addrs = append(addrs, ln.Addr().String())
			go accept(ln, func(c net.Conn) { copyBoth(c, up) })
		}
		fmt.Println(strings.Join(addrs, ",") + ",")
	default:
		return fmt.Errorf("there is no proxy %q", kind)
	}
	wait := make(chan os.Signal, 1)
	signal.Notify(wait, os.Interrupt)
	<-wait
	return nil
}

// copyBoth is the least a proxy in Go can do.
func copyBoth(c net.Conn, upstream string) {
	u, err := net.Dial("tcp", upstream)
	if err != nil {
		return
	}
	defer u.Close()
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(u, c); _ = u.(*net.TCPConn).CloseWrite() })
	wg.Go(func() { _, _ = io.Copy(c, u); _ = c.(*net.TCPConn).CloseWrite() })
	wg.Wait()
}

// startToxiproxy starts Toxiproxy and makes its proxies through its API.
func startToxiproxy(path string, up *target, delay time.Duration) (*process, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0") // it cannot say which port it took
	if err != nil {
		return nil, err
	}
	api := free.Addr().String()
	host, port, _ := net.SplitHostPort(api)
	_ = free.Close()
	p := &process{cmd: exec.Command(path, "-host", host, "-port", port)}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp", api)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(end) {
			p.stop()
			return nil, fmt.Errorf("start %s: %w", path, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for name, a := range map[string]struct {
		to   net.Listener
		addr *string
	}{"bulk": {up.bulk, &p.bulk}, "echo": {up.echo, &p.echo}, "delayed": {up.echo, &p.delayed}} {
		var made struct{ Listen string }
		err := post("http://"+api+"/proxies", map[string]any{"name": name, "listen": "127.0.0.1:0", "upstream": a.to.Addr().String(), "enabled": true}, &made)
		if err == nil && name == "delayed" {
			err = post("http://"+api+"/proxies/delayed/toxics", map[string]any{"type": "latency", "stream": "downstream", "toxicity": 1,
				"attributes": map[string]any{"latency": delay.Milliseconds()}}, nil)
		}
		if err != nil {
			p.stop()
			return nil, fmt.Errorf("set up %s: %w", path, err)
		}
		*a.addr = made.Listen
	}
	return p, nil
}

func post(url string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	resp, err := http.Post(url, "application/json", bytes.NewReader(b))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// machine says what was measured on.
func machine() string {
	name := "unknown CPU"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				name = strings.TrimSpace(v)
				break
			}
		}
	}
	var u syscall.Utsname
	_ = syscall.Uname(&u) // cannot fail with a valid buffer
	var release []byte
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		release = append(release, byte(c))
	}
	return fmt.Sprintf("%s, Linux %s", name, release)
}
