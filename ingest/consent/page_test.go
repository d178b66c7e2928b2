package consent

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The page about a visitor is the same for everybody, and may ask this server and nobody else.
func TestMePage(t *testing.T) {
	t.Parallel()
	w := newSmallWorld(t)
	for _, c := range []struct{ query, accept, lang, says string }{
		{"", "", "en", "What is kept about you"},
		{"", "nl-NL,nl;q=0.9,en;q=0.8", "nl", "Wat er over u bewaard wordt"},
		{"", "es, de;q=0.5", "de", "Was über Sie gespeichert ist"},
		{"&lang=fr", "nl", "fr", "Ce qui est conservé à votre sujet"},
		{"&lang=FR-ca", "", "fr", "Ce qui est conservé à votre sujet"},
		{"&lang=es", "", "en", "What is kept about you"},
	} {
		rec := w.send("GET", mePath+"?site=example.com"+c.query, "", "Accept-Language: "+c.accept)
		text, h := rec.Body.String(), rec.Header()
		if rec.Code != http.StatusOK || !strings.Contains(text, `<html lang="`+c.lang+`">`) || !strings.Contains(text, c.says) {
			t.Errorf("%+v: %d %.300s", c, rec.Code, text)
		}
		if policy := h.Get("Content-Security-Policy"); policy != mePolicy || strings.Contains(policy, "unsafe") {
			t.Errorf("%+v: policy %q", c, policy)
		}
		if h.Get("Set-Cookie") != "" || h.Get("Etag") != "" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%+v: headers %v", c, h)
		}
		for _, inline := range []string{"<style", " style=", "<script>", " onclick"} {
			if strings.Contains(text, inline) {
				t.Errorf("%+v: has %s", c, inline)
			}
		}
	}
	w.refused("GET", mePath+"?site=unheard.example", "", 404, codeNoticeUnknown)
	w.refused("GET", mePath, "", 404, codeNoticeUnknown)
	for name, kind := range map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"} {
		rec := w.send("GET", mePath+name, "")
		if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != kind || rec.Body.Len() == 0 {
			t.Errorf("%s: %d %v", name, rec.Code, rec.Header())
		}
	}
}

// Every language says everything, in words of its own.
func TestPageTextsAreComplete(t *testing.T) {
	t.Parallel()
	english := reflect.ValueOf(meTexts["en"])
	for _, l := range pageLanguageNames {
		texts, ok := meTexts[l.Tag]
		if !ok || privacyTexts[l.Tag] == nil {
			t.Errorf("%s has no texts", l.Tag)
			continue
		}
		v, same := reflect.ValueOf(texts), 0
		for i := range v.NumField() {
			if v.Field(i).String() == "" {
				t.Errorf("%s: %s is missing", l.Tag, v.Type().Field(i).Name)
			}
			if v.Field(i).String() == english.Field(i).String() {
				same++
			}
		}
		if l.Tag != "en" && same > 1 { // "Page" is French too
			t.Errorf("%s: %d texts are the English ones", l.Tag, same)
		}
	}
}

// CF-23: every test that the self-assessment names is in the tree, in the file that it names.
func TestAssessmentNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	a, err := readAssessment()
	if err != nil {
		t.Fatal(err)
	}
	root, seen, proven := filepath.Join("..", ".."), map[string]bool{}, map[string]int{}
	for _, c := range a.Criteria {
		if seen[c.ID] || c.ID == "" || c.Says == "" || c.How == "" {
			t.Errorf("criterion %q is there twice, or says nothing", c.ID)
		}
		seen[c.ID] = true
		if !slices.ContainsFunc(a.Laws, func(l law) bool { return l.ID == c.Law }) {
			t.Errorf("%s is of no law: %q", c.ID, c.Law)
		}
		if !slices.Contains([]string{"turf", "site", "both"}, c.By) {
			t.Errorf("%s is done by %q", c.ID, c.By)
		}
		if c.By == "turf" && len(c.Tests) == 0 {
			t.Errorf("%s is held by no test", c.ID)
		}
		for _, p := range c.Tests {
			if reason := missingTest(root, p); reason != "" {
				t.Errorf("%s: %s", c.ID, reason)
			}
			proven[c.Law]++
		}
	}
	for _, l := range a.Laws {
		if proven[l.ID] == 0 {
			t.Errorf("nothing is proven for %s", l.ID)
		}
	}
	for _, p := range []provenBy{
		{"TestAssessmentNamesTestsThatExis", "ingest/consent/page_test.go"},
		{"TestMePage", "ingest/consent/wire_test.go"},
		{"TestMePage/k", "ingest/consent/page_test.go"},
		{"TestMePage", "../page_test.go"},
		{"testFunctions", "ingest/consent/page_test.go"},
	} {
		if missingTest(root, p) == "" {
			t.Errorf("%v is not noticed", p)
		}
	}
}

// missingTest says what is wrong with the name of a test, or "". A case of a test is a file of its folder testdata.
func missingTest(root string, p provenBy) string {
	if !fs.ValidPath(p.File) || !strings.HasSuffix(p.File, "_test.go") {
		return p.File + " is no test's file"
	}
	name, one, hasCase := strings.Cut(p.Name, "/")
	functions, err := testFunctions(filepath.Join(root, filepath.FromSlash(p.File)))
	switch {
	case err != nil:
		return err.Error()
	case !strings.HasPrefix(name, "Test") || !slices.Contains(functions, name):
		return p.File + " has no test " + name
	case !hasCase:
		return ""
	}
	files, err := filepath.Glob(filepath.Join(root, filepath.Dir(filepath.FromSlash(p.File)), "testdata", one+".*"))
	if err != nil || len(files) == 0 {
		return p.File + " has no case " + one
	}
	return ""
}

