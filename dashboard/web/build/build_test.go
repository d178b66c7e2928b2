package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

const webDir = ".."

// The committed built form is that of the committed sources. No Node is needed to see that it is not.
func TestDistIsUpToDate(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(webDir, "dist", "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	want, err := hashSources(webDir)
	if err != nil {
		t.Fatal(err)
	}
	if m.Sources != want {
		t.Fatal("dist is not built from these sources: run \"npm ci\" in dashboard/web, then \"go generate ./dashboard/web\"")
	}
}

// The same sources give the same bytes.
func TestBuildIsReproducible(t *testing.T) {
	if _, err := os.Stat(filepath.Join(webDir, "node_modules", "preact")); err != nil {
		t.Skip("dashboard/web/node_modules is not there (npm ci), so nothing can be built")
	}
	built, err := bundle(webDir)
	if err != nil {
		t.Fatal(err)
	}
	dist := os.DirFS(filepath.Join(webDir, "dist"))
	seen := 0
	err = fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		seen++
		committed, err := fs.ReadFile(dist, name)
		if err == nil && !bytes.Equal(committed, built[name]) {
			t.Errorf("%s is not what its sources give", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen != len(built) {
		t.Errorf("dist has %d files, the build makes %d", seen, len(built))
	}
}

// A change of any source, or of its name, changes the hash; one of a test does not.
func TestHashSources(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sum := func() string {
		t.Helper()
		h, err := hashSources(dir)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for _, name := range sourceFiles {
		write(name, name)
	}
	write("src/a.ts", "1")
	first := sum()
	write("src/a.test.ts", "2")
	if sum() != first {
		t.Error("a test's content is in the hash")
	}
	write("src/deep/b.css", "")
	second := sum()
	write("src/a.ts", "2")
	third := sum()
	write(sourceFiles[0], "changed")
	fourth := sum()
	if first == second || second == third || third == fourth {
		t.Error("a change of the sources left the hash as it was")
	}
}

// The sources name no package registry, so that a build works behind any of them.
func TestLockFileNamesNoHost(t *testing.T) {
	lock, err := os.ReadFile(filepath.Join(webDir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(lock, []byte(`"resolved"`)) || bytes.Contains(lock, []byte("registry")) {
		t.Error("package-lock.json names a registry; .npmrc should have kept it out")
	}
}

// The unit tests of the page's modules, run by Node's own test runner.
func TestTypeScript(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	tests, err := filepath.Glob(filepath.Join(webDir, "src", "*.test.ts"))
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests found: %v", err)
	}
	below, err := filepath.Glob(filepath.Join(webDir, "src", "*", "*.test.ts"))
	if err != nil {
		t.Fatal(err)
	}
	tests = append(tests, below...)
	out := t.TempDir()
	res := api.Build(api.BuildOptions{
		EntryPoints: tests, Outdir: out, Bundle: true, Write: true, Platform: api.PlatformNode, Format: api.FormatESModule,
		OutExtension: map[string]string{".js": ".mjs"},
	})
	if len(res.Errors) > 0 {
		t.Fatal(strings.Join(api.FormatMessages(res.Errors, api.FormatMessagesOptions{}), "\n"))
	}
	args := []string{"--test"}
	for _, f := range res.OutputFiles {
		args = append(args, f.Path)
	}
	cmd := exec.Command(node, args...)
	cmd.Env = append(os.Environ(), "LANG=en_GB.UTF-8", "TZ=America/Los_Angeles") // the reader's zone must not matter
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	t.Logf("%s", output)
}

// The page's modules fit their types.
func TestTypes(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	tsc := filepath.Join("node_modules", ".bin", "tsc")
	if _, err := os.Stat(filepath.Join(webDir, tsc)); err != nil {
		t.Skip("dashboard/web/node_modules is not there (npm ci), so there is no compiler")
	}
	cmd := exec.Command(tsc, "--noEmit")
	cmd.Dir = webDir
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}
