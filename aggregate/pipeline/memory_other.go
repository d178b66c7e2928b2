//go:build unix && !linux

package pipeline

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func reserve(file *os.File, size int64) error { return file.Truncate(size) }

// protect keeps the first bytes, where the salt lies, out of swap where the limits allow.
func protect(data []byte, lockBytes int) {
	_ = unix.Mlock(data[:min(lockBytes, len(data))]) // best effort
}

// MemoryDir finds none: only on Linux is it known how to tell.
func MemoryDir(func(string) string) (dir string, ok bool) { return "", false }

func inMemory(string) bool { return false }

// NoCoreDumps sees to it that no memory of this process is written to a core dump.
func NoCoreDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("set the limit of core dumps to 0: %w", err)
	}
	return nil
}
