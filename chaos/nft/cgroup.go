package nft

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// FindCgroup resolves a cgroup v2 by its path below the root of the hierarchy ("system.slice/nginx.service").
func FindCgroup(path string) (Cgroup, error) {
	root, err := cgroupRoot()
	if err != nil {
		return Cgroup{}, err
	}
	rel := strings.Trim(filepath.Clean("/"+strings.TrimPrefix(path, root)), "/")
	if rel == "" {
		return Cgroup{}, errors.New("the root cgroup holds every process, gameday too; name one below it")
	}
	st, err := os.Stat(filepath.Join(root, rel))
	if err != nil {
		return Cgroup{}, fmt.Errorf("find cgroup %s: %w", rel, err)
	}
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok || !st.IsDir() {
		return Cgroup{}, fmt.Errorf("find cgroup %s: it is no directory of a cgroup v2 hierarchy", rel)
	}
	return Cgroup{Path: rel, ID: s.Ino, Level: uint32(strings.Count(rel, "/") + 1)}, nil
}

// CgroupOf resolves the cgroup v2 that a process is in.
func CgroupOf(pid int) (Cgroup, error) {
	path, err := cgroupPath(strconv.Itoa(pid))
	if err != nil {
		return Cgroup{}, err
	}
	c, err := FindCgroup(path)
	if err != nil {
		return c, err
	}
	if below(ownCgroup(), c.Path) {
		return c, fmt.Errorf("process %d shares the cgroup %s with gameday", pid, c.Path)
	}
	return c, nil
}

func cgroupPath(pid string) (string, error) {
	data, err := os.ReadFile("/proc/" + pid + "/cgroup")
	if err != nil {
		return "", fmt.Errorf("read the cgroup of process %s: %w", pid, err)
	}
	for line := range strings.Lines(string(data)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return path, nil
		}
	}
	return "", fmt.Errorf("process %s is in no cgroup v2", pid)
}

// ownCgroup is the path of this process's cgroup; "/" when it has none.
func ownCgroup() string {
	path, err := cgroupPath("self")
	if err != nil {
		return "/"
	}
	return path
}

// below reports whether the path lies in the cgroup.
func below(path, cgroup string) bool {
	path, cgroup = strings.Trim(path, "/")+"/", strings.Trim(cgroup, "/")+"/"
	return strings.HasPrefix(path, cgroup)
}

// cgroupRoot is where the v2 hierarchy is mounted: beside the v1 ones on some machines.
func cgroupRoot() (string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("find the cgroup v2 hierarchy: %w", err)
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		before, after, ok := strings.Cut(in.Text(), " - ")
		if fields := strings.Fields(before); ok && strings.HasPrefix(after, "cgroup2 ") && len(fields) > 4 {
			return fields[4], nil
		}
	}
	return "", errors.New("no cgroup v2 hierarchy is mounted; mount one: mount -t cgroup2 none /sys/fs/cgroup")
}
