package main

import (
	"testing"

	"turf/ingest/tracker/browsertest"
)

// TestGoalsInTheBrowser: what is declared on the page of the site is counted from the next event on, and shown beside the numbers.
func TestGoalsInTheBrowser(t *testing.T) {
	audit := auditor(t)
	in := install(t)
	in.must(nil, "site", "add", "shop.test", "--timezone", quietZone())
	server := in.serve()
	shop := newShop(t, `<script defer data-domain="shop.test" src="`+server.url+`/js/turf.js"></script>`)
	visit := browsertest.Open(t)
	asChrome(t, visit)
	board := browsertest.Open(t) // another browser, for a page that nobody looks at is not counted
	board.Visit(server.url + "/shop.test?tab=goals&device=Desktop")
	board.Until(`document.querySelectorAll('.goals [data-kind]').length === 3 && document.body.innerText.includes('Nothing is a goal yet')`)
	audit(board, "nothing declared")

	// A goal that is a page, by the keyboard alone, and one that is an event.
	choose := func(selector, value string) {
		board.Run(`(() => { const s = document.querySelector('` + selector + `'); s.value = '` + value + `';
			s.dispatchEvent(new Event('change', { bubbles: true })); })()`)
	}
	choose("[data-kind=goals] [name=kind]", "page")
	board.Until(`document.querySelector('[data-kind=goals] [name=what]').placeholder === '/thanks'`)
	typeKeys(board, "[data-kind=goals] [name=what]", "/c*")
	typeKeys(board, "[data-kind=goals] [name=name]", "Filled a cart\r")
	board.Until(`document.querySelector('[data-entry="Filled a cart"]').innerText.match(/Visit .c[*]\s+Counted since 20/)`)
	choose("[data-kind=goals] [name=kind]", "event")
	typeKeys(board, "[data-kind=goals] [name=what]", "Purchase\r")
	board.Until(`document.querySelector('[data-entry="Purchase"]').innerText.includes('from the first event on')`)
	typeKeys(board, "[data-kind=goals] [name=currency]", "EU")
	typeKeys(board, "[data-kind=goals] [name=what]", "Refund\r")
	// What is wrong is said at its field, which has the focus, without its place in a list that nobody sees.
	board.Until(`document.activeElement.matches('[data-kind=goals] [name=currency][aria-invalid=true]') &&
		document.activeElement.parentElement.querySelector('.error').textContent.startsWith('"EU" is no currency: ')`)
	board.Until(`!/goals\[/.test(document.body.innerText) && document.querySelectorAll('.goals [aria-invalid=true]').length === 1`)
	audit(board, "a wrong currency")
	typeKeys(board, "[data-kind=goals] [name=currency]", "R")
	typeKeys(board, "[data-kind=goals] [name=name]", "Purchase\r")
	board.Until(`document.activeElement.matches('[data-kind=goals] [name=name][aria-invalid=true]') &&
		!document.querySelector('[name=currency][aria-invalid=true]')`)
	typeKeys(board, "[data-kind=goals] [name=name]", " again\r")
	board.Until(`document.querySelector('[data-entry="Purchase again"]') && !document.querySelector('.goals [aria-invalid=true]')`)

	typeKeys(board, "[data-kind=funnels] .match:nth-of-type(1) input", "/pricing")
	typeKeys(board, "[data-kind=funnels] .match:nth-of-type(2) input", "Purchase")
	choose("[data-kind=funnels] [name=window]", "3600")
	typeKeys(board, "[data-kind=funnels] [name=name]", "Buy\r")
	board.Until(`document.querySelector('[data-entry="Buy"]').innerText.includes('Visit /pricing → Purchase within 1h')`)

	board.Until(`document.querySelector('[data-kind=segments] form').innerText.includes('Device is Desktop')`)
	typeKeys(board, "[data-kind=segments] [name=name]", "At a desk\r")
	board.Until(`document.querySelector('[data-entry="At a desk"]').innerText.includes('Device is Desktop')`)
	audit(board, "all declared")

	visit.Visit(shop + "/")
	visit.Click("#pricing")
	visit.Until(`document.querySelector('h1').textContent === '/pricing' && document.readyState === 'complete'`)
	visit.Click("#buy")
	visit.Click("button")
	visit.Until(`document.querySelector('h1').textContent === '/cart'`)

	// The numbers know what was declared without the page being loaded again.
	board.Run(`document.querySelector('.views a').click()`)
	board.Until(`document.querySelector('.chips .segment-select')?.innerText.includes('At a desk')`)
	board.Visit(server.url + "/shop.test?period=day")
	for _, want := range []string{
		`document.querySelector('[data-panel=goals] [data-value="Filled a cart"]')`,
		`document.querySelector('[data-panel=funnels] [data-value="Purchase"] [data-number=visitors]').textContent === '1 visitors'`,
	} {
		board.Until(want)
	}

	board.Visit(server.url + "/shop.test?tab=goals")
	board.Until(`document.querySelector('[data-kind=segments] .hint a')`)
	for _, name := range []string{"Buy", "At a desk", "Filled a cart", "Purchase again"} {
		board.Run(`document.querySelector('[aria-label="Remove ` + name + `"]').click()`)
		board.Until(`!document.querySelector('[data-entry="` + name + `"]')`)
	}
	var goals []struct{ Name string }
	in.must(&goals, "goal", "list", "--site", "shop.test", "--json")
	if len(goals) != 1 || goals[0].Name != "Purchase" {
		t.Errorf("the goals are %v", goals)
	}
}
