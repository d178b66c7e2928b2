package tracker

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/evanw/esbuild/pkg/api"
)

// legacyExtensions are those of Plausible's older scripts (plausible-wire.md §1.2).
var legacyExtensions = []string{
	"hash", "outbound-links", "exclusions", "compat", "local", "manual", "file-downloads", "pageview-props",
	"tagged-events",
	"revenue", "pageleave",
}

// parses reports what is wrong with a script, or "".
func parses(text []byte) string {
	res := api.Transform(string(text), api.TransformOptions{Loader: api.LoaderJS, LogLevel: api.LogLevelSilent})
	if len(res.Errors) > 0 {
		return res.Errors[0].Text
	}
	for _, left := range []string{"TAG_ELEMENT", "EVENT_PATH", "DOMAIN_TEXT", "ENDPOINT_TEXT", "CONFIG_JSON", "GLOBAL", "debugger"} {
		if bytes.Contains(text, []byte(left)) {
			return left + " is left in it"
		}
	}
	return ""
}

// All 2^11 legacy names resolve, with each of the four bases and in any order, to scripts that parse.
func TestLegacyNames(t *testing.T) {
	none := func(string) (Options, bool) { return Options{}, false }
	a := newAssembler()
	random := rand.New(rand.NewPCG(1, 2))
	bases := []string{"script", "plausible", "analytics", "p"}
	different := map[string]bool{}
	for set := range 1 << len(legacyExtensions) {
		var names []string
		for i, ext := range legacyExtensions {
			if set&(1<<i) != 0 {
				names = append(names, ext)
			}
		}
		var first Options
		for i, base := range bases {
			random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			name := strings.Join(append([]string{base}, names...), ".") + ".js"
			o, perSite, ok := resolve(name, none)
			if !ok || perSite || o.Flavour != Plausible {
				t.Fatalf("%s: %v %v %v", name, o, perSite, ok)
			}
			if i == 0 {
				first = o
				text := a.script(o)
				different[string(text)] = true
				if wrong := parses(text); wrong != "" {
					t.Errorf("%s: %s", name, wrong)
				}
			} else if o != first {
				t.Errorf("%s is another script than with base %s", name, bases[0])
			}
		}
	}
	if len(different) != 1<<9 { // revenue and pageleave are in all of them
		t.Errorf("%d different scripts", len(different))
	}
}

