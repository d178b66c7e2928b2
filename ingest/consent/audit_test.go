package consent

import (
	"archive/zip"
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAuditExport: the zip verifies without the server, holds what is of its site and time only, and a change of any
// file is found.
func TestAuditExport(t *testing.T) {
	w := newWorld(t)
	early := w.agree("events")
	w.clock.add(48 * time.Hour)
	p, gone := w.agree("events", "journeys"), w.agree("events")
	w.must("DELETE", "/v1/subjects/"+gone.cid+"?site="+gone.site, "", 202)
	w.erased(gone)
	w.clock.add(time.Minute)
	w.checkpoint()
	if err := w.ledger.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	w.agree("heatmap")
	rec := w.send("GET", "/v1/audit/export?site=example.com&from=2026-11-25&to=2026-11-25", "")
	if rec.Code != 200 {
		t.Fatal(rec.Code, rec.Body)
	}
	path := filepath.Join(t.TempDir(), "audit.zip")
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(rec.Body.Bytes())
	r, err := Verify(path)
	if err != nil {
		t.Fatal(err)
	}
	if r.Events != 2 || r.Erased != 2 || r.Checkpoints < 3 || len(r.Keys) != 2 {
		t.Errorf("%+v", r)
	}
	files := unzip(t, rec.Body.Bytes())
	all := strings.Join(slices.Collect(maps.Values(files)), "\n")
	if !strings.Contains(all, refText(p.ref)) || strings.Contains(all, refText(early.ref)) || strings.Contains(all, refText(gone.ref)) ||
		strings.Contains(all, "example.org") || strings.Contains(all, w.ledger.keys.Load().Refs) {
		t.Error("somebody is missing, or there who should not be")
	}
	if !strings.Contains(files[zipReadme], "turf consent verify") {
		t.Error("the README does not say how to verify")
	}
	for name, text := range files {
		for i := 0; i < len(text) && name != zipReadme; i += 1 + len(text)/150 {
			changed := []byte(text)
			changed[i] ^= 1
			if c := text[i]; c == '\n' || c == ' ' || name == zipNotices || name == zipPurposes {
				continue // white space of JSON, or documents for reading: those are compared below
			}
			write(zipped(t, files, name, changed))
			if _, err := Verify(path); err == nil {
				t.Errorf("%s: byte %d (%q) was changed and not found", name, i, text[max(0, i-20):min(len(text), i+20)])
			}
		}
	}
	for _, name := range []string{zipNotices, zipPurposes} {
		write(zipped(t, files, name, []byte(strings.Replace(files[name], "e", "E", 1))))
		if _, err := Verify(path); err == nil {
			t.Errorf("%s was changed and not found", name)
		}
	}
	w.refused("GET", "/v1/audit/export?site=example.com&from=x&to=y", "", 400, codeMalformed)
}

func unzip(t *testing.T, b []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

func zipped(t *testing.T, files map[string]string, name string, changed []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for n, text := range files {
		f, err := z.Create(n)
		if err != nil {
			t.Fatal(err)
		}
		out := []byte(text)
		if n == name {
			out = changed
		}
		if _, err := f.Write(out); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
