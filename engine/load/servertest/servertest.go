// Package servertest starts real servers for tests: PostgreSQL, MariaDB (MySQL's protocol) and Redis, as Debian packages
// them. Each has a free port of 127.0.0.1 and a data directory of its own in the test's temporary folder, gives up
// durability for speed, and is ended with the test. Where a server is not installed the test is skipped and says which
// package has it.
package servertest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Password is that of the servers' user. It is unlikely to stand in any text by chance, so that a test can look whether
// it has leaked; it needs escaping in a URL.
const Password = "s3cr&t/pass@word"

const (
	patience = 30 * time.Second // for a start, and for an end
	starts   = 3                // another process may take the free port first
	logTail  = 20               // lines shown when a server does not start
)

// Postgres starts PostgreSQL and returns its URL. The user is gameday, who may do everything; so is the database.
func Postgres(t testing.TB) (target string) {
	t.Helper()
	initdb := binary(t, "postgresql", "initdb", "/usr/lib/postgresql/*/bin")
	server := filepath.Join(filepath.Dir(initdb), "postgres")
	who, dir := account(t, "postgres")
	secret := filepath.Join(dir, "password")
	write(t, secret, Password+"\n", who)
	data := filepath.Join(dir, "data")
	run(t, who, dir, nil, initdb, "-D", data, "-U", "gameday", "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8",
		"--locale=C", "--no-sync", "--no-instructions")
	port := serve(t, who, dir, quit, "ready to accept connections", func(port string) []string {
		return []string{server, "-D", data, "-c", "listen_addresses=127.0.0.1", "-c", "port=" + port,
			"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "synchronous_commit=off",
			"-c", "full_page_writes=off", "-c", "shared_buffers=16MB"}
	})
	return address("postgres", "gameday", port, "postgres") + "?sslmode=disable"
}

// MySQL starts MariaDB and returns its URL. The user is gameday, who may do everything; so is the database.
func MySQL(t testing.TB) (target string) {
	t.Helper()
	server := binary(t, "mariadb-server-core", "mariadbd", "/usr/sbin", "/usr/local/sbin")
	who, dir := account(t, "mysql")
	data := filepath.Join(dir, "data")
	small := []string{"--no-defaults", "--datadir=" + data, "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M"}
	bootstrap(t, who, dir, data, append([]string{server}, small...))
	first := filepath.Join(dir, "first.sql")
	write(t, first, "CREATE DATABASE gameday;\nCREATE USER gameday@'127.0.0.1' IDENTIFIED BY '"+Password+"';\n"+
		"GRANT ALL ON *.* TO gameday@'127.0.0.1';\n", who)
	port := serve(t, who, dir, os.Kill, "ready for connections", func(port string) []string {
		return append([]string{server}, append(slices.Clone(small), "--port="+port, "--bind-address=127.0.0.1",
			"--socket="+filepath.Join(dir, "s"), "--pid-file="+filepath.Join(dir, "pid"), "--skip-name-resolve",
			"--innodb-flush-log-at-trx-commit=0", "--skip-log-bin",
			"--character-set-server=utf8mb4", "--init-file="+first)...)
	})
	return address("mysql", "gameday", port, "gameday")
}

// bootstrap makes MariaDB's own tables, as mariadb-install-db does, which needs programs of another package.
func bootstrap(t testing.TB, who *user.User, dir, data string, args []string) {
	t.Helper()
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatalf("make the server's data directory: %v", err)
	}
	own(t, data, who)
	script := []byte("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n")
	for _, part := range []string{"mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql"} {
		text, err := os.ReadFile(filepath.Join("/usr/share/mysql", part))
		if err != nil {
			t.Skipf("a part of the package mariadb-server-core is missing: %v", err)
		}
		script = append(append(script, text...), '\n')
	}
	run(t, who, dir, script, append(args, "--bootstrap", "--skip-log-bin")...)
}

// Redis starts Redis and returns its URL. It keeps nothing on disk.
func Redis(t testing.TB) (target string) {
	t.Helper()
	server := binary(t, "redis-server", "redis-server", "/usr/bin", "/usr/local/bin")
	who, dir := account(t, "redis")
	port := serve(t, who, dir, os.Kill, "eady to accept connections", func(port string) []string {
		return []string{server, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
			"--requirepass", Password, "--dir", dir, "--daemonize", "no"}
	})
	return address("redis", "", port, "0")
}

func address(scheme, name, port, path string) string {
	u := url.URL{Scheme: scheme, User: url.UserPassword(name, Password), Host: net.JoinHostPort("127.0.0.1", port), Path: "/" + path}
	return u.String()
}

// binary finds a program, in the PATH or in the folders that Debian puts it. Of several versions the newest counts.
func binary(t testing.TB, pkg, name string, folders ...string) string {
	t.Helper()
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(folder, name))
		if err != nil {
			t.Fatalf("look for %s in %s: %v", name, folder, err)
		}
		if len(found) > 0 {
			slices.SortFunc(found, func(a, b string) int { return len(a) - len(b) + strings.Compare(a, b) })
			return found[len(found)-1]
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	t.Skipf("%s is not installed: apt-get install %s", name, pkg)
	return ""
}

