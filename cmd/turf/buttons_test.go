package main

import (
	"testing"

	"turf/ingest/tracker/browsertest"
)

// TestButtonsToDashboard clicks in a real browser on two of three buttons that are declared, with the site's own script, and the
// dashboard shows their clicks, and the one that nobody clicked on.
func TestButtonsToDashboard(t *testing.T) {
	in := install(t)
	in.must(nil, "site", "add", "shop.test", "--timezone", quietZone())
	in.must(nil, "site", "set", "shop.test", "--buttons", "buy,help", "--script-parts", "clicks")
	server := in.serve()
	shop := newShop(t, `<script defer src="`+server.url+`/js/turf-shop.test.js"></script>`)
	tab := browsertest.Open(t)
	asChrome(t, tab)
	tab.Visit(shop + "/")
	tab.Click("#buy")
	tab.Click("#buy")
	tab.Click("#pricing") // which leaves the page
	tab.Until(`document.querySelector('h1').textContent === '/pricing'`)

	board := tab.Another()
	board.Visit(server.url + "/shop.test?period=day")
	row := func(element string) string {
		return `document.querySelector('[data-panel=buttons] [data-value="` + element + `"]')`
	}
	board.Until(row("buy") + `.innerText.match(/^buy\s+2\s.*\s1\s/s)`)
	board.Until(row("help") + `.innerText.includes('never clicked')`)
	board.Until(row("pricing") + `.textContent.startsWith('pricing1 clicks')`)
	board.Until(`document.querySelectorAll('[data-panel=buttons] .row').length === 3`)
}
