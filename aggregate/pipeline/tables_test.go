package pipeline

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"turf/schema"
)

// shm is a fresh directory on a memory-backed file system.
func shm(t testing.TB) string {
	t.Helper()
	base, ok := MemoryDir(func(string) string { return "" })
	if !ok {
		t.Skip("no memory-backed file system here")
	}
	dir, err := os.MkdirTemp(base, "turf-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newTables(dir string) *fileTables { return &fileTables{dir: dir, opened: map[*mapping]struct{}{}} }

func TestTablesKeepTheirBytes(t *testing.T) {
	for _, dir := range []string{"", shm(t)} {
		ts := newTables(dir)
		key := dayKey{7, schema.Date(2026, 3, 1)}
		tab, err := ts.create(key)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(tab.Bytes()); n != 0 {
			t.Errorf("a new table has %d bytes", n)
		}
		b, err := tab.Grow(5000)
		if err != nil || len(b) != 5000 {
			t.Fatalf("grow: %d bytes, %v", len(b), err)
		}
		copy(b[4990:], "the salt")
		if b, err = tab.Grow(9_000_000); err != nil || len(b) != 9_000_000 || string(b[4990:4998]) != "the salt" {
			t.Fatalf("bytes were lost when the table grew: %v", err)
		}
		if slices.ContainsFunc(b[5000:], func(c byte) bool { return c != 0 }) {
			t.Error("new bytes are not zero")
		}
		if _, ok := tab.meta(); ok {
			t.Error("a table that was not committed has rules")
		}
		want := meta{zone: "Asia/Kathmandu", k: 5}
		if err := tab.commit(want); err != nil {
			t.Fatal(err)
		}
		if got, ok := tab.meta(); !ok || got != want {
			t.Errorf("meta %+v, want %+v", got, want)
		}
		if dir != "" {
			reopened(t, dir, key, want)
		}
		if err := tab.drop(); err != nil {
			t.Fatal(err)
		}
		if len(ts.opened) != 0 {
			t.Error("a dropped table is still held")
		}
	}
}

// reopened finds the table as the next process does, while the killed one's mapping is still there.
func reopened(t *testing.T, dir string, key dayKey, want meta) {
	t.Helper()
	ts := newTables(dir)
	keys, err := ts.list()
	if err != nil || len(keys) != 1 || keys[0] != key {
		t.Fatalf("found %v %v", keys, err)
	}
	tab, err := ts.open(key)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := tab.meta()
	if b := tab.Bytes(); !ok || got != want || len(b) != 9_000_000 || string(b[4990:4998]) != "the salt" {
		t.Errorf("found %+v and %d bytes", got, len(b))
	}
	if err := ts.close(); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(dir, tableName(key)))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
}

// Whoever holds the file open after the table was dropped reads nothing.
func TestDroppedTablesAreOverwritten(t *testing.T) {
	dir := shm(t)
	key := dayKey{1, schema.Date(2026, 3, 1)}
	tab, err := newTables(dir).create(key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tab.Grow(10_000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] = 'x'
	}
	// A hard link is who holds it.
	name, other := filepath.Join(dir, tableName(key)), filepath.Join(dir, "other")
	if err := os.Link(name, other); err != nil {
		t.Fatal(err)
	}
	if err := tab.drop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file stays: %v", err)
	}
	if left, err := os.ReadFile(other); err != nil || bytes.Contains(left, []byte("x")) {
		t.Errorf("%d bytes are left: %v", len(left), err)
	}
}

func TestTableNames(t *testing.T) {
	key := dayKey{42, schema.Date(2026, 12, 31)}
	if got := tableName(key); got != "0000000042-2026-12-31.mem" {
		t.Errorf("name %q", got)
	}
	for name, want := range map[string]bool{
		"0000000042-2026-12-31.mem": true, "42-2026-12-31.mem": false, "lock": false, "0000000042-2026-13-31.mem": false,
		"0000000042-2026-12-31": false, "x.mem": false, "9999999999-2026-12-31.mem": false,
	} {
		if got, ok := parseTableName(name); ok != want || ok && got != key {
			t.Errorf("%q: %v %v", name, got, ok)
		}
	}
}

func TestLocks(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	f, err := lockFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFile(name); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	_ = f.Close()
	if f, err = lockFile(name); err != nil {
		t.Errorf("after the first was given back: %v", err)
	}
	_ = f.Close()
}

func TestOwnDir(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "a")
	if existed, err := ownDir(dir); existed || err != nil {
		t.Errorf("new: %v %v", existed, err)
	}
	if existed, err := ownDir(dir); !existed || err != nil {
		t.Errorf("again: %v %v", existed, err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := ownDir(dir); err == nil {
		t.Error("a directory that others can enter was taken")
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(base, link); err != nil {
		t.Fatal(err)
	}
	if _, err := ownDir(link); err == nil {
		t.Error("a link was taken for a directory")
	}
}

func TestDiskIsNotMemory(t *testing.T) {
	if inMemory(t.TempDir()) {
		t.Skip("temporary files lie in memory here")
	}
	cfg := testConfig(t, &memorySink{})
	cfg.MemoryDir = t.TempDir()
	if _, err := Open(t.Context(), cfg); err == nil {
		t.Error("visitors may lie on a disk")
	}
}
