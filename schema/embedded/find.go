package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// LibraryVersion is the version of the npm packages @chdb/lib-* that the engine is tested with. scripts/engine fetches
// it.
const LibraryVersion = "26.7.3-stable.1"

// LibraryEnv names the environment variable that holds the path of the library and goes before all other places.
const LibraryEnv = "CHDB_LIB_PATH"

// ErrNoLibrary says that libchdb is not on this machine.
var ErrNoLibrary = errors.New("the ClickHouse library libchdb is not installed; run scripts/engine, which fetches it")

// Find looks for the library: where CHDB_LIB_PATH says, in the usual library folders, and in the cache that
// scripts/engine fills. Without one the error is an [ErrNoLibrary] that names the places.
func Find() (string, error) {
	if p := os.Getenv(LibraryEnv); p != "" {
		if !isFile(p) {
			return "", fmt.Errorf("%s is %s, where no file is: %w", LibraryEnv, p, ErrNoLibrary)
		}
		return filepath.Abs(p)
	}
	places := libraryPlaces()
	for _, p := range places {
		if isFile(p) {
			return p, nil
		}
	}
	return "", fmt.Errorf("%w (looked at $%s, %s)", ErrNoLibrary, LibraryEnv, strings.Join(places, ", "))
}

// libraryPlaces is where a library may lie, in the order in which scripts/engine looks too.
func libraryPlaces() []string {
	names := []string{"libchdb.so"}
	if runtime.GOOS == "darwin" {
		names = append(names, "libchdb.dylib")
	}
	var places []string
	for _, dir := range []string{"/usr/local/lib", "/usr/lib"} {
		for _, name := range names {
			places = append(places, filepath.Join(dir, name))
		}
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return places // no home: nothing can have been fetched
		}
		cache = filepath.Join(home, ".cache")
	}
	return append(places, filepath.Join(cache, "turf", "chdb-"+LibraryVersion, "libchdb.so"))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