// Any set of parts makes a script that parses, of each flavour.
func TestEveryCombinationParses(t *testing.T) {
	a := newAssembler()
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 1500 {
		o := Options{Flavour: Flavour(i % len(flavours)), Parts: Part(random.Uint32N(1 << numParts))}
		if i%2 == 0 {
			o.Domain, o.Endpoint = `a"</script>ENDPOINT_TEXT`, "https://x.test/e"
		}
		if i < numParts {
			o.Parts = 1 << i
		}
		if wrong := parses(a.script(o)); wrong != "" && !strings.HasPrefix(wrong, "ENDPOINT_TEXT") {
			t.Errorf("%+v: %s", o, wrong)
		}
	}
	text := string(a.script(Options{Domain: `a"</script>`, Endpoint: "https://x.test/e?a=1"}))
	for _, want := range []string{`"a\"\u003c/script\u003e"`, `"https://x.test/e?a=1"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}

func TestNames(t *testing.T) {
	site := func(id string) (Options, bool) {
		return Options{Parts: Hash, Domain: "example.com"}, id == "example.com" || id == "known"
	}
	for _, c := range []struct {
		name    string
		ok      bool
		perSite bool
		want    Options
	}{
		{"turf.js", true, false, Options{Parts: Default}},
		{"turf.404.vitals.js", true, false, Options{Parts: Default | NotFound | Vitals}},
		{"turf.timezone.screen.js", true, false, Options{Parts: Default | Timezone | Screen}},
		{"turf-example.com.js", true, true, Options{Parts: Hash, Domain: "example.com"}},
		{"turf-unknown.com.js", false, true, Options{}},
		{"pa-known.js", true, true, Options{Flavour: PlausibleInit, Parts: Hash, Domain: "example.com"}},
		{"pa-AbC_d-9.js", true, true, Options{Flavour: PlausibleInit, Parts: initParts}},
		{"s-tag.js", true, true, Options{Flavour: PlausibleInit, Parts: initParts}},
		{"p.js", true, false, Options{Flavour: Plausible, Parts: legacyParts}},
		{"script.hash.hash.js", true, false, Options{Flavour: Plausible, Parts: legacyParts | Hash}},
		{"script.form-submissions.js", true, false, Options{Flavour: Plausible, Parts: legacyParts | Forms}},
		{"", false, false, Options{}},
		{"script", false, false, Options{}},
		{"script.js.map", false, false, Options{}},
		{"script..js", false, false, Options{}},
		{"script.unknown.js", false, false, Options{}},
		{"Script.js", false, false, Options{}},
		{"pa-.js", false, false, Options{}},
		{"pa-a/b.js", false, false, Options{}},
		{"script." + strings.Repeat("hash.", 100) + "js", false, false, Options{}},
	} {
		o, perSite, ok := resolve(c.name, site)
		if ok != c.ok || ok && (o != c.want || perSite != c.perSite) {
			t.Errorf("%s: %+v %v %v", c.name, o, perSite, ok)
		}
	}
}

// A name that resolves is a script that parses, and its extensions may come in any order; the handler answers for it
// and no other.
func FuzzNames(f *testing.F) {
	for _, name := range []string{
		"turf.js", "script.hash.local.js", "pa-x.js", "turf-a.test.js",
		"p.404.vitals.strict.js", "..js", "x",
	} {
		f.Add(name)
	}
	a := newAssembler()
	site := func(id string) (Options, bool) { return Options{Domain: id}, true }
	f.Fuzz(func(t *testing.T, name string) {
		o, _, ok := resolve(name, site)
		if !ok {
			return
		}
		if wrong := parses(a.script(o)); wrong != "" {
			t.Fatalf("%q: %s", name, wrong)
		}
		parts := strings.Split(strings.TrimSuffix(name, ".js"), ".")
		if siteScript.MatchString(name) {
			return
		}
		slices.Reverse(parts[1:])
		if again, _, ok := resolve(strings.Join(parts, ".")+".js", site); !ok || again != o {
			t.Fatalf("%q: other parts in another order", name)
		}
	})
}

// read is the body of an answer that has to be 200.
func read(t *testing.T, r *http.Response) []byte {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(r.Status, err)
	}
	return text
}

func get(h http.Handler, path string, header ...string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestHandler(t *testing.T) {
	h := Handler(nil)
	want := string(Script(Options{Parts: Default}))
	for _, path := range []string{"/js/turf.js", "/any/where/turf.js", "/turf.js"} {
		for encoding, open := range map[string]func(io.Reader) (io.Reader, error){
			"":     func(r io.Reader) (io.Reader, error) { return r, nil },
			"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
			"br":   func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
		} {
			res := get(h, path, "Accept-Encoding", encoding)
			body, err := open(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != 200 || res.Header.Get("Content-Encoding") != encoding || string(text) != want {
				t.Errorf("%s as %q: %s %v", path, encoding, res.Status, res.Header)
			}
			again := get(h, path, "Accept-Encoding", encoding, "If-None-Match", res.Header.Get("ETag"))
			if again.StatusCode != http.StatusNotModified {
				t.Errorf("%s as %q, known already: %s", path, encoding, again.Status)
			}
			for name, value := range map[string]string{
				"Content-Type":                 "text/javascript; charset=utf-8",
				"Access-Control-Allow-Origin":  "*",
				"Cross-Origin-Resource-Policy": "cross-origin",
				"X-Content-Type-Options":       "nosniff",
				"Vary":                         "Accept-Encoding",
				"Cache-Control":                cacheShared,
				"Set-Cookie":                   "",
			} {
				if got := res.Header.Get(name); got != value {
					t.Errorf("%s: %s: %q", path, name, got)
				}
			}
		}
	}
	tags := map[string]bool{}
	for _, encoding := range []string{"", "gzip", "br", "gzip;q=0, br;q=0.0"} {
		tags[get(h, "/js/turf.js", "Accept-Encoding", encoding).Header.Get("ETag")] = true
	}
	if len(tags) != 3 {
		t.Errorf("one entity tag for each form, but: %v", tags)
	}
	if got := get(h, "/js/pa-x.js").Header.Get("Cache-Control"); got != cacheSite {
		t.Errorf("a site's own script: %s", got)
	}
	etag := strings.Trim(get(h, "/js/turf.js").Header.Get("ETag"), `"`)
	if got := get(h, "/js/turf.js?v="+etag).Header.Get("Cache-Control"); got != cacheForEver {
		t.Errorf("the script by its hash: %s", got)
	}
	if got := get(h, "/js/turf.js?v=0").Header.Get("Cache-Control"); got != cacheShared {
		t.Errorf("the script by another hash: %s", got)
	}
	missing := get(h, "/js/script.unknown.js")
	text, err := io.ReadAll(missing.Body)
	if err != nil || missing.StatusCode != 404 || !strings.Contains(string(text), "outbound-links") {
		t.Errorf("an unknown name: %s %s %v", missing.Status, text, err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/js/turf.js", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

// The text of the answer to an unknown name, and the doc of the parts, name every part there is.
func TestNotFoundNamesAllParts(t *testing.T) {
	for ext := range extensions {
		if !strings.Contains(notFound, ext) {
			t.Errorf("%s is not named", ext)
		}
	}
}

// Every condition in the built form is that of a part, and every part is in it (but those that the server decides).
func TestConditionsAreParts(t *testing.T) {
	used := map[string]bool{}
	for _, pieces := range newAssembler() {
		for _, p := range pieces {
			for _, condition := range p.If {
				for term := range strings.SplitSeq(condition, "|") {
					name := strings.TrimPrefix(term, "!")
					used[name] = true
					if name != "domain" && name != "endpoint" && !slices.Contains(conditions[:], name) {
						t.Errorf("the source has a condition %q, which is no part", name)
					}
				}
			}
		}
	}
	for i, name := range conditions {
		if !used[name] && Part(1<<i) != Compat {
			t.Errorf("part %q is nowhere in the source", name)
		}
	}
}

// However many scripts are asked for, a bounded number is kept.
func TestKeptVariants(t *testing.T) {
	n := 0
	h := Handler(func(string) (Options, bool) { n++; return Options{Domain: fmt.Sprint(n)}, true }).(*handler)
	for range maxVariants + 3 {
		get(h, "/js/turf-a.test.js")
	}
	if len(h.variants) != 3 {
		t.Errorf("%d scripts are kept", len(h.variants))
	}
}

// The hash that is told of a script is that of the script, and a script at a path of the owner's choice posts to there.
func TestIntegrity(t *testing.T) {
	for endpoint, h := range map[string]http.Handler{
		DefaultEndpoint: Handler(nil), "/numbers/event": HandlerTo("/numbers/event", nil),
	} {
		for _, name := range []string{"turf.js", "turf.outbound-links.js", "script.js", "pa-x.js"} {
			script := read(t, get(h, "/js/"+name))
			sum := sha512.Sum384(script)
			want := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
			if got := read(t, get(h, "/js/"+name+".sri")); string(got) != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
			if n := bytes.Count(script, []byte(`"`+endpoint+`"`)); n != 1 || bytes.Count(script, []byte(`/event"`)) != 1 {
				t.Errorf("%s does not post to %s", name, endpoint)
			}
		}
		if got := get(h, "/js/turf.nosuch.js.sri"); got.StatusCode != http.StatusNotFound {
			t.Errorf("no such script: %d", got.StatusCode)
		}
	}
}

// Must hold 1: sizes in bytes, as gzip -9 makes them. The peers' are those of reference/field.md, measured on their
// files.
func TestSizes(t *testing.T) {
	const full = Engagement | Outbound | Downloads | Forms | NotFound | Tagged
	for _, c := range []struct {
		what  string
		o     Options
		limit int
		peers string
	}{
		{"page views, navigation, events", Options{}, 640, ""},
		{"… and engagement", Options{Parts: Engagement}, 800, "Medama 0.8–1.0 KB (no scroll depth)"},
		{
			"turf.js: … and opt-out, GPC, DNT, once",
			Options{Parts: Default},
			1000,
			"Plausible 0.8–1.8 KB (a flag, but no opt-out; no GPC, no DNT)",
		},
		{
			"… engagement, outbound, downloads, forms, 404, tagged and custom events, revenue",
			Options{Parts: full},
			1400,
			"Plausible 1.8 KB (no forms, no 404), Simple Analytics 3.8 KB, Rybbit 4.7 KB",
		},
		{
			"… and opt-out, GPC, DNT, once, clicks",
			Options{Parts: full | Default | Clicks},
			1550,
			"GoatCounter 3.3 KB, Matomo 21.9 KB",
		},
		{
			"… and properties, exclusions, masks",
			Options{Parts: full | Default | Clicks | Props | Exclusions | Mask},
			1900, "",
		},
		{"web vitals, apart", Options{Parts: Default | Vitals}, 1600, ""},
		{"time zone and screen", Options{Parts: Default | Timezone | Screen}, 1050, ""},
		{"strict", Options{Parts: Default | Strict}, 800, ""},
		{"script.js", Options{Flavour: Plausible, Parts: legacyParts}, 1150, "Plausible 0.8–1.8 KB"},
		{"pa-….js", Options{Flavour: PlausibleInit, Parts: initParts}, 2000, ""},
	} {
		text := Script(c.o)
		var out bytes.Buffer
		w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		compress(w, text)
		v := newVariant(text)
		t.Logf("%5d bytes gzip (%5d as sent, %5d brotli, %5d plain), limit %d: %s; %s", out.Len(), len(v.gzip),
			len(v.brotli), len(text),
			c.limit, c.what, c.peers)
		if out.Len() >= c.limit || len(v.gzip) >= c.limit {
			t.Errorf("%s: %d bytes, as sent %d, want less than %d", c.what, out.Len(), len(v.gzip), c.limit)
		}
	}
}
