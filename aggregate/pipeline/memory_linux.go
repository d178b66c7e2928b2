package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// reserve makes the file size bytes long, with room for all of them.
func reserve(file *os.File, size int64) error {
	return os.NewSyscallError("fallocate", unix.Fallocate(int(file.Fd()), 0, 0, size))
}

// protect keeps memory out of core dumps, and its first bytes, where the salt lies, out of swap where the limits allow.
func protect(data []byte, lockBytes int) {
	// Both are best effort: NoCoreDumps holds for the whole process, and many sites need more than RLIMIT_MEMLOCK.
	_ = unix.Madvise(data, unix.MADV_DONTDUMP)
	_ = unix.Mlock(data[:min(lockBytes, len(data))])
}

// MemoryDir finds a directory on a memory-backed file system for [Config.MemoryDir]: $RUNTIME_DIRECTORY (of systemd,
// which keeps it over restarts with RuntimeDirectoryPreserve=restart), or /dev/shm. getenv is os.Getenv.
func MemoryDir(getenv func(string) string) (dir string, ok bool) {
	runtime, _, _ := strings.Cut(getenv("RUNTIME_DIRECTORY"), ":")
	for _, dir := range []string{runtime, "/dev/shm"} {
		if filepath.IsAbs(dir) && inMemory(dir) && unix.Access(dir, unix.W_OK|unix.X_OK) == nil {
			return dir, true
		}
	}
	return "", false
}

// inMemory reports whether files in dir lie in memory.
func inMemory(dir string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return false
	}
	return int64(st.Type) == unix.TMPFS_MAGIC || int64(st.Type) == unix.RAMFS_MAGIC
}

// NoCoreDumps sees to it that no memory of this process is written to a core dump. It also keeps other processes of
// the same user from attaching to it.
func NoCoreDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("set the limit of core dumps to 0: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the process not dumpable: %w", err)
	}
	return nil
}
