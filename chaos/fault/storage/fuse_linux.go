package storage

import (
	"context"
	"errors"
	"io"
	"log"
	"strconv"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// serve mounts a file system over dir and serves it until it is unmounted and nobody uses it any more.
func serve(dir, source string, in *injector) error {
	// What lies under the mount is reached through a descriptor that was opened before.
	under, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(under, &st); err != nil {
		return errors.Join(err, unix.Close(under))
	}
	data := &fs.LoopbackRoot{Path: "/proc/self/fd/" + strconv.Itoa(under), Dev: st.Dev}
	root := &node{LoopbackNode: fs.LoopbackNode{RootData: data}, in: in}
	data.RootNode = root
	// This process must never reach into the mount itself, not even to see whether it answers: a thread that waits for its
	// own process cannot be killed, and would keep the whole process, and the pipe that the keeper watches, from ending.
	// That is why fs.Mount is not used, which does so.
	quiet := log.New(io.Discard, "", 0) // a screen may be on the terminal
	server, err := fuse.NewServer(fs.NewNodeFS(root, &fs.Options{Logger: quiet}), dir, &fuse.MountOptions{AllowOther: true,
		DirectMountStrict: true, DirectMountFlags: syscall.MS_NOSUID | syscall.MS_NODEV, FsName: source, Name: "gameday",
		Options: []string{"default_permissions"}, Logger: quiet})
	if err != nil {
		return errors.Join(err, unix.Close(under))
	}
	go func() { // ends with the mount, or, when files stay open in it, with the process
		server.Serve()
		_ = unix.Close(under) // opened for looking only
	}()
	return nil
}

// node is a file or directory that passes operations on, unless the injector has it otherwise.
type node struct {
	fs.LoopbackNode
	in *injector
}

// WrapChild makes what is found below a node of ours, too.
func (n *node) WrapChild(_ context.Context, _ fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: fs.LoopbackNode{RootData: n.RootData}, in: n.in}
}

func (n *node) name() string { return n.Path(n.RootData.RootNode.EmbeddedInode()) }

func (n *node) hit(ctx context.Context, op string) syscall.Errno { return n.in.hit(ctx, op, n.name()) }

// hitChild is about a file in the directory n that need not be there.
func (n *node) hitChild(ctx context.Context, op, child string) syscall.Errno {
	if dir := n.name(); dir != "" {
		child = dir + "/" + child
	}
	return n.in.hit(ctx, op, child)
}

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.hit(ctx, "open"); errno != 0 {
		return nil, 0, errno
	}
	fh, fl, errno := n.LoopbackNode.Open(ctx, flags)
	return n.wrap(fh), fl, errno
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.hitChild(ctx, "change", name); errno != 0 {
		return nil, nil, 0, errno
	}
	ino, fh, fl, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	child, ok := ino.Operations().(*node)
	if !ok {
		return ino, fh, fl, 0
	}
	return ino, child.wrap(fh), fl, 0
}

func (n *node) Getattr(ctx context.Context, fh fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if errno := n.hit(ctx, "metadata"); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Getattr(ctx, fh, out)
}

func (n *node) Setattr(ctx context.Context, fh fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if errno := n.hit(ctx, "metadata"); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Setattr(ctx, fh, in, out)
}

func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.hit(ctx, "list"); errno != 0 {
		return nil, 0, errno
	}
	return n.LoopbackNode.OpendirHandle(ctx, flags)
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.hitChild(ctx, "change", name); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Mkdir(ctx, name, mode, out)
}

func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	if errno := n.hitChild(ctx, "change", name); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Rmdir(ctx, name)
}

func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	if errno := n.hitChild(ctx, "change", name); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Unlink(ctx, name)
}

func (n *node) Rename(ctx context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if errno := n.hitChild(ctx, "change", name); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Rename(ctx, name, to, newName, flags)
}

func (n *node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.hitChild(ctx, "change", name); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Symlink(ctx, target, name, out)
}

func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.hitChild(ctx, "change", name); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Link(ctx, target, name, out)
}

// file is an open file. It embeds nothing: a method that let the kernel pass reads by us (PassthroughFd) would be seen.
type file struct {
	f *fs.LoopbackFile
	n *node
}

func (n *node) wrap(fh fs.FileHandle) fs.FileHandle {
	if f, ok := fh.(*fs.LoopbackFile); ok {
		return &file{f, n}
	}
	return fh
}

func (f *file) Read(ctx context.Context, buf []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if errno := f.n.hit(ctx, "read"); errno != 0 {
		return nil, errno
	}
	return f.f.Read(ctx, buf, off)
}

func (f *file) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if errno := f.n.hit(ctx, "write"); errno != 0 {
		return 0, errno
	}
	return f.f.Write(ctx, data, off)
}

func (f *file) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	if errno := f.n.hit(ctx, "sync"); errno != 0 {
		return errno
	}
	return f.f.Fsync(ctx, flags)
}

func (f *file) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	if errno := f.n.hit(ctx, "write"); errno != 0 {
		return errno
	}
	return f.f.Allocate(ctx, off, size, mode)
}

func (f *file) Flush(ctx context.Context) syscall.Errno   { return f.f.Flush(ctx) }
func (f *file) Release(ctx context.Context) syscall.Errno { return f.f.Release(ctx) }

func (f *file) Getattr(ctx context.Context, out *fuse.AttrOut) syscall.Errno {
	return f.f.Getattr(ctx, out)
}

func (f *file) Setattr(ctx context.Context, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return f.f.Setattr(ctx, in, out)
}

func (f *file) Lseek(ctx context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	return f.f.Lseek(ctx, off, whence)
}

func (f *file) Getlk(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32, out *fuse.FileLock) syscall.Errno {
	return f.f.Getlk(ctx, owner, lk, flags, out)
}

func (f *file) Setlk(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32) syscall.Errno {
	return f.f.Setlk(ctx, owner, lk, flags)
}

func (f *file) Setlkw(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32) syscall.Errno {
	return f.f.Setlkw(ctx, owner, lk, flags)
}
