package journal

import (
	"io"
	"os"
	"path/filepath"
	"slices"
)

// FS is what the journal needs of a file system. Names are paths. [OS] is the real one; tests use one that crashes.
type FS interface {
	MkdirAll(dir string) error
	// List returns the names of the files in dir, sorted.
	List(dir string) ([]string, error)
	ReadFile(name string) ([]byte, error)
	// Create makes an empty file for writing; an older file of that name is emptied.
	Create(name string) (File, error)
	// Rename replaces newName. It is durable after SyncDir.
	Rename(oldName, newName string) error
	// Remove deletes a file. It is durable after SyncDir.
	Remove(name string) error
	SyncDir(dir string) error
}

// File is a file that is written from its start to its end.
type File interface {
	io.WriteCloser
	// Truncate cuts the file; what is written next goes to its new end.
	Truncate(size int64) error
	// Sync returns when what was written outlives a loss of power.
	Sync() error
}

// OS is the operating system's file system. Files are readable by their owner only.
type OS struct{}

// MkdirAll makes dir and what is above it.
func (OS) MkdirAll(dir string) error { return os.MkdirAll(dir, 0o700) }

// List returns the names of the files in dir, sorted.
func (OS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// ReadFile reads a whole file.
func (OS) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

// Create makes an empty file.
func (OS) Create(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Rename replaces newName.
func (OS) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }

// Remove deletes a file.
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir makes changes of names in dir durable.
func (OS) SyncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

type osFile struct{ *os.File }

// Sync writes the data and the size, and leaves the times be.
func (f osFile) Sync() error { return syncData(f.File) }
