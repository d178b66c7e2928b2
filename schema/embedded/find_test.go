package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "own.so")
	cached := filepath.Join(dir, "turf", "chdb-"+LibraryVersion, "libchdb.so")
	if err := os.MkdirAll(filepath.Dir(cached), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{own, cached} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv(LibraryEnv, own)
	if got, err := Find(); got != own || err != nil {
		t.Errorf("with %s: %q, %v", LibraryEnv, got, err)
	}
	t.Setenv(LibraryEnv, own+".none")
	if _, err := Find(); !errors.Is(err, ErrNoLibrary) || !strings.Contains(err.Error(), own+".none") {
		t.Errorf("with a wrong %s: %v", LibraryEnv, err)
	}

	t.Setenv(LibraryEnv, "")
	for _, p := range libraryPlaces() {
		if p != cached && isFile(p) {
			t.Skipf("a library at %s goes before the cache", p)
		}
	}
	if got, err := Find(); got != cached || err != nil {
		t.Errorf("in the cache: %q, %v", got, err)
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "empty"))
	_, err := Find()
	if !errors.Is(err, ErrNoLibrary) || !strings.Contains(err.Error(), "scripts/engine") {
		t.Errorf("without a library: %v", err)
	}
	if _, err := Open(Config{Dir: dir}); !errors.Is(err, ErrNoLibrary) {
		t.Errorf("Open without a library: %v", err)
	}
}

// The script and the program must mean the same library.
func TestScriptVersion(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("..", "..", "scripts", "engine"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(script), "\nversion="+LibraryVersion+" ") {
		t.Errorf("scripts/engine does not fetch version %s", LibraryVersion)
	}
}

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	for name, config := range map[string]Config{
		"no directory":         {},
		"too little memory":    {Dir: dir, MaxMemoryBytes: 1 << 20},
		"negative threads":     {Dir: dir, Threads: -1},
		"too many connections": {Dir: dir, Connections: MaxConnections + 1},
	} {
		if _, err := Open(config); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	notLibrary := filepath.Join(dir, "libchdb.so")
	if err := os.WriteFile(notLibrary, []byte("not a library"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Config{Dir: filepath.Join(dir, "data"), Library: notLibrary})
	if err == nil || !strings.Contains(err.Error(), notLibrary) {
		t.Errorf("a file that is no library: %v", err)
	}
}
