package browsertest

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

// clientsEdition is that of scripts/trackers, managersEdition that of scripts/managers.
const (
	clientsEdition  = "trackers-2"
	managersEdition = "managers-1"
)

// Clients is the folder in which scripts/trackers installed the npm packages that post events. The test is skipped
// where it is missing.
func Clients(t *testing.T) string {
	t.Helper()
	return installed(t, clientsEdition, "the npm packages that post events are not there; scripts/trackers fetches them")
}

// Managers is the folder in which scripts/managers installed consent managers from npm. The test is skipped where it is
// missing.
func Managers(t *testing.T) string {
	t.Helper()
	return installed(t, managersEdition, "the consent managers from npm are not there; scripts/managers fetches them")
}

func installed(t *testing.T, edition, missing string) string {
	t.Helper()
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(home, ".cache")
	}
	folder := filepath.Join(cache, "turf", edition)
	if _, err := os.Stat(folder); err != nil {
		t.Skip(missing)
	}
	return folder
}

// StandIn is a module that takes the place of one that packages import and that is not in the folder.
type StandIn struct{ Name, Text string }

// Bundle makes one script for a browser of a module's text, which imports packages from the folder.
func Bundle(t *testing.T, folder, module string, instead ...StandIn) string {
	t.Helper()
	return bundle(t, folder, module, api.BuildOptions{Platform: api.PlatformBrowser, Format: api.FormatIIFE}, instead)
}

// RunNode bundles a module's text, which imports packages from the folder, and runs it in Node.js. It returns what
// the module wrote to standard output. The test is skipped where there is no Node.js.
func RunNode(t *testing.T, folder, module string, instead ...StandIn) string {
	t.Helper()
	out, err := nodeCommand(t, folder, module, instead).CombinedOutput()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	return string(out)
}

// StartNode is RunNode for a module that runs until the end of the test, as a server. It returns the first line that
// the module wrote to standard output.
func StartNode(t *testing.T, folder, module string, instead ...StandIn) string {
	t.Helper()
	cmd := nodeCommand(t, folder, module, instead)
	var stderr bytes.Buffer // read when the process has ended
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(stdout)
	line, readErr := r.ReadString('\n') // ends with the process
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, r) // a test looks at nothing more
	}()
	end := func() {
		_ = cmd.Process.Kill() // it may have ended
		<-drained
		_ = cmd.Wait() // it was killed
	}
	if readErr != nil {
		end()
		t.Fatalf("node wrote no line: %v\n%s", readErr, &stderr)
	}
	t.Cleanup(func() {
		end()
		if stderr.Len() > 0 {
			t.Errorf("node wrote to standard error:\n%s", &stderr)
		}
	})
	return strings.TrimSpace(line)
}

func nodeCommand(t *testing.T, folder, module string, instead []StandIn) *exec.Cmd {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	text := bundle(t, folder, module, api.BuildOptions{Platform: api.PlatformNode, Format: api.FormatESModule}, instead)
	file := filepath.Join(t.TempDir(), "test.mjs")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return exec.Command(node, file)
}

func bundle(t *testing.T, folder, module string, o api.BuildOptions, instead []StandIn) string {
	t.Helper()
	o.Alias = map[string]string{}
	for _, m := range instead {
		o.Alias[m.Name] = filepath.Join(t.TempDir(), "stand-in.js")
		if err := os.WriteFile(o.Alias[m.Name], []byte(m.Text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o.Stdin = &api.StdinOptions{Contents: module, ResolveDir: folder, Loader: api.LoaderJS}
	o.Bundle = true
	o.LogLevel = api.LogLevelSilent
	res := api.Build(o)
	if len(res.Errors) > 0 {
		t.Fatal(strings.Join(api.FormatMessages(res.Errors, api.FormatMessagesOptions{}), "\n"))
	}
	return string(res.OutputFiles[0].Contents)
}
