package web

import (
	"net/http"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// funnel is the canned answer about a funnel: of 400 visitors 100 went on, and then 25 of them.
func (a *cannedAPI) funnel(r *http.Request) (int, any) {
	params := r.URL.Query()
	name := params.Get("funnel")
	if params.Get("site_id") != "example.com" || name != "Checkout" && name != "Reading" {
		return 400, map[string]string{"error": "funnel: it is not a funnel of this site"}
	}
	if len(params.Get("date_range")) != len("2026-01-01,2026-01-31") {
		return 400, map[string]string{"error": "date_range: two days are expected"}
	}
	step := func(label string, visitors, dropoff int, median any) map[string]any {
		return map[string]any{"label": label, "visitors": visitors, "dropoff": dropoff, "median_time": median}
	}
	if name == "Reading" {
		return 200, map[string]any{"name": name, "window_sec": 0, "steps": []any{step("Visit /blog/*", 0, 0, nil), step("Signup", 0, 0, nil)}}
	}
	return 200, map[string]any{
		"name": name, "window_sec": 3600, "counted_since": "2026-09-06T12:00:00+02:00",
		"steps": []any{step("Visit /pricing", 400, 0, nil), step("Signup", 100, 300, 75), step("Purchase", 25, 75, 400)},
	}
}

func TestFunnels(t *testing.T) {
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	tb.visit("/example.com")
	const row = `document.querySelector('[data-panel=funnels] [data-value="Signup"]')`
	for name, expression := range map[string]string{
		"three steps":      `document.querySelectorAll('[data-panel=funnels] .row').length === 3`,
		"visitors":         row + `.querySelector('[data-number=visitors]').textContent === '100 visitors'`,
		"of all":           row + `.querySelector('[data-number=conversion]').textContent === '25% of all'`,
		"of those before":  row + `.querySelector('[data-number=went-on]').textContent === '25% went on'`,
		"drop-off":         row + `.querySelector('[data-number=lost]').textContent === '300 lost'`,
		"time":             row + `.querySelector('[data-number=time]').textContent.startsWith('1m 15s')`,
		"bar":              row + `.querySelector('.bar-fill').style.width === '25%'`,
		"of the last step": `document.querySelector('[data-panel=funnels] [data-value="Purchase"]').innerText.includes('6.3%')`,
		"the rules":        `document.querySelector('[data-panel=funnels] .note').innerText.match(/within 1h on one day. Counted since .*Sep.* 2026/)`,
	} {
		t.Log(name)
		tb.until(expression)
	}
	choose := func(name string) {
		eval[any](tb, `(() => { const s = document.querySelector('[data-panel=funnels] select'); s.value = '`+name+`';
			s.dispatchEvent(new Event('change', { bubbles: true })); })()`)
	}
	choose("Reading")
	tb.until(`document.querySelectorAll('[data-panel=funnels] .row').length === 2 &&
		document.querySelector('[data-panel=funnels] [data-value="Signup"] [data-number=conversion]').textContent === '– of all'`)
	choose("Checkout")
	tb.until(`document.querySelectorAll('[data-panel=funnels] .row').length === 3`)
	tb.do(chromedp.EmulateViewport(360, 740))
	tb.until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)

	// Under a filter nothing is shown that is not counted; a site without funnels has no panel.
	tb.visit("/example.com?page=/pricing")
	tb.until(`document.querySelector('[data-panel=funnels].off .refusal').innerText.includes('for all visitors together')`)
	tb.visit("/odd.example")
	tb.until(`document.querySelector('[role=alert]')`)
	tb.until(`!document.querySelector('[data-panel=funnels]')`)
}

func TestNextPages(t *testing.T) {
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	tb.visit("/example.com")
	tb.until(numbersShown + ` && !document.querySelector('.next-pages')`)
	if api.asked("event:next_page", "") {
		t.Error("next pages were asked for without a page")
	}
	tb.visit("/example.com?page=/pricing&source=Google")
	tb.until(`document.querySelectorAll('[data-panel=pages] .row').length === 9 && !document.querySelector('.next-pages')`)
	tb.visit("/example.com?page=/pricing")
	tb.until(`document.querySelector('[data-panel=pages] .next-pages caption').innerText === 'Next pages after /pricing'`)
	if !api.asked("event:next_page", `"is" "event:page" ["/pricing"]`) {
		t.Error("the next pages were not asked for by their page")
	}
	tb.click("[data-panel=pages] .details-button")
	tb.until(`document.querySelector('dialog .next-pages [data-value="/signup"]').innerText.match(/210.*630/s) &&
		document.querySelector('dialog .next-pages [data-value="(other)"]').innerText.includes('12')`)
	tb.click(`dialog .next-pages [data-value="/signup"] .pick`)
	tb.until(`location.search === '?page=/signup' && document.querySelector('dialog .next-pages caption').innerText.endsWith('/signup')`)
}

// Web vitals are one line and, opened, a table by page. They are not asked for under filters by which they are not counted.
func TestVitals(t *testing.T) {
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	tb.visit("/example.com?page=/pricing&source=Google")
	tb.until(`document.querySelectorAll('[data-panel=pages] .row').length === 9 && document.querySelector('.drops')`)
	tb.until(`!document.querySelector('.vitals')`)
	tb.visit("/example.com?page=/pricing")
	tb.until(`document.querySelector('.vitals summary').innerText ===
		'Web vitals: LCP 1.9s (good), INP 240ms (needs improvement), CLS 0.3 (poor)'`)
	if api.askedMetric("lcp_p75", "event:page", 0) {
		t.Error("the pages were asked for before they were opened")
	}
	tb.click(".vitals summary")
	tb.until(`document.querySelector('.vitals [data-value="/docs"]').innerText.match(/300.*1.9s/s)`)
	tb.click(`.vitals [data-value="/docs"] .pick`)
	tb.until(`location.search === '?page=/docs'`)
	tb.do(chromedp.EmulateViewport(360, 740))
	tb.until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)
	if api.askedMetric("lcp_p75", "", 2) {
		t.Error("they were asked for under a filter by which they are not counted")
	}
	tb.visit("/new.example")
	tb.until(`document.querySelector('.tag') && !document.querySelector('.vitals')`)
}

func TestFunnelsAccessible(t *testing.T) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("dashboard/web/node_modules is not there (npm ci), so there is no axe-core")
	}
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	for _, theme := range []string{"light", "dark"} {
		tb.visit("/example.com?page=/pricing")
		eval[any](tb, `localStorage.setItem('turf-theme', '`+theme+`')`)
		tb.do(chromedp.Reload())
		// Until all is there, what comes above the button moves it away from under a click.
		tb.until(`document.querySelector('[data-panel=pages] .next-pages') && !document.querySelector('.stale, .bones, .number .bone')`)
		tb.click("[data-panel=pages] .details-button")
		tb.until(`document.querySelector('dialog .next-pages')`)
		tb.audit("next pages, "+theme, string(axe))
		tb.visit("/example.com")
		tb.until(`document.querySelector('[data-panel=funnels] .row')`)
		tb.click(".vitals summary")
		tb.until(`document.querySelector('.vitals [data-value="/docs"]')`)
		tb.audit("funnels and vitals, "+theme, string(axe))
	}
}
