// Package crashfs is a file system in memory that loses power, fails and fills up, for tests of what must outlive that.
//
// Every operation asks Fault first, so a test can stop the world at any of them. What was not synced may be lost, in
// part or whole, or be torn, when the power goes; a killed process loses nothing that was written.
package crashfs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"syscall"

	"turf/aggregate/journal"
)

// Op is an operation that changes something.
type Op string

// The operations.
const (
	Create   Op = "create"
	Write    Op = "write"
	Truncate Op = "truncate"
	Sync     Op = "sync"
	Rename   Op = "rename"
	Remove   Op = "remove"
	SyncDir  Op = "syncdir"
)

// Outcome is what becomes of an operation.
type Outcome int

const (
	// Works is the usual.
	Works Outcome = iota
	// Fails returns an error. Writes may have been done in part.
	Fails
	// Lies does it all and returns an error.
	Lies
	// Crashes panics with ErrCrash. The operation may have been done whole, in part or not at all.
	Crashes
)

// ErrCrash is the panic's value when Fault said Crashes.
var ErrCrash = errors.New("crash")

// ErrIO is what operations that fail return.
var ErrIO = errors.New("input/output error of the test")

// FS is the file system. One goroutine at a time may use it.
type FS struct {
	// Fault decides about each operation; nil: all work.
	Fault func(op Op, name string) Outcome
	// SpaceBytes is how much fits; 0: no limit.
	SpaceBytes int
	// IgnoreSync is a bug to plant: Sync and SyncDir do nothing.
	IgnoreSync bool

	rng     *rand.Rand
	names   map[string]*inode // as a running process sees it
	durable map[string]*inode // after a loss of power, but for some of changes
	changes []change
	epoch   int // files opened in an older one are dead
}

type inode struct {
	data   []byte
	synced []byte
	// broken: a sync failed. The system believes what was dirty then to be clean, so later syncs do not write it.
	broken bool
}

// change is a change of names that is not durable: each of names now means the inode, nil: removed.
type change map[string]*inode

// New is an empty file system. rng decides what is lost.
func New(rng *rand.Rand) *FS {
	return &FS{rng: rng, names: map[string]*inode{}, durable: map[string]*inode{}}
}

// Kill ends the process: open files are dead, everything written stays.
func (f *FS) Kill() { f.epoch++ }

// PowerLoss ends the machine: what was not synced may be gone or torn.
func (f *FS) PowerLoss() {
	f.epoch++
	for _, c := range f.changes {
		if f.rng.IntN(2) == 0 {
			apply(f.durable, c)
		}
	}
	f.changes = nil
	nodes := map[*inode]bool{}
	for _, name := range slices.Sorted(maps.Keys(f.durable)) {
		n := f.durable[name]
		if !nodes[n] {
			n.data = f.survives(n)
			n.synced, n.broken = slices.Clone(n.data), false
			nodes[n] = true
		}
	}
	f.names = maps.Clone(f.durable)
}

// survives is what the disk holds of a file: what was synced, and after that any mixture of new bytes, zeros and
// nothing.
func (f *FS) survives(n *inode) []byte {
	common := 0
	for common < min(len(n.data), len(n.synced)) && n.data[common] == n.synced[common] {
		common++
	}
	if common == len(n.data) && common == len(n.synced) {
		return n.data
	}
	longer := n.data
	if f.rng.IntN(3) == 0 {
		longer = n.synced
	}
	out := slices.Clone(longer[:common+f.rng.IntN(len(longer)-common+1)])
	switch f.rng.IntN(3) {
	case 0:
		for i := common; i < len(out); i++ {
			out[i] = 0
		}
	case 1:
		const sector = 16 // small, so that small files are torn too
		for at := common - common%sector; at < len(out); at += sector {
			if f.rng.IntN(2) == 0 {
				clear(out[max(at, common):min(at+sector, len(out))])
			}
		}
	}
	return out
}

func apply(m map[string]*inode, c change) {
	for name, n := range c {
		if n == nil {
			delete(m, name)
		} else {
			m[name] = n
		}
	}
}

