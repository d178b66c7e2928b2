package tracker

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
)

const (
	// maxVariants is how many scripts are kept, compressed; each takes about 8 kB. When there are more, all are
	// forgotten.
	maxVariants = 512
	// cacheShared is for scripts whose name says what they are made of: a day, and a week more while a newer one is
	// fetched.
	cacheShared = "public, max-age=86400, stale-while-revalidate=604800"
	// cacheSite is for scripts that follow a site's settings, in seconds.
	cacheSite = "public, max-age=60, stale-while-revalidate=86400"
	// cacheForEver is for a request that names the content's hash: a year, the longest that is usual.
	cacheForEver = "public, max-age=31536000, immutable"
	// integritySuffix behind a script's name asks for its hash, as in integrity="sha384-…". A page that names the hash loads
	// no newer script: its tag has to change when Turf is updated, or the site's settings where the script follows them.
	integritySuffix = ".sri"
	// DefaultEndpoint is the path on the script's own host to which it posts.
	DefaultEndpoint = "/api/event"
	// notFound tells whoever put the tag on a page what is wrong with it.
	notFound = `No such script. These are here:
  turf.js                                 our own; more parts: turf.<part>[.<part>…].js
  turf-<domain>.js                        with the parts of the site's settings
  plausible.js script.js analytics.js p.js  for tags of Plausible, also script.<part>[.<part>…].js
  pa-<id>.js                              for plausible.init(…)
  turf.js.sri                             what integrity="…" has to be for turf.js; likewise of all others
The parts, in any order: hash outbound-links exclusions compat local manual file-downloads pageview-props tagged-events
revenue pageleave form-submissions 404 clicks mask vitals timezone screen strict
`
)

// variant is a script ready to be sent.
type variant struct {
	etag      string // without quotes
	integrity string // "sha384-…"
	// text is the script as it is, and as gzip and brotli.
	text, gzip, brotli []byte
}

// handler serves scripts. variants is guarded by mu; build makes sure that one script at a time is compressed.
type handler struct {
	find     func(name string) (o any, perSite, ok bool)
	text     func(o any) []byte
	missing  string
	build    sync.Mutex
	mu       sync.RWMutex
	variants map[any]*variant // by their options
}

// Handler serves the tracking scripts; mount it for GET, HEAD (and OPTIONS) below a path such as /js/. Only the last
// element of a request's path counts, so the owner may choose the rest:
//
//	e.Match([]string{"GET", "HEAD"}, "/js/*", echo.WrapHandler(tracker.Handler(site)))
//
// site gives the settings of a site by its domain (turf-<domain>.js) or by the id in a tag of Plausible's
// (pa-<id>.js); nil knows no site. It is called for such names only, and has to be safe for use by many goroutines,
// as the handler is. What is not there is answered 404 with a text that says what is.
func Handler(site func(id string) (Options, bool)) http.Handler {
	return HandlerTo(DefaultEndpoint, site)
}

// HandlerTo is a Handler of scripts that post to another path on their own host.
func HandlerTo(endpoint string, site func(id string) (Options, bool)) http.Handler {
	if site == nil {
		site = func(string) (Options, bool) { return Options{}, false }
	}
	parts := newAssembler()
	return Serve(func(name string) (any, bool, bool) { return found(resolve(name, site)) },
		func(o any) []byte { return parts.scriptTo(endpoint, o.(Options)) }, notFound)
}

func found(o Options, perSite, ok bool) (any, bool, bool) { return o, perSite, ok }

// Serve is a handler of scripts, as Handler is, that others make: find gives what a script of that name is made of (o is
// a key of a map; perSite: it depends on a site's settings), text makes it, and missing is the text of a 404.
func Serve(find func(name string) (o any, perSite, ok bool), text func(o any) []byte, missing string) http.Handler {
	return &handler{find: find, text: text, missing: missing, variants: map[any]*variant{}}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("Cross-Origin-Resource-Policy", "cross-origin")
	head.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	name, integrity := strings.CutSuffix(path.Base(r.URL.Path), integritySuffix)
	o, perSite, ok := h.find(name)
	if !ok {
		head.Set("Cache-Control", "no-cache")
		http.Error(w, h.missing, http.StatusNotFound)
		return
	}
	v := h.variant(o)
	if integrity {
		head.Set("Cache-Control", "no-cache")
		head.Set("Content-Type", "text/plain; charset=utf-8")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(v.integrity+"\n"))
		return
	}
	switch {
	case r.URL.RawQuery == "v="+v.etag:
		head.Set("Cache-Control", cacheForEver)
	case perSite:
		head.Set("Cache-Control", cacheSite)
	default:
		head.Set("Cache-Control", cacheShared)
	}
	head.Set("Content-Type", "text/javascript; charset=utf-8")
	head.Set("Vary", "Accept-Encoding")
	content, etag := v.text, v.etag
	switch accepted := r.Header.Get("Accept-Encoding"); {
	case accepts(accepted, "br"):
		content, etag = v.brotli, v.etag+"-br"
		head.Set("Content-Encoding", "br")
	case accepts(accepted, "gzip"):
		content, etag = v.gzip, v.etag+"-gzip"
		head.Set("Content-Encoding", "gzip")
	}
	head.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// variant finds a script, or makes it.
func (h *handler) variant(o any) *variant {
	if v := h.kept(o); v != nil {
		return v
	}
	h.build.Lock()
	defer h.build.Unlock()
	if v := h.kept(o); v != nil {
		return v
	}
	v := newVariant(h.text(o))
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.variants) >= maxVariants {
		clear(h.variants)
	}
	h.variants[o] = v
	return v
}

func (h *handler) kept(o any) *variant {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.variants[o]
}

// newVariant compresses a script.
func newVariant(text []byte) *variant {
	sum, long := sha256.Sum256(text), sha512.Sum384(text)
	var br, gz bytes.Buffer
	compress(brotli.NewWriterLevel(&br, brotli.BestCompression), text)
	gw, err := gzip.NewWriterLevel(&gz, gzip.BestCompression)
	if err != nil {
		panic(fmt.Sprintf("BUG: gzip: %v", err))
	}
	compress(gw, text)
	return &variant{
		etag: hex.EncodeToString(sum[:8]), integrity: "sha384-" + base64.StdEncoding.EncodeToString(long[:]),
		text: text, gzip: gz.Bytes(), brotli: br.Bytes(),
	}
}

// compress writes all of the text to w, whose underlying buffer takes everything.
func compress(w io.WriteCloser, text []byte) {
	_, err := w.Write(text)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("BUG: compress into memory: %v", err))
	}
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
