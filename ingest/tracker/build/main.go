// Command build makes the tracking script's built form: it takes the one source ingest/tracker/src/turf.ts apart into
// the pieces that the server puts together on request, minified, and writes them to dist/parts.json, which is
// committed and embedded. The npm package's module is made of the same source. It needs neither Node nor a network.
//
// Run it with "go generate ./ingest/tracker" after a change of the source.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", ".", "folder of the script's package, ingest/tracker")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

// run builds dir and writes what was built. Nothing is touched when the build fails.
func run(dir string) error {
	files, err := build(dir)
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make folder for %s: %w", name, err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}
