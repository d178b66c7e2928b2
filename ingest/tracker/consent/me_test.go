package consent_test

import (
	"slices"
	"testing"

	"turf/ingest/tracker/browsertest"
)

// saysYes is a manager that tells each page of an old yes, and knows nothing of a withdrawal elsewhere.
const saysYes = `<script>window.turfConsent = [{events: true, journeys: true, heatmap: true, storage: true}, {id: 'r1', created: '2026-01-01T00:00:00Z'}]</script>`

// L3 in the browser: who withdrew on the page about them, or by another way that the manager knows nothing of, is not measured
// again by the old yes, on this page and on the next ones; a later yes is one.
func TestWithdrawnElsewhere(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t)
	s.head, s.tag = saysYes, tagOf("turf-consent.manual.js", `data-consent="manual"`)
	for _, where := range []string{"/v1/x/events", "/v1/consent/events"} {
		s.set(nil)
		s.open(tab, "/a")
		s.until(tab, func() bool { return len(s.chosen(true)) == 1 })
		tab.Until(`localStorage.turf_id`)
		s.set(func(c call) (int, any) {
			if c.path != where || where == "/v1/consent/events" && c.body["cid"] == nil {
				return 0, nil
			}
			return 410, map[string]string{"code": "consent_withdrawn"}
		})
		s.forget()
		if where == "/v1/consent/events" { // the id of a page before, with another proof
			tab.Run(`turf.consent({events: true, storage: true}, {id: 'r2', created: '2026-01-02T00:00:00Z'})`)
		} else {
			s.until(tab, func() bool { tab.Run(flush); return len(s.all(where)) > 0 })
		}
		tab.Until(`localStorage.turf_no && !localStorage.turf_id`)
		s.forget()
		for _, page := range []string{"/b", "/c"} {
			s.visit(tab, page)
			if now := state(tab); len(now.Purposes) > 0 {
				t.Errorf("%s, on %s: the old yes is one again: %v", where, page, now.Purposes)
			}
		}
		if paths := s.paths(); len(paths) > 0 {
			t.Errorf("%s: after it there were %v", where, paths)
		}
		tab.Run(`turf.consent({events: true, storage: true}, {id: 'r3', created: new Date(Date.now() + 1000).toISOString()})`)
		s.until(tab, func() bool { return len(s.chosen(true)) == 1 })
		if s.chosen(true)[0].body["cid"] != nil {
			t.Errorf("%s: the new yes is of the old id", where)
		}
	}
}

// A button of the page leads to the page about the visitor, with the id where no server sees it.
func TestPageAboutTheVisitor(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t)
	s.head, s.tag = saysYes, tagOf("turf-consent.manual.js", `data-consent="manual"`)
	s.body = `<button data-turf-me>What is stored about me</button>`
	s.set(func(c call) (int, any) {
		if c.path == "/v1/consent/me" {
			return 200, "a page"
		}
		return 0, nil
	})
	s.open(tab, "/a")
	tab.Until(`localStorage.turf_id`)
	id := browsertest.Eval[string](tab, `JSON.parse(localStorage.turf_id).cid`)
	tab.Click("[data-turf-me]")
	tab.Until(`location.pathname == '/v1/consent/me' && location.search == '?site=shop.test' && location.hash == '#` + id + `'`)
}

// The owner's test shows what is read from the manager, as it changes, and neither asks the ledger for anything nor keeps anything.
func TestLiveTest(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t)
	s.head = `<script src="/fake/cookiebot"></script>`
	for _, tag := range []string{tagOf("turf-consent.js"), tagOf("turf-consent.cookiebot.js", `data-consent="cookiebot"`)} {
		s.tag = tag
		s.open(tab, "/a#turf-consent-test")
		const body = `document.querySelector('#turf-consent-test div')`
		tab.Until(body + `.dataset.found == 'cookiebot' && ` + body + `.innerText.includes('nothing would be measured')`)
		tab.Run(`await act('accept')`)
		tab.Until(body + `.dataset.purposes == 'events,journeys,heatmap' && ` + body + `.innerText.includes('Yes to events, journeys, heatmap')`)
		tab.Until(body + `.innerText.includes('proof: cookiebot, AlnxYqDy4pdJ')`)
		tab.Run(`await act('deny')`)
		tab.Until(body + `.dataset.purposes == '' && ` + body + `.innerText.includes('No: nothing would be measured')`)
		s.silent(tab, "during the test")
		tab.Click("#turf-consent-test button")
		tab.Until(`!document.querySelector('#turf-consent-test')`)
	}
	// Without the end of the address all is as ever.
	s.open(tab, "/a#other")
	tab.Run(`await act('accept')`)
	s.until(tab, func() bool { return len(s.chosen(true)) == 1 })
	if slices.Contains(browsertest.Eval[[]string](tab, `sent`), "/js/turf-consent.test.js") {
		t.Error("the test was loaded")
	}
}