// do runs an operation under the rule of Fault. some does part of it.
func (f *FS) do(op Op, name string, all func(), some func()) error {
	outcome := Works
	if f.Fault != nil {
		outcome = f.Fault(op, name)
	}
	switch outcome {
	case Works:
		all()
		return nil
	case Lies:
		all()
		return fmt.Errorf("%s %s: %w", op, filepath.Base(name), ErrIO)
	case Fails:
		some()
		return fmt.Errorf("%s %s: %w", op, filepath.Base(name), ErrIO)
	}
	switch f.rng.IntN(3) {
	case 0:
		all()
	case 1:
		some()
	}
	panic(ErrCrash)
}

func nothing() {}

func (f *FS) change(c change) {
	apply(f.names, c)
	f.changes = append(f.changes, c)
}

// MkdirAll does nothing: there are no directories but in names.
func (f *FS) MkdirAll(string) error { return nil }

// List returns the names in dir.
func (f *FS) List(dir string) ([]string, error) {
	var names []string
	for name := range f.names {
		if filepath.Dir(name) == filepath.Clean(dir) {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// ReadFile returns a copy of what was written.
func (f *FS) ReadFile(name string) ([]byte, error) {
	n, ok := f.names[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(n.data), nil
}

// Put makes a file with data, durable.
func (f *FS) Put(name string, data []byte) {
	n := &inode{data: slices.Clone(data), synced: slices.Clone(data)}
	f.names[name], f.durable[name] = n, n
}

// Create makes an empty file.
func (f *FS) Create(name string) (journal.File, error) {
	n := &inode{}
	if err := f.do(Create, name, func() { f.change(change{name: n}) }, nothing); err != nil {
		return nil, err
	}
	return &file{fs: f, name: name, node: n, epoch: f.epoch}, nil
}

// Rename moves a file.
func (f *FS) Rename(oldName, newName string) error {
	n, ok := f.names[oldName]
	if !ok {
		return &fs.PathError{Op: "rename", Path: oldName, Err: fs.ErrNotExist}
	}
	return f.do(Rename, newName, func() { f.change(change{oldName: nil, newName: n}) }, nothing)
}

// Remove deletes a file.
func (f *FS) Remove(name string) error {
	if _, ok := f.names[name]; !ok {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	return f.do(Remove, name, func() { f.change(change{name: nil}) }, nothing)
}

// SyncDir makes all changes of names durable.
func (f *FS) SyncDir(dir string) error {
	return f.do(SyncDir, dir, func() {
		if f.IgnoreSync {
			return
		}
		f.durable, f.changes = maps.Clone(f.names), nil
	}, nothing)
}

func (f *FS) used() int {
	n := 0
	for _, node := range f.names {
		n += len(node.data)
	}
	return n
}

type file struct {
	fs    *FS
	name  string
	node  *inode
	epoch int
}

func (f *file) alive() {
	if f.epoch != f.fs.epoch {
		panic("BUG: a file is used after the crash of the process that opened it")
	}
}

// Write appends.
func (f *file) Write(p []byte) (int, error) {
	f.alive()
	if space := f.fs.SpaceBytes; space != 0 && f.fs.used()+len(p) > space {
		n := max(0, space-f.fs.used())
		f.node.data = append(f.node.data, p[:n]...)
		return n, fmt.Errorf("write %s: %w", f.name, syscall.ENOSPC)
	}
	err := f.fs.do(Write, f.name, func() { f.node.data = append(f.node.data, p...) }, func() {
		f.node.data = append(f.node.data, p[:f.fs.rng.IntN(len(p)+1)]...)
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Truncate cuts.
func (f *file) Truncate(size int64) error {
	f.alive()
	return f.fs.do(Truncate, f.name, func() { f.node.data = slices.Clip(f.node.data[:size]) }, nothing)
}

// Sync makes the data durable, unless a sync failed before.
func (f *file) Sync() error {
	f.alive()
	err := f.fs.do(Sync, f.name, func() {
		if !f.node.broken && !f.fs.IgnoreSync {
			f.node.synced = slices.Clone(f.node.data)
		}
	}, nothing)
	if err != nil {
		f.node.broken = true
	}
	return err
}

// Close closes.
func (f *file) Close() error { return nil }
