package consent

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"turf/ingest/tracker/browsertest"
)

// site serves the world, at a name that leads to this machine.
func (w *world) site(host string) string {
	w.t.Helper()
	server := httptest.NewServer(w.echo)
	w.t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	return "http://" + host + ":" + u.Port()
}

const stateShown = `document.getElementById('state').dataset.state`

// A visitor who comes by the site's button sees what is kept, withdraws in one click, and erases the rest in another. The id is
// never in the address that a server or the history sees.
func TestMeInABrowser(t *testing.T) {
	t.Parallel()
	w := newSmallWorld(t)
	p := w.agree("events", "heatmap")
	other := w.agree("events")
	for _, path := range []string{"/one", "/two?x=1", "/three"} {
		if status, code := p.collects(p.view(path)); status != 202 {
			t.Fatal(status, code)
		}
	}
	if status, _ := other.collects(other.view("/others")); status != 202 {
		t.Fatal(status)
	}
	base := w.site("turf.localhost")
	tab := browsertest.Open(t)
	tab.Visit(base + mePath + "?site=example.com&lang=en#" + p.cid)
	tab.Until(stateShown + ` === 'GIVEN'`)
	for what, is := range map[string]string{
		"nothing in the address": `!location.href.includes('` + p.cid + `')`,
		"three rows":             `document.querySelectorAll('#rows tr').length === 3`,
		"its own rows":           `document.body.innerText.includes('example.com/two') && !document.body.innerText.includes('/others')`,
		"the record":             `document.getElementById('record').textContent === '` + p.record + `'`,
		"the purposes as shown":  `document.getElementById('purposes').innerText.match(/^e: yes$/m) && document.getElementById('purposes').innerText.match(/^h: yes$/m)`,
		"nothing stored":         `localStorage.length === 0 && sessionStorage.length === 0 && document.cookie === ''`,
		"nobody else asked":      `performance.getEntriesByType('resource').every((e) => new URL(e.name).origin === location.origin)`,
	} {
		if !browsertest.Eval[bool](tab, "Boolean("+is+")") {
			t.Errorf("not so: %s\n%s", what, browsertest.Eval[string](tab, "document.body.innerText"))
		}
	}
	export := browsertest.Eval[string](tab, `fetch(document.getElementById('export').href).then((r) => r.text())`)
	if strings.Count(export, "\n") != 4 || !strings.Contains(export, `"/two"`) {
		t.Errorf("the export: %s", export)
	}
	for _, form := range []string{"html", "27560-jsonld", "kantara"} {
		status := browsertest.Eval[int](tab, `fetch(document.querySelector('[data-form="`+form+`"]').href).then((r) => r.status)`)
		if status != 200 {
			t.Errorf("receipt %s: %d", form, status)
		}
	}

	tab.Click("#withdraw")
	tab.Until(stateShown + ` === 'WITHDRAWN' && document.getElementById('status').textContent.startsWith('Your consent is withdrawn')`)
	if got := p.states(); got[len(got)-1] != Withdrawn {
		t.Errorf("in the ledger: %v", got)
	}
	w.erased(p)
	if rows := w.store.all(); len(rows) != 1 || rows[0].Path != "/others" {
		t.Errorf("rows are left, or another's are gone: %v", rows)
	}
	tab.Until(`document.getElementById('take-back').hidden`)

	tab.Click("#erase")
	tab.Until(`document.getElementById('about').hidden && document.getElementById('status').textContent.includes('erased')`)
	w.until("nothing of the person is in the ledger", func() bool { return len(p.states()) == 0 })
	tab.Visit("about:blank")
	tab.Visit(base + mePath + "?site=example.com&lang=en#" + p.cid)
	tab.Until(`document.getElementById('status').textContent.startsWith('Nothing is kept') && !document.getElementById('none').hidden`)
	if got := other.states(); len(got) != 1 || got[0] != Given {
		t.Errorf("the other's consent: %v", got)
	}
}

// Where Turf is served under the site's own name, the page finds the id by itself, and gives up what the browser holds.
func TestMeOfTheSiteItself(t *testing.T) {
	t.Parallel()
	w := newSmallWorld(t)
	p := w.agree("events")
	base := w.site("shop.localhost")
	tab := browsertest.Open(t)
	tab.Visit(base + mePath + "?site=example.com&lang=nl")
	tab.Until(`!document.getElementById('none').hidden && document.getElementById('about').hidden`)
	tab.Run(`localStorage.turf_id = JSON.stringify({ cid: '` + p.cid + `', token: 'x' })`)
	tab.Do(chromedp.Reload())
	tab.Until(stateShown + ` === 'GIVEN'`)
	tab.Click("#withdraw")
	tab.Until(stateShown + ` === 'WITHDRAWN'`)
	tab.Until(`!('turf_id' in localStorage) && Date.parse(localStorage.turf_no) > 0`)

	// A number that is typed in works too; what is none is not asked for.
	q := w.agree("events")
	tab.Do(chromedp.Reload())
	tab.Until(`!document.getElementById('none').hidden`)
	tab.Click("summary")
	tab.Run(`document.querySelector('[name=cid]').value = '` + q.cid + `'`)
	tab.Click("#enter button")
	tab.Until(stateShown + ` === 'GIVEN'`)
	tab.Click(`[data-lang-link][hreflang=de]`)
	tab.Until(`document.documentElement.lang === 'de' && ` + stateShown + ` === 'GIVEN' && !location.href.includes('` + q.cid + `')`)
}

// axe-core finds nothing to complain about, light and dark.
func TestMeAccessible(t *testing.T) {
	t.Parallel()
	axe := axeSource(t)
	w := newSmallWorld(t)
	p := w.agree("events", "journeys")
	if status, code := p.collects(p.view("/one")); status != 202 {
		t.Fatal(status, code)
	}
	base := w.site("turf.localhost")
	tab := browsertest.Open(t)
	for _, c := range []struct{ scheme, hash, then string }{
		{"light", "#" + p.cid, stateShown + ` === 'GIVEN'`},
		{"dark", "#" + p.cid, stateShown + ` === 'GIVEN'`},
		{"dark", "", `!document.getElementById('none').hidden`},
	} {
		params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: c.scheme}}}
		if _, err := chromedp.Call(tab.Context(), emulation.SetEmulatedMedia, params); err != nil {
			t.Fatal(err)
		}
		tab.Visit("about:blank")
		tab.Visit(base + mePath + "?site=example.com&lang=fr" + c.hash)
		tab.Until(c.then)
		browsertest.Eval[any](tab, axe+"; undefined")
		found := browsertest.Eval[[]string](tab, `axe.run().then((r) => r.violations.map((v) => v.id + ': ' + v.help + ' ' + v.nodes.map((n) => n.target + ' ' + n.failureSummary)))`)
		for _, v := range found {
			t.Errorf("%s %s: %s", c.scheme, c.hash, v)
		}
		tab.Do(chromedp.EmulateViewport(360, 740))
		tab.Until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)
		tab.Do(chromedp.EmulateViewport(1280, 900))
	}
}
