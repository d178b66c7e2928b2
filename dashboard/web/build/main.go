// Command build makes the dashboard's built form: it bundles dashboard/web/src with esbuild into dashboard/web/dist, which is
// committed and embedded, so that building Turf needs neither Node nor a network.
//
// Run it with "go generate ./dashboard/web" after a change of the sources; "npm ci" in dashboard/web fetches the two libraries.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", ".", "folder of the dashboard's sources, dashboard/web")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

// run builds dir and replaces dir/dist. Nothing is touched when the build fails.
func run(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s has no node_modules: run \"npm ci\" in it first", dir)
	}
	files, err := bundle(dir)
	if err != nil {
		return err
	}
	dist := filepath.Join(dir, "dist")
	if err := os.RemoveAll(dist); err != nil {
		return fmt.Errorf("clear the old build: %w", err)
	}
	for name, content := range files {
		path := filepath.Join(dist, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make folder for %s: %w", name, err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}
