//go:build unix

package pipeline

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mapMemory maps size bytes of the file, shared, or of fresh memory when file is nil.
func mapMemory(file *os.File, size int) ([]byte, error) {
	fd, flags := -1, unix.MAP_PRIVATE|unix.MAP_ANON
	if file != nil {
		fd, flags = int(file.Fd()), unix.MAP_SHARED
	}
	data, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return data, nil
}

func unmapMemory(data []byte) error {
	if data == nil {
		return nil
	}
	return os.NewSyscallError("munmap", unix.Munmap(data))
}

// lockFile takes the lock of a directory, which ends with the process, or returns ErrLocked.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w (%s)", ErrLocked, name)
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return f, nil
}

// ownDir makes a directory that only this user can enter. In a directory where anybody may make one, one that
// somebody else made is refused.
func ownDir(dir string) (existed bool, err error) {
	err = os.Mkdir(dir, 0o700)
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, os.ErrExist) {
		return false, err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return false, &os.PathError{Op: "lstat", Path: dir, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Mode&0o077 != 0 || int(st.Uid) != os.Geteuid() {
		return false, fmt.Errorf("%s is not a directory of this user alone; remove it", dir)
	}
	return true, nil
}
