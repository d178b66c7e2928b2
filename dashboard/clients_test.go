package dashboard

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readClients is the folder in which scripts/clients keeps programs of others. Without it, or without Node.js, the
// test is skipped, saying so.
func readClients(t *testing.T) (node, folder string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("skipped: there is no node to run clients of the stats API with")
	}
	list, err := os.ReadFile("testdata/clients/package-lock.json")
	must(t, err)
	sum := sha256.Sum256(list)
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		must(t, err)
		cache = filepath.Join(home, ".cache")
	}
	folder = filepath.Join(cache, "turf", "clients-"+hex.EncodeToString(sum[:])[:16])
	if _, err := os.Stat(folder); err != nil {
		t.Skip("skipped: the clients of the stats API are missing; scripts/clients fetches them")
	}
	return node, folder
}

// TestClients: the npm package plausible, as it is, reads everything that it can from a running server.
func TestClients(t *testing.T) {
	node, folder := readClients(t)
	w := newReadSide(t)
	cmd := exec.CommandContext(t.Context(), node, "testdata/clients/read.cjs", w.url, w.allKey, "other.example")
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(folder, "node_modules"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var got, want map[string]any
	must(t, json.Unmarshal(out, &got))
	must(t, json.Unmarshal([]byte(`{
		"realtime": 0,
		"aggregate": {"value": 10},
		"aggregateCompared": {"value": 2, "change": -93, "comparison_value": 30},
		"aggregateFiltered": {"value": 3},
		"aggregateOfDates": {"value": 32},
		"timeseries": [
			{"date": "2026-03-29", "visitors": 0}, {"date": "2026-03-30", "visitors": 10}, {"date": "2026-03-31", "visitors": 2}
		],
		"months": [
			{"date": "2025-10-01", "visitors": 0}, {"date": "2025-11-01", "visitors": 0}, {"date": "2025-12-01", "visitors": 0},
			{"date": "2026-01-01", "visitors": 0}, {"date": "2026-02-01", "visitors": 7}, {"date": "2026-03-01", "visitors": 18}
		],
		"breakdown": [{"source": "Google", "visitors": 5}, {"source": "Direct / None", "visitors": 4}],
		"secondPage": [{"source": "Twitter", "visitors": 1}],
		"wildcard": [{"page": "/blog/x", "pageviews": 8}]
	}`), &want))
	for name, words := range map[string]string{
		"wrongKey": "Invalid API key or site ID", "notKept": "cannot be combined",
	} {
		if text, _ := got[name].(string); !strings.Contains(text, words) {
			t.Errorf("%s: %q does not say %q", name, text, words)
		}
		delete(got, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
