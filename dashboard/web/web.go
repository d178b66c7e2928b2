// Package web is the dashboard's page: its sources (TypeScript and Preact, in src) and their built form (dist), which
// is committed and embedded, so that building Turf needs Go only. After a change of src: "npm ci" once, then "go
// generate".
package web

//go:generate go run ./build

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed dist
var dist embed.FS

const (
	// assetPrefix is where the hashed files are served. Nothing else is: an unknown name below it is not found.
	assetPrefix = "/assets/"
	// cacheForEver is for files whose name changes with their content: a year, the longest that is usual.
	cacheForEver = "public, max-age=31536000, immutable"
	// contentPolicy lets the page use what this server sends and nothing else; no inline script or style runs.
	contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

// types are the media types of the files of dist; none depends on the machine's own table.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// encodings are the compressed forms of a file, the smallest first.
var encodings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

// Handler serves the dashboard: the hashed files below /assets/, and for every other path the page, which reads from
// its address what to show. Only GET and HEAD are answered. It may be used by many goroutines.
func Handler() http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(fmt.Sprintf("BUG: the built dashboard is not embedded: %v", err))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		if !strings.HasPrefix(r.URL.Path, assetPrefix) {
			h.Set("Cache-Control", "no-cache")
			h.Set("Content-Security-Policy", contentPolicy)
			serve(w, r, files, "index.html")
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		// Only names of this table: the compressed forms are not files of their own.
		if _, known := types[path.Ext(name)]; !known || !fs.ValidPath(name) {
			http.NotFound(w, r)
			return
		}
		if _, err := fs.Stat(files, name); err != nil {
			http.NotFound(w, r)
			return
		}
		h.Set("Cache-Control", cacheForEver)
		serve(w, r, files, name)
	})
}

// serve answers with the file in the smallest form that the client takes.
func serve(w http.ResponseWriter, r *http.Request, files fs.FS, name string) {
	h := w.Header()
	h.Set("Content-Type", types[path.Ext(name)])
	h.Set("Vary", "Accept-Encoding")
	stored := name
	for _, e := range encodings {
		if accepts(r.Header.Get("Accept-Encoding"), e.name) {
			stored = name + e.suffix
			h.Set("Content-Encoding", e.name)
			break
		}
	}
	content, err := fs.ReadFile(files, stored)
	if err != nil {
		panic(fmt.Sprintf("BUG: the built dashboard lacks %s: %v", stored, err))
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// accepts reports whether an Accept-Encoding header allows the encoding: named, and not with q=0. "*" is not looked at.
func accepts(header, encoding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		q := strings.ReplaceAll(params, " ", "")
		return q != "q=0" && strings.TrimRight(q, "0") != "q=0."
	}
	return false
}
