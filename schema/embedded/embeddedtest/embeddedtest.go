// Package embeddedtest gives tests the embedded engine.
package embeddedtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"turf/schema/embedded"
)

// RequireEnv names the environment variable that, when it is 1, makes a missing library a failure instead of a skip.
const RequireEnv = "TURF_REQUIRE_ENGINE"

// Library is the path of the library. Without one the test is skipped, saying so, or fails when TURF_REQUIRE_ENGINE=1.
func Library(t testing.TB) string {
	t.Helper()
	path, err := embedded.Find()
	if err != nil && os.Getenv(RequireEnv) == "1" {
		t.Fatalf("%s=1: %v", RequireEnv, err)
	}
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	return path
}

// shared is the engine of the test process: the library allows one.
var shared struct {
	sync.Mutex
	engine    *embedded.Engine
	dir       string
	databases int
}

const dirPattern = "turf-engine-test-"

// Open is the engine of the test process, in a temporary directory. All tests get the same one, so each takes a
// database of its own: [Database]. A package whose TestMain is [Main] leaves no directory behind; that of another is
// removed by the next run.
func Open(t testing.TB) *embedded.Engine {
	t.Helper()
	library := Library(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.engine != nil {
		return shared.engine
	}
	sweep()
	dir, err := os.MkdirTemp("", dirPattern)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := embedded.Open(embedded.Config{Library: library, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	shared.engine, shared.dir = engine, dir
	return engine
}

// Main runs the package's tests, closes the engine if one was opened, and ends the process.
func Main(m *testing.M) {
	status := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.engine != nil {
		if err := errors.Join(shared.engine.Close(), os.RemoveAll(shared.dir)); err != nil {
			fmt.Fprintln(os.Stderr, "close the engine:", err)
			status = 1
		}
	}
	os.Exit(status)
}

// sweep removes the directories of test processes that have ended.
func sweep() {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), dirPattern+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		// A young directory may be one that its process is about to lock.
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Minute && !embedded.InUse(dir) {
			os.RemoveAll(dir)
		}
	}
}

// Database makes an empty database of the engine and returns its name.
func Database(t testing.TB, engine *embedded.Engine) string {
	t.Helper()
	shared.Lock()
	shared.databases++
	name := "test_" + strconv.Itoa(os.Getpid()) + "_" + strconv.Itoa(shared.databases)
	shared.Unlock()
	statement(t, engine, "CREATE DATABASE "+name)
	return name
}

// Scratch is a Database that is dropped with the test: each takes some memory of an engine that has little. It waits until
// nothing uses the database any more, so a test that leaves a statement half done takes a Database.
func Scratch(t testing.TB, engine *embedded.Engine) string {
	t.Helper()
	name := Database(t, engine)
	t.Cleanup(func() { statement(t, engine, "DROP DATABASE IF EXISTS "+name+" SYNC") })
	return name
}

// statement runs one that answers nothing, also after the test has ended.
func statement(t testing.TB, engine *embedded.Engine, sql string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://embedded/", strings.NewReader(sql))
	if err != nil {
		t.Fatal(err)
	}
	res, err := engine.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, err := io.ReadAll(res.Body)
		t.Fatalf("%s: %s %s %v", sql, res.Status, text, err)
	}
}
