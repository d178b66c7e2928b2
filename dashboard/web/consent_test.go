package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/labstack/echo/v4"

	"turf/ingest"
	"turf/ingest/consent"
	"turf/schema"
)

var consentSite = schema.Site{ID: 1, Domain: "example.com", Timezone: "Europe/Amsterdam"}

// noEvents is a store that nothing is written to: the tests of the page collect none.
type noEvents struct{ consent.Store }

// consentWorld is the page with the real server of the opt-in path, and canned numbers.
type consentWorld struct {
	t      *testing.T
	api    *cannedAPI
	shared bool // whoever looks came by a link
	ledger *consent.Ledger
	server *httptest.Server
}

const coverageText = "1 consented of 1,234 counted (0.1 %)"

func newConsentWorld(t *testing.T) *consentWorld {
	t.Helper()
	ledger, err := consent.Open(consent.Config{Dir: filepath.Join(t.TempDir(), "consent"), Store: noEvents{}, Build: "turf-test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ledger.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &consentWorld{t: t, api: &cannedAPI{signedIn: true}, ledger: ledger}
	byName := func(name string) (schema.Site, bool) { return consentSite, name == consentSite.Domain }
	agents, err := ingest.NewAgents()
	if err != nil {
		t.Fatal(err)
	}
	steps, err := ingest.NewSteps(byName, agents, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	server, err := consent.NewServer(consent.ServerConfig{
		Ledger: ledger, Describer: ingest.NewDescriber(steps, nil, false, -1), Sites: byName,
		Site:      func(id schema.SiteID) (schema.Site, bool) { return consentSite, id == consentSite.ID },
		Authorize: func(*http.Request, schema.SiteID, consent.Role) bool { return !w.shared },
	})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	server.Register(e)
	mux := http.NewServeMux()
	mux.Handle("/", w.api.serve(t).Config.Handler)
	mux.Handle("/v1/", e)
	canned := func(path, format string, value func() any) {
		mux.HandleFunc(path, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(rw, format, value())
		})
	}
	canned("/api/me", `{"user":"ada","shared":%t}`, func() any { return w.shared })
	canned("/api/v1/reports/cohort", `{"coverage":{"text":%q}}`, func() any { return coverageText })
	w.server = httptest.NewServer(mux)
	t.Cleanup(w.server.Close)
	return w
}

// post sends JSON to the opt-in path and returns the answer.
func (w *consentWorld) post(path string, body any) map[string]any {
	w.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.server.URL+path, strings.NewReader(string(text)))
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode >= 300 {
		w.t.Fatalf("%s: %d %v %v", path, res.StatusCode, out, err)
	}
	return out
}

type fields = map[string]any

// noticed has the opt-in path on, a purpose, and a notice; it returns the notice's id.
func (w *consentWorld) noticed() string {
	w.t.Helper()
	if err := w.ledger.SetSettings(consentSite.ID, consent.Settings{On: true}); err != nil {
		w.t.Fatal(err)
	}
	w.post("/v1/sites/example.com/purposes", fields{"id": "events", "data": []string{"pages"}, "retention_days": 396})
	text := fields{
		"title": "May we?", "body": "We would like to.", "accept": "Yes", "reject": "No", "save": "Save", "privacy": "Privacy",
		"purposes": fields{"events": "What you do"},
	}
	return w.post("/v1/sites/example.com/notices", fields{
		"default_lang": "en", "lang": fields{"en": text}, "purposes": []string{"events@1"}, "jurisdiction": "NL",
		"controller":        fields{"name": "Example B.V.", "contact": "privacy@example.com"},
		"withdrawal_method": "the link below each page", "storage_locations": []string{"NL"}, "material": true,
	})["notice_id"].(string)
}

// agree gives a consent and returns its record.
func (w *consentWorld) agree(notice string) string {
	w.t.Helper()
	return w.post("/v1/consent/events", fields{
		"site": "example.com", "notice_id": notice, "lang": "en", "action": "save", "explicit": true, "adapter": "klaro", "ui": "cmp",
		"proof": fields{"scheme": "klaro"}, "purposes": fields{"events": true},
	})["record_id"].(string)
}

// An owner turns the opt-in path on, registers a purpose, and writes a notice and a material new version of it: all from the
// page, and all of it is in the log.
func TestConsentIsSetUp(t *testing.T) {
	w := newConsentWorld(t)
	tb := open(t, w.server)
	tb.visit("/example.com")
	tb.until(numbersShown)
	tb.click(`.views a[href="/example.com?tab=consent"]`)
	tb.until(`location.search === '?tab=consent' && document.querySelector('.views [aria-current=page]').textContent === 'Consent'`)
	tb.click("[name=on]")
	tb.write("[name=valid]", "14")
	tb.click("[type=submit]")
	tb.until(`document.querySelector('[name=valid]').matches(':invalid')`) // the browser does not send it
	tb.write("[name=valid]", "3")
	tb.click("[type=submit]")
	tb.until(`document.querySelector('[role=status]').textContent.startsWith('Saved')`)
	if s := w.ledger.Settings(consentSite.ID); !s.On || s.ValidMonths != 3 {
		t.Errorf("settings: %+v", s)
	}

	tb.click(`.parts a[href="/example.com?tab=consent&part=notices"]`)
	tb.until(`document.body.innerText.includes('Register a purpose below first')`)
	tb.click("[type=submit]")
	tb.until(`document.body.innerText.includes('Registered: events, version 1.')`)
	tb.click(`a[href$="new=notice"]`)
	tb.until(`document.querySelector('.prompt').innerText.includes('Mogen wij meer meten?')`)
	for name, value := range map[string]string{
		"title": "Mag het?", "controller": "Example B.V.", "contact": "privacy@example.com", "stored": "NL, BE", "jurisdiction": "NL",
		"withdrawal": "de link onderaan",
	} {
		tb.write("[name="+name+"]", value)
	}
	tb.until(`document.querySelector('.prompt strong').textContent === 'Mag het?'`)
	tb.click(".choice.add") // German
	tb.until(`document.querySelector('.prompt').lang === 'de'`)
	tb.click("[type=submit]")
	tb.until(`location.search.endsWith('notice=1') && document.querySelector('[data-notice="1"] .prompt strong').textContent === 'Mag het?' &&
		document.querySelector('[data-notice="1"]').innerText.includes('shown now')`)

	tb.click(`a[href$="new=notice"]`)
	tb.until(`document.querySelector('[name=controller]').value === 'Example B.V.'`)
	tb.click("[name=material]")
	tb.click("[type=submit]")
	tb.until(`document.querySelectorAll('[data-notice]').length === 2 && document.querySelector('[data-notice="2"]').innerText.includes('material')`)
	tb.until(`!document.querySelector('[data-notice="1"]').innerText.includes('shown now')`)
	eval[any](tb, `history.back()`)
	tb.until(`document.querySelector('.editor')`) // the address is the state
	res := w.get("/v1/consent/config?site=example.com&lang=de")
	if res["version"] != 2.0 || res["lang"] != "de" || res["valid_days"] != 91.0 {
		t.Errorf("what scripts read: %v", res)
	}
}

func (w *consentWorld) get(path string) map[string]any {
	w.t.Helper()
	res, err := http.Get(w.server.URL + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// A receipt is found by its record, in its three forms, and the browser reckons the proof of its event itself.
func TestConsentLedgerPage(t *testing.T) {
	w := newConsentWorld(t)
	notice := w.noticed()
	for range 5 {
		w.agree(notice)
	}
	record := w.agree(notice)
	w.agree(notice)
	tb := open(t, w.server)
	tb.visit("/example.com?tab=consent&part=ledger")
	tb.write("[name=record]", record)
	tb.click("[type=submit]")
	tb.until(`location.search.endsWith('record=` + record + `') && document.querySelector('[data-record] .mark').textContent === 'given'`)
	tb.until(`document.querySelectorAll('.links a').length === 3`)
	for i := range 3 {
		if n := eval[int](tb, fmt.Sprintf(`fetch(document.querySelectorAll('.links a')[%d].href).then((r) => r.status)`, i)); n != 200 {
			t.Errorf("form %d of the receipt: %d", i, n)
		}
	}
	tb.click("[data-proof]")
	tb.until(`document.querySelector('[data-verdict="included"] .hashes').children.length > 2`)
	tb.do(chromedp.Reload())
	tb.until(`document.querySelector('[data-verdict="included"]')`)
	if kind := eval[string](tb, `fetch(document.querySelector('a[download]').href).then((r) => r.headers.get('Content-Type'))`); kind != "application/zip" {
		t.Errorf("the audit's export is %s", kind)
	}
	tb.write("[name=record]", "00000000-0000-7000-8000-000000000000")
	tb.click("[type=submit]")
	tb.until(`document.querySelector('[role=alert]').textContent.includes('no such record')`)
}

func TestConsentRatePage(t *testing.T) {
	w := newConsentWorld(t)
	notice := w.noticed()
	for range 3 {
		w.agree(notice)
	}
	for action, n := range map[string]int{"shown": 10, "reject_all": 2, "dismiss": 1} {
		for range n {
			w.post("/v1/consent/events", fields{
				"site": "example.com", "notice_id": notice, "lang": "en", "action": action, "explicit": true, "adapter": "own",
			})
		}
	}
	tb := open(t, w.server)
	tb.visit("/example.com?tab=consent&part=rate")
	tb.until(`document.querySelector('[data-part=coverage]').innerText.includes('` + coverageText + `')`)
	tb.until(`[...document.querySelectorAll('[data-rate="1"] td')].map((e) => e.textContent).join('|') === '10|3|2|1|5 (50%)|0|60%'`)
	tb.click("[data-period=yesterday]")
	tb.until(`location.search === '?tab=consent&period=yesterday&part=rate' && document.body.innerText.includes('Nobody was asked')`)
}

func TestConsentTagsPage(t *testing.T) {
	w := newConsentWorld(t)
	w.noticed()
	tb := open(t, w.server)
	tb.visit("/example.com?tab=consent&part=tags")
	tb.until(`document.querySelector('.tag').innerText.includes('src="` + w.server.URL + `/js/turf-consent.js"')`)
	eval[any](tb, `(() => { const s = document.querySelector('[name=manager]'); s.value = 'cookiebot';
		s.dispatchEvent(new Event('change', { bubbles: true })); })()`)
	tb.until(`location.search.endsWith('manager=cookiebot') && document.querySelector('.tag').innerText.includes('data-consent="cookiebot"')`)
	tb.until(`document.querySelector('a[target=_blank].primary').href === 'https://example.com/#turf-consent-test'`)
	if eval[bool](tb, `document.body.innerText.includes('leaves this test out')`) {
		t.Error("says that the script has no test, which it has")
	}
	tb.write("[name=page]", "javascript:alert(1)")
	tb.until(`!document.querySelector('a[target=_blank].primary')`)
}

func TestConsentAssessmentPage(t *testing.T) {
	w := newConsentWorld(t)
	w.noticed()
	tb := open(t, w.server)
	tb.visit("/example.com?tab=consent&part=assessment")
	tb.until(`document.querySelector('[data-criterion=cnil-optout] .proofs').innerText.includes('TestOptOut in ingest/tracker/guard_test.go')`)
	for name, expression := range map[string]string{
		"three laws":     `document.querySelectorAll('[data-law]').length === 3`,
		"the build":      `document.body.innerText.includes('turf-test')`,
		"durations":      `document.querySelector('.table').innerText.match(/A consent[^]*182 days/)`,
		"export":         `document.querySelector('a[download]').href.endsWith('format=json')`,
		"four languages": `document.querySelectorAll('a[href*=privacy-text]').length === 4`,
	} {
		t.Log(name)
		tb.until(expression)
	}
}

// Whoever came by a link to a site sees its numbers, whatever the address says.
func TestSharedLinkShowsNumbersOnly(t *testing.T) {
	w := newConsentWorld(t)
	w.shared = true
	tb := open(t, w.server)
	for _, path := range []string{"/example.com", "/example.com?tab=consent", "/example.com?tab=people"} {
		tb.visit(path)
		tb.until(numbersShown)
		if eval[bool](tb, `document.querySelector('.views, .consent') !== null`) {
			t.Errorf("%s shows more than numbers", path)
		}
	}
}

func TestConsentAccessible(t *testing.T) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("dashboard/web/node_modules is not there (npm ci), so there is no axe-core")
	}
	w := newConsentWorld(t)
	record := w.agree(w.noticed())
	tb := open(t, w.server)
	for _, theme := range []string{"light", "dark"} {
		for _, c := range []struct{ part, then string }{
			{"", `document.querySelector('[name=on]')`},
			{"&part=tags", `document.querySelector('.tag')`},
			{"&part=notices&notice=1", `document.querySelector('.prompt')`},
			{"&part=notices&new=notice", `document.querySelector('.editor')`},
			{"&part=rate", `document.querySelector('[data-rate]') && document.body.innerText.includes('` + coverageText + `')`},
			{"&part=ledger&record=" + record, `document.querySelector('[data-proof]')`},
			{"&part=assessment", `document.querySelector('[data-criterion]')`},
		} {
			tb.visit("/example.com?tab=consent" + c.part)
			eval[any](tb, `localStorage.setItem('turf-theme', '`+theme+`')`)
			tb.do(chromedp.Reload())
			tb.until(c.then)
			tb.audit(theme+" "+c.part, string(axe))
			tb.do(chromedp.EmulateViewport(360, 740))
			tb.until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)
			tb.do(chromedp.EmulateViewport(1280, 900))
		}
	}
}