// account is whom a server runs as, nil being who the test is, and a folder that belongs to them. The servers refuse to
// be run by root, or should not be.
func account(t testing.TB, preferred string) (*user.User, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "gameday-"+preferred+"-") // t.TempDir's path is too long for a socket
	if err != nil {
		t.Fatalf("make a folder for the server: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Geteuid() != 0 {
		return nil, dir
	}
	for _, name := range []string{preferred, "nobody"} {
		if who, err := user.Lookup(name); err == nil {
			own(t, dir, who)
			return who, dir
		}
	}
	t.Skipf("the server refuses to be run by root, and there is neither a user %s nor nobody", preferred)
	return nil, ""
}

func own(t testing.TB, path string, who *user.User) {
	t.Helper()
	if who == nil {
		return
	}
	uid, gid := ids(t, who)
	if err := os.Chown(path, int(uid), int(gid)); err != nil {
		t.Fatalf("give %s to %s: %v", path, who.Username, err)
	}
}

func ids(t testing.TB, who *user.User) (uid, gid uint32) {
	t.Helper()
	u, err1 := strconv.ParseUint(who.Uid, 10, 32)
	g, err2 := strconv.ParseUint(who.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		t.Fatalf("user %s has no numbers: uid %q, gid %q", who.Username, who.Uid, who.Gid)
	}
	return uint32(u), uint32(g)
}

func write(t testing.TB, path, text string, who *user.User) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("write %s: %v", path, err)
	}
	own(t, path, who)
}

func command(t testing.TB, who *user.User, dir string, args []string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "LC_ALL=C"}
	attributes(t, cmd, who)
	return cmd
}

// run runs a program to its end.
func run(t testing.TB, who *user.User, dir string, input []byte, args ...string) {
	t.Helper()
	runtime.LockOSThread() // the program is killed when the thread that has started it ends
	defer runtime.UnlockOSThread()
	cmd := command(t, who, dir, args)
	cmd.Stdin = bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("run %s: %v\n%s", args[0], err, out)
	}
}

// serve starts a server on a free port, waits until it has printed the words that say it is ready, and has it ended with
// the test by a signal.
func serve(t testing.TB, who *user.User, dir string, end os.Signal, ready string, args func(port string) []string) (port string) {
	t.Helper()
	var tail []string
	for range starts {
		port = freePort(t)
		p := start(t, command(t, who, dir, args(port)), ready)
		if p.waitReady(t) {
			t.Cleanup(func() { p.stop(t, end) })
			return port
		}
		tail = p.tail()
	}
	t.Fatalf("the server did not start:\n%s", strings.Join(tail, "\n"))
	return ""
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// process is one running server.
type process struct {
	cmd   *exec.Cmd
	ready chan struct{} // closed when it has said so
	ended chan struct{}
	read  chan struct{} // closed at the end of its log

	mu    sync.Mutex
	lines []string // the last ones it has printed
}

func start(t testing.TB, cmd *exec.Cmd, ready string) *process {
	t.Helper()
	p := &process{cmd: cmd, ready: make(chan struct{}), ended: make(chan struct{}), read: make(chan struct{})}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatalf("make a pipe for the server's log: %v", err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	started := make(chan error, 1)
	go func() {
		defer close(p.ended)
		runtime.LockOSThread() // until the server has ended: the kernel kills it with the thread that has started it
		err := cmd.Start()
		_ = in.Close() // the server has its own
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		_ = out.Close()
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	go p.follow(out, ready)
	return p
}

// follow reads the server's log to its end.
func (p *process) follow(log io.ReadCloser, ready string) {
	defer close(p.read)
	defer log.Close()
	seen := false
	for lines := bufio.NewScanner(log); lines.Scan(); {
		line := lines.Text()
		p.mu.Lock()
		p.lines = append(p.lines, line)
		p.lines = p.lines[max(0, len(p.lines)-logTail):]
		p.mu.Unlock()
		if !seen && strings.Contains(line, ready) {
			seen = true
			close(p.ready)
		}
	}
}

func (p *process) tail() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.lines)
}

func (p *process) waitReady(t testing.TB) bool {
	t.Helper()
	select {
	case <-p.ready:
		return true
	case <-p.ended:
	case <-time.After(patience):
		p.stop(t, os.Kill)
	}
	return false
}

// stop ends the server and waits for it.
func (p *process) stop(t testing.TB, end os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(end); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("end the server, process %d: %v", p.cmd.Process.Pid, err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	select {
	case <-p.read:
	case <-time.After(patience):
		t.Errorf("process %d has left others behind that hold its log open", p.cmd.Process.Pid)
	}
}
