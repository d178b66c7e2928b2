package web

import (
	"net/http"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// buttons is the canned answer about buttons: of three that are declared, one was never clicked, and one that is not was. From 2025
// nobody clicked, and of 2024 it is not known who did.
func (a *cannedAPI) buttons(r *http.Request) (int, any) {
	params := r.URL.Query()
	span := params.Get("date_range")
	if params.Get("site_id") != "example.com" || len(span) != len("2026-01-01,2026-01-31") {
		return 400, map[string]string{"error": "date_range: two days are expected"}
	}
	button := func(element string, clicks, visitors int, never bool) map[string]any {
		return map[string]any{"element": element, "clicks": clicks, "visitors": visitors, "never_clicked": never}
	}
	switch span[:4] {
	case "2024":
		return 200, map[string]any{"declared": []any{button("help", 0, 0, false)}, "undeclared": []any{}, "untold_clicks": 12}
	case "2025":
		return 200, map[string]any{"declared": []any{button("help", 0, 0, true)}, "undeclared": []any{}, "hint": "The part clicks is missing."}
	}
	return 200, map[string]any{
		"declared":   []any{button("menu", 1200, 400, false), button("Buy now", 300, 250, false), button("help", 0, 0, true)},
		"undeclared": []any{button("old link", 6, 5, false)},
	}
}

func TestButtons(t *testing.T) {
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	const panel = `document.querySelector('[data-panel=buttons]')`
	row := func(element string) string { return panel + `.querySelector('[data-value="` + element + `"]')` }
	tb.visit("/example.com")
	for name, expression := range map[string]string{
		"three and one":  panel + `.querySelectorAll('.row').length === 4`,
		"clicks":         row("menu") + `.querySelector('[data-number=clicks]').textContent === '1,200 clicks'`,
		"visitors":       row("menu") + `.querySelector('[data-number=visitors]').textContent === '400 visitors'`,
		"bar":            row("Buy now") + `.querySelector('.bar-fill').style.width === '25%'`,
		"not never":      `!` + row("menu") + `.innerText.includes('never')`,
		"never":          row("help") + `.innerText.match(/help\s+never clicked\s+0/)`,
		"no bar":         `!` + row("help") + `.querySelector('.bar-fill')`,
		"not declared":   panel + `.querySelector('summary').innerText === 'Clicked, but not declared: 1'`,
		"folded at once": `!` + row("old link") + `.checkVisibility()`,
	} {
		t.Log(name)
		tb.until(expression)
	}
	tb.click("[data-panel=buttons] summary")
	tb.until(row("old link") + `.checkVisibility() && ` + row("old link") + `.innerText.match(/6/)`)
	tb.do(chromedp.EmulateViewport(360, 740))
	tb.until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)

	tb.visit("/example.com?from=2025-01-01&to=2025-01-31")
	tb.until(panel + `.querySelector('.note').innerText === 'The part clicks is missing.' && !` + panel + `.querySelector('details')`)
	tb.visit("/example.com?from=2024-01-01&to=2024-01-31")
	tb.until(panel + `.querySelector('.note').innerText.startsWith('Up to 12 more clicks') && !` + row("help") + `.innerText.includes('never')`)

	// Under a filter nothing is shown that is not counted; a site without buttons has no panel.
	tb.visit("/example.com?page=/pricing")
	tb.until(`document.querySelector('[data-panel=buttons].off .refusal').innerText.includes('for all visitors together')`)
	tb.visit("/new.example")
	tb.until(`document.querySelector('.tag') && !` + panel)
	tb.visit("/odd.example")
	tb.until(`document.querySelector('[role=alert]') && !` + panel)
}

func TestButtonsAccessible(t *testing.T) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("dashboard/web/node_modules is not there (npm ci), so there is no axe-core")
	}
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	for _, theme := range []string{"light", "dark"} {
		tb.visit("/example.com")
		eval[any](tb, `localStorage.setItem('turf-theme', '`+theme+`')`)
		tb.do(chromedp.Reload())
		tb.until(`document.querySelector('[data-panel=buttons] summary')`)
		// Not by the mouse: what arrives above it moves it under way.
		eval[any](tb, `document.querySelector('[data-panel=buttons] summary').click()`)
		tb.until(`document.querySelector('[data-panel=buttons] details[open]')`)
		tb.audit("buttons, "+theme, string(axe))
	}
}
