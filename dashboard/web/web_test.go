package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
)

// maxScriptBytes is the budget of the whole script as it goes over the wire with gzip.
const maxScriptBytes = 60 << 10

var assetName = regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)

// page is the served index.html.
func page(t *testing.T) string {
	t.Helper()
	res := fetch(t, http.MethodGet, "/", "")
	return res.Body.String()
}

func fetch(t *testing.T, method, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(method, path, nil)
	if accept != "" {
		req.Header.Set("Accept-Encoding", accept)
	}
	rec := httptest.NewRecorder()
	Handler().ServeHTTP(rec, req)
	return rec
}

func assets(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, m := range assetName.FindAllStringSubmatch(page(t), -1) {
		names = append(names, m[1])
	}
	if len(names) < 4 {
		t.Fatalf("the page names only %v", names)
	}
	return names
}

func TestHandlerAnswers(t *testing.T) {
	asset := assets(t)[0]
	for _, c := range []struct {
		method, path string
		status       int
		cache, kind  string
	}{
		{"GET", "/", 200, "no-cache", "text/html; charset=utf-8"},
		{"GET", "/example.com", 200, "no-cache", "text/html; charset=utf-8"},
		{"GET", "/example.com/blog?page=/x", 200, "no-cache", "text/html; charset=utf-8"},
		{"HEAD", "/example.com", 200, "no-cache", "text/html; charset=utf-8"},
		{"GET", asset, 200, "public, max-age=31536000, immutable", ""},
		{"GET", asset + ".br", 404, "", ""},
		{"GET", asset + "/", 404, "", ""},
		{"GET", "/assets/", 404, "", ""},
		{"GET", "/assets/app-0000000000.js", 404, "", ""},
		{"GET", "/assets/../manifest.json", 404, "", ""},
		{"GET", "/assets/../index.html", 404, "", ""},
		{"POST", "/", 405, "", ""},
		{"DELETE", asset, 405, "", ""},
	} {
		res := fetch(t, c.method, c.path, "")
		h := res.Header()
		if res.Code != c.status {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, res.Code, c.status)
		}
		if got := h.Get("Cache-Control"); got != c.cache {
			t.Errorf("%s %s: Cache-Control %q, want %q", c.method, c.path, got, c.cache)
		}
		if got := h.Get("Content-Type"); c.kind != "" && got != c.kind {
			t.Errorf("%s %s: Content-Type %q, want %q", c.method, c.path, got, c.kind)
		}
		if c.method == "HEAD" && res.Body.Len() > 0 {
			t.Errorf("HEAD %s has a body", c.path)
		}
	}
}

func TestCompressedFormsHoldTheSame(t *testing.T) {
	for _, path := range append(assets(t), "/") {
		plain := fetch(t, http.MethodGet, path, "").Body.Bytes()
		for _, c := range []struct{ accept, encoding string }{
			{"", ""},
			{"identity", ""},
			{"gzip", "gzip"},
			{"gzip, deflate, br", "br"},
			{"gzip;q=1.0, br;q=0.5", "br"},
			{"br;q=0, gzip", "gzip"},
			{"br; q=0.00", ""},
			{"BR", "br"},
		} {
			res := fetch(t, http.MethodGet, path, c.accept)
			if got := res.Header().Get("Content-Encoding"); got != c.encoding {
				t.Errorf("%s with %q: Content-Encoding %q, want %q", path, c.accept, got, c.encoding)
			}
			if res.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s: no Vary", path)
			}
			if got := decode(t, c.encoding, res.Body); !bytes.Equal(got, plain) {
				t.Errorf("%s with %q: not the file", path, c.accept)
			}
		}
	}
}

func decode(t *testing.T, encoding string, body io.Reader) []byte {
	t.Helper()
	switch encoding {
	case "br":
		body = brotli.NewReader(body)
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		body = z
	}
	out, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The page works under a policy without inline code, and says so to the browser.
func TestPageHasNothingInline(t *testing.T) {
	html := page(t)
	for name, pattern := range map[string]string{
		"inline script":           `<script(?:\s[^>]*)?>[^<]`,
		"script without a source": `<script>`,
		"inline style":            `<style`,
		"style attribute":         `\sstyle=`,
		"event attribute":         `\son[a-z]+=`,
		"foreign address":         `(?:src|href)="(?:https?:)?//`,
		"base address":            `<base`,
		"javascript: link":        `javascript:`,
	} {
		if found := regexp.MustCompile(pattern).FindString(html); found != "" {
			t.Errorf("%s: %q", name, found)
		}
	}
	policy := fetch(t, http.MethodGet, "/", "").Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q allows unsafe things", policy)
	}
}

// Nothing built names another server, but for the names of XML's vocabularies.
func TestNothingForeign(t *testing.T) {
	address := regexp.MustCompile(`(?:https?:)?//[a-zA-Z0-9-]+\.[a-z0-9.]+`)
	err := fs.WalkDir(dist, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".br") || strings.HasSuffix(name, ".gz") {
			return err
		}
		content, err := fs.ReadFile(dist, name)
		for _, found := range address.FindAllString(string(content), -1) {
			if found != "http://www.w3.org" && !strings.HasSuffix(name, ".txt") {
				t.Errorf("%s names %s", name, found)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestScriptFitsItsBudget(t *testing.T) {
	total := 0
	for _, path := range assets(t) {
		if strings.HasSuffix(path, ".js") {
			total += fetch(t, http.MethodGet, path, "gzip").Body.Len()
		}
	}
	t.Logf("scripts: %d bytes with gzip", total)
	if total == 0 || total > maxScriptBytes {
		t.Errorf("scripts take %d bytes with gzip, budget %d", total, maxScriptBytes)
	}
}