// testFunctions are the functions of a Go file that take a *testing.T and nothing else.
func testFunctions(file string) (names []string, err error) {
	parsed, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || len(f.Type.Params.List) != 1 {
			continue
		}
		star, ok := f.Type.Params.List[0].Type.(*ast.StarExpr)
		if !ok {
			continue
		}
		if of, ok := star.X.(*ast.SelectorExpr); ok && of.Sel.Name == "T" {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}

// The self-assessment is the owner's, and its durations are those that are configured.
func TestAssessmentOfASite(t *testing.T) {
	t.Parallel()
	w := newSmallWorld(t)
	const path = "/v1/sites/example.com/consent/assessment"
	days := func() map[string]float64 {
		out := map[string]float64{}
		for _, d := range w.must("GET", path, "", 200)["durations"].([]any) {
			d := d.(map[string]any)
			out[d["what"].(string)] = d["days"].(float64)
		}
		return out
	}
	got := days()
	if got["A consent"] != 182 || got["Events kept for the purpose events"] != 396 || got["Address and user agent of a visitor"] != -1 {
		t.Errorf("durations %v", got)
	}
	if _, ok := got["Sums by the day"]; ok {
		t.Error("says how long sums are kept, which nobody told")
	}
	w.must("PUT", "/v1/sites/example.com/consent", `{"on":true,"valid_months":3,"proof_months":12}`, 200)
	w.must("POST", "/v1/sites/example.com/purposes", `{"id":"events","data":["pages"],"retention_days":90}`, 201)
	w.server.cfg.Keeping = &Keeping{HourDays: 90, DayDays: 760}
	got = days()
	for what, want := range map[string]float64{
		"A consent": 91, "The proof of a consent, after its end": 365, "Events kept for the purpose events": 90,
		"Sums by the hour": 90, "Sums by the day": 760,
	} {
		if got[what] != want {
			t.Errorf("%s: %v days, want %v", what, got[what], want)
		}
	}
	w.must("PUT", "/v1/sites/example.com/consent", `{"on":true,"audience":"child-directed"}`, 200)
	if got = days(); got["Events of people who consented"] != -1 {
		t.Errorf("durations with the opt-in path off: %v", got)
	}

	out := w.must("GET", path, "", 200)
	if out["build"] != "turf-test" || out["site"] != "example.com" || out["profile"] != "standard" || out["k"] != 3.0 {
		t.Errorf("of a build: %v", out)
	}
	rec := w.send("GET", path+"?format=html", "")
	if text := rec.Body.String(); rec.Code != 200 || !strings.Contains(text, "TestMidnight") || !strings.Contains(text, "760 days") ||
		rec.Header().Get("Content-Security-Policy") != plainPolicy {
		t.Errorf("as a page: %d %.200s", rec.Code, text)
	}
	w.refused("GET", path+"?format=pdf", "", 400, codeMalformed)
	w.refused("GET", path, "", 403, codeForbidden, "Authorization: Bearer somebody")
	w.refused("GET", "/v1/sites/example.com/consent/privacy-text", "", 403, codeForbidden, "Authorization: Bearer somebody")
}

// CF-22: the text for a privacy statement says what is configured, in four languages.
func TestPrivacyText(t *testing.T) {
	t.Parallel()
	w := newSmallWorld(t)
	text := func(lang string) string {
		return w.must200("/v1/sites/example.com/consent/privacy-text?lang=" + lang)
	}
	for lang, says := range map[string][]string{
		"nl": {"minstens 3 bezoekers", "(Europe/Amsterdam)", "- e (pages): 396 dagen", "geldt 182 dagen", "Example B.V., privacy@example.com"},
		"en": {"at least 3 visitors", "- e (pages): kept for 396 days", "the link at the foot of each page"},
		"de": {"mindestens 3 Besucher", "- h (pages): 396 Tage"},
		"fr": {"au moins 3 visiteurs", "conservé 396 jours"},
	} {
		got := text(lang)
		for _, s := range append(says, "example.com") {
			if !strings.Contains(got, s) {
				t.Errorf("%s lacks %q:\n%s", lang, s, got)
			}
		}
		if strings.Contains(got, "<no value>") || strings.Contains(got, "{{") || strings.Contains(got, "Global Privacy Control") {
			t.Errorf("%s: %s", lang, got)
		}
	}
	w.server.cfg.Keeping = &Keeping{DayDays: 760}
	if got := text("en"); !strings.Contains(got, "Sums by the hour are kept without an end, sums by the day for 760 days.") {
		t.Errorf("keeping: %s", got)
	}
	w.must("PUT", "/v1/sites/example.com/consent", `{"on":false}`, 200)
	if got := text("nl"); strings.Contains(got, "Als u toestemming geeft") {
		t.Errorf("with the opt-in path off: %s", got)
	}
}

// The strict profile's text says that the browser's signals are an objection.
func TestPrivacyTextOfTheStrictProfile(t *testing.T) {
	t.Parallel()
	for _, l := range pageLanguageNames {
		var out strings.Builder
		if err := privacyTexts[l.Tag].Execute(&out, privacyFacts{Site: "example.com", Strict: true, K: 3}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "Global Privacy Control") {
			t.Errorf("%s: %s", l.Tag, out.String())
		}
	}
}

// axeSource is axe-core, as the dashboard's tests have it.
func axeSource(t *testing.T) string {
	t.Helper()
	axe, err := os.ReadFile(filepath.Join("..", "..", "dashboard", "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Skip("dashboard/web/node_modules is not there (npm ci), so there is no axe-core")
	}
	return string(axe)
}
