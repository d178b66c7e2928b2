package consent

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

// parses reports what is wrong with a script, or "".
func parses(text []byte) string {
	res := api.Transform(string(text), api.TransformOptions{Loader: api.LoaderJS, LogLevel: api.LogLevelSilent})
	if len(res.Errors) > 0 {
		return res.Errors[0].Text
	}
	for _, left := range []string{"TAG_ELEMENT", "SETTINGS_JSON", "debugger"} {
		if bytes.Contains(text, []byte(left)) {
			return left + " is left in it"
		}
	}
	return ""
}

// Any set of adapters makes a script that parses, and has just these.
func TestEveryCombinationParses(t *testing.T) {
	pieces := readPieces()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 500 {
		o := Options{Parts: Part(random.Uint32N(1 << numParts))}
		if i < numParts {
			o.Parts = 1 << i
		}
		if i%2 == 0 {
			o.Settings.Domain = `a"</script>`
		}
		text := join(pieces, o)
		if wrong := parses(text); wrong != "" {
			t.Fatalf("%b: %s", o.Parts, wrong)
		}
		for bit, name := range names {
			has := bytes.Contains(text, []byte(`name:"`+name+`"`))
			if want := o.Parts&(1<<bit) != 0; has != want && name != "own" {
				t.Fatalf("%b: adapter %s is in it: %v", o.Parts, name, has)
			}
		}
	}
	text := string(join(pieces, Options{Settings: Settings{Domain: `a"</script>`, CategoryAccountLink: "x"}}))
	if want := `{"domain":"a\"\u003c/script\u003e","categoryAccount_link":"x"}`; !strings.Contains(text, want) {
		t.Errorf("%s is not in it", want)
	}
}

// Every condition of the built form is an adapter, and each adapter is in it.
func TestConditionsAreAdapters(t *testing.T) {
	used := map[string]bool{"once": true}
	for _, p := range readPieces() {
		for _, condition := range p.If {
			for name := range strings.SplitSeq(condition, "|") {
				used[name] = true
				if name != "once" && !slices.Contains(names[:], name) {
					t.Errorf("the source has a condition %q, which is no adapter", name)
				}
			}
		}
	}
	for _, name := range names {
		if !used[name] {
			t.Errorf("adapter %q is nowhere in the source", name)
		}
		if !strings.Contains(missing, name) {
			t.Errorf("the answer to an unknown name does not tell of %s", name)
		}
	}
}

func TestNames(t *testing.T) {
	site := func(domain string) (Options, bool) {
		return Options{Parts: CC3, Settings: Settings{Domain: domain}}, domain == "example.com"
	}
	for _, c := range []struct {
		name        string
		ok, perSite bool
		want        Options
	}{
		{"turf-consent.js", true, false, Options{Parts: All}},
		{"turf-consent.cookiebot.js", true, false, Options{Parts: Cookiebot}},
		{"turf-consent.gcm.tcf.js", true, false, Options{Parts: TCF | GCM}},
		{"turf-consent.manual.js", true, false, Options{}},
		{"turf-consent.wpconsent.js", true, false, Options{Parts: Complianz}},
		{"turf-consent@example.com.js", true, true, Options{Parts: CC3, Settings: Settings{Domain: "example.com"}}},
		{"turf-consent@other.com.js", false, true, Options{}},
		{"turf-consent.unknown.js", false, false, Options{}},
		{"turf-consent..js", false, false, Options{}},
		{"turf-consent", false, false, Options{}},
		{"turf-consent-example.com.js", false, false, Options{}}, // the counting script of a site of that name
		{"turf.js", false, false, Options{}},
		{"turf-consent" + strings.Repeat(".tcf", 100) + ".js", false, false, Options{}},
	} {
		o, perSite, ok := resolve(c.name, site)
		if ok != c.ok || ok && (o != c.want || perSite != c.perSite) {
			t.Errorf("%s: %+v %v %v", c.name, o, perSite, ok)
		}
		if ok && !IsScript(c.name) {
			t.Errorf("%s is no script", c.name)
		}
	}
	if IsScript("turf-consent-example.com.js") || IsScript("turf.js") {
		t.Error("the counting script's names are taken")
	}
}

func TestHandler(t *testing.T) {
	h := Handler(nil)
	for path, want := range map[string]string{
		"/js/turf-consent.js":         string(Script(Options{Parts: All})),
		"/turf-consent.cc3.js":        string(Script(Options{Parts: CC3})),
		"/js/turf-consent.measure.js": string(measureJS),
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != 200 || w.Body.String() != want || w.Header().Get("Access-Control-Allow-Origin") != "*" ||
			w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/js/turf-consent@other.com.js", nil))
	if w.Code != 404 || !strings.Contains(w.Body.String(), "cookiebot") {
		t.Errorf("an unknown site: %d %s", w.Code, w.Body)
	}
}

// A name that resolves is a script that parses.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"turf-consent.js", "turf-consent.tcf.gpp.js", "turf-consent@a.test.js", "x"} {
		f.Add(name)
	}
	pieces := readPieces()
	site := func(domain string) (Options, bool) { return Options{Settings: Settings{Domain: domain}}, true }
	f.Fuzz(func(t *testing.T, name string) {
		o, _, ok := resolve(name, site)
		if !ok {
			return
		}
		if wrong := parses(join(pieces, o)); wrong != "" || !IsScript(name) {
			t.Fatalf("%q: %s", name, wrong)
		}
	})
}

// Must hold 7: sizes in bytes, as gzip -9 makes them: under 4 KB with one adapter, whichever, and under 8 KB with all.
// What measures is loaded after a grant only.
func TestSizes(t *testing.T) {
	const oneBytes, allBytes, measureBytes = 4000, 8000, 2300
	check := func(what string, text []byte, limit int) {
		if n := packed(t, text); n >= limit {
			t.Errorf("%5d bytes gzip (%5d plain), want less than %d: %s", n, len(text), limit, what)
		} else {
			t.Logf("%5d bytes gzip (%5d plain), limit %d: %s", n, len(text), limit, what)
		}
	}
	check("manual", Script(Options{}), oneBytes)
	for i, name := range names {
		check(name, Script(Options{Parts: 1 << i}), oneBytes)
	}
	check("all", Script(Options{Parts: All}), allBytes)
	check("what measures", measureJS, measureBytes)
}

// packed is the size of a text as gzip -9 makes it.
func packed(t *testing.T, text []byte) int {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}
