package browsertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

// clientsEdition is that of scripts/trackers.
const clientsEdition = "trackers-1"

// Clients is the folder in which scripts/trackers installed the npm packages that post events. The test is skipped
// where it is missing.
func Clients(t *testing.T) string {
	t.Helper()
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(home, ".cache")
	}
	folder := filepath.Join(cache, "turf", clientsEdition)
	if _, err := os.Stat(folder); err != nil {
		t.Skip("the npm packages that post events are not there; scripts/trackers fetches them")
	}
	return folder
}

// Bundle makes one script for a browser of a module's text, which imports packages from the folder.
func Bundle(t *testing.T, folder, module string) string {
	t.Helper()
	return bundle(t, folder, module, api.BuildOptions{Platform: api.PlatformBrowser, Format: api.FormatIIFE})
}

// RunNode bundles a module's text, which imports packages from the folder, and runs it in Node.js. It returns what
// the module wrote to standard output. The test is skipped where there is no Node.js.
func RunNode(t *testing.T, folder, module string) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	text := bundle(t, folder, module, api.BuildOptions{Platform: api.PlatformNode, Format: api.FormatESModule})
	file := filepath.Join(t.TempDir(), "test.mjs")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(node, file).CombinedOutput()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	return string(out)
}

func bundle(t *testing.T, folder, module string, o api.BuildOptions) string {
	t.Helper()
	o.Stdin = &api.StdinOptions{Contents: module, ResolveDir: folder, Loader: api.LoaderJS}
	o.Bundle = true
	o.LogLevel = api.LogLevelSilent
	res := api.Build(o)
	if len(res.Errors) > 0 {
		t.Fatal(strings.Join(api.FormatMessages(res.Errors, api.FormatMessagesOptions{}), "\n"))
	}
	return string(res.OutputFiles[0].Contents)
}
