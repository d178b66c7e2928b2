package tracker_test

import (
	"fmt"
	"strings"
	"testing"

	"turf/ingest/tracker/browsertest"
)

const links = `
<a id="own" href="/b">own</a> <a id="out" href="https://other.test/x?y=1#z"><b>out</b></a> <a id="mail" href="mailto:a@b.test">mail</a>
<a id="pdf" href="/files/Price%20list.PDF?v=2">pdf</a> <a id="far" href="https://other.test/a.zip">zip elsewhere</a>
<a id="page" href="/pdf">not a file</a> <a id="custom" href="/a.foo">a type of one's own</a>
<button id="tagged" data-turf-event="Add to cart" data-turf-item="shoe" data-turf-shoe-size="42"
	data-turf-revenue="99.95" data-turf-currency="EUR"><i>buy</i></button>
<a id="tagged-out" href="https://other.test/" data-turf-event="Partner">partner</a>
<button id="declared" data-turf-click="menu">menu</button>
<form id="form" action="/sent"><input name="q" required><button id="send">send</button></form>
<form id="tagged-form" action="/sent" data-turf-event="Newsletter" data-turf-list="weekly"><button id="subscribe">subscribe</button></form>
<button id="classy" class="btn plausible-event-name=Sign+Up plausible-event-plan--pro plausible-revenue-amount=5
	plausible-revenue-currency=USD">sign up</button>
<a id="classy-link" class="plausible-event-name--Docs" href="/docs">docs</a>
<form id="classy-form" action="/sent" class="plausible-event-name=Contact"><button id="contact">contact</button></form>
<svg><a id="svg" href="/svg"><text y="20">svg</text></a></svg>`

// stay keeps clicks and forms from leaving the page; it is called after the script, as a page's own listeners are.
const stay = `<script>for (const type of ['click', 'auxclick', 'submit'])
	addEventListener(type, (e) => (type == 'submit' || e.target.closest?.('a')) && e.preventDefault())</script>`

// What each part makes of clicks and forms.
func TestClicksAndForms(t *testing.T) {
	const ours = "turf.outbound-links.file-downloads.form-submissions.tagged-events.clicks.js"
	const theirs = "script.tagged-events.file-downloads.outbound-links.js"
	const tagged = `Add to cart /a {"item":"shoe","shoe-size":"42"}`
	tab := browsertest.Open(t)
	for _, c := range []struct {
		tag, click string
		want       []string
	}{
		{tagOf(ours), "#own", nil},
		{tagOf(ours), "#out b", []string{`Outbound Link: Click /a {"url":"https://other.test/x?y=1#z"}`}},
		{tagOf(ours), "#mail", nil},
		{tagOf(ours), "#pdf", []string{`File Download /a {"url":"BASE/files/Price%20list.PDF"}`}},
		{tagOf(ours), "#far", []string{`Outbound Link: Click /a {"url":"https://other.test/a.zip"}`}},
		{tagOf("turf.file-downloads.js"), "#far", []string{`File Download /a {"url":"https://other.test/a.zip"}`}},
		{tagOf(ours), "#page", nil},
		{tagOf(ours), "#custom", nil},
		{tagOf(ours, `data-add-file-types="bar,foo"`), "#custom", []string{`File Download /a {"url":"BASE/a.foo"}`}},
		{tagOf(ours, `data-file-types="foo"`), "#pdf", nil},
		{tagOf(ours), "#svg", nil},
		{tagOf(ours), "#tagged i", []string{tagged}},
		{tagOf(ours), "#tagged-out", []string{"Partner /a"}},
		{tagOf(ours), "#declared", []string{`Click /a {"element":"menu"}`}},
		{tagOf(ours), "#send", nil}, // a field is missing
		{tagOf(ours), "#subscribe", []string{`Newsletter /a {"list":"weekly"}`}},
		{tagOf(ours), "#classy", nil},
		{tagOf("turf.js"), "#tagged", nil},
		{tagOf(theirs), "#classy", []string{`Sign Up /a {"plan":"pro"}`}},
		{tagOf(theirs), "#classy-link", []string{`Docs /a {"url":"BASE/docs"}`}},
		{tagOf(theirs), "#contact", []string{"Contact /a"}},
		{tagOf(theirs), "#tagged", nil},
		{tagOf(theirs), "#out", []string{`Outbound Link: Click /a {"url":"https://other.test/x?y=1#z"}`}},
		{tagOf(theirs, `data-file-types="foo"`), "#custom", []string{`File Download /a {"url":"BASE/a.foo"}`}},
		{tagOf(theirs, `file-types="foo"`), "#custom", []string{`File Download /a {"url":"BASE/a.foo"}`}},
		{tagOf(theirs, `add-file-types="foo"`), "#custom", []string{`File Download /a {"url":"BASE/a.foo"}`}},
	} {
		t.Run(c.click+" of "+c.tag, func(t *testing.T) {
			tab.T = t
			s := newSite(t, c.tag+stay, links)
			s.visit(tab, "/a")
			tab.Click(c.click)
			s.end(tab)
			want := []string{"pageview /a", "end /"}
			for _, line := range c.want {
				want = append(want, strings.ReplaceAll(line, "BASE", s.base))
			}
			s.Same(t, want, engagement)
		})
	}
}

// Beside the button clicked: the middle button counts, the right one does not, a click that code makes on no element
// is none.
func TestOtherClicks(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t, tagOf("turf.outbound-links.form-submissions.tagged-events.js")+stay, links)
	s.visit(tab, "/a")
	tab.Run(`const click = (type, button) => document.querySelector('#out').dispatchEvent(new MouseEvent(type, {bubbles: true, button}))
		click('auxclick', 1); click('auxclick', 2); document.dispatchEvent(new MouseEvent('click'));
			window.dispatchEvent(new Event('click'))`)
	s.Wait(t, "Outbound Link: Click", 1)
	tab.Run(`document.querySelector('[name=q]').value = 'x'`)
	tab.Click("#send")
	tab.Click("#tagged")
	s.end(tab)
	s.Same(t, []string{
		"pageview /a", "end /", `Outbound Link: Click /a {"url":"https://other.test/x?y=1#z"}`,
		`Form: Submission /a {"path":"/a"}`,
		`Add to cart /a {"item":"shoe","shoe-size":"42"}`,
	}, engagement)
	if buy := s.Wait(t, "Add to cart", 1); fmt.Sprint(buy.Body["revenue"]) != "map[amount:99.95 currency:EUR]" {
		t.Errorf("revenue: %v", buy.Body)
	}
	s.tag = tagOf("script.tagged-events.js") + stay
	s.visit(tab, "/b")
	tab.Click("#classy")
	if buy := s.Wait(t, "Sign Up", 1); fmt.Sprint(buy.Body["$"]) != "map[amount:5 currency:USD]" {
		t.Errorf("revenue: %v", buy.Body)
	}
}

// A click that leaves the page is counted on the page that it was made on, whether the page changes by loading or by
// code.
func TestClickThatLeaves(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t, tagOf("turf.outbound-links.tagged-events.js"),
		links+`<a id="spa" href="/next" data-turf-event="Next"
		onclick="event.preventDefault(); history.pushState({}, '',
			this.href)">next</a><a id="leave" href="OTHER/there">leave</a>`)
	s.body = strings.ReplaceAll(s.body, "OTHER", s.other)
	s.visit(tab, "/a")
	tab.Click("#spa")
	s.Same(t, []string{"pageview /a", "Next /a", "pageview /next"}, engagement)
	tab.Click("#leave")
	s.Same(t, []string{
		"pageview /a", "Next /a", "pageview /next", `Outbound Link: Click /next {"url":"` + s.other + `/there"}`,
		"pageview /there",
	}, engagement)
}

// Plausible's newer tags: a script for each site, which waits for plausible.init(…).
func TestInit(t *testing.T) {
	const stub = `<script>window.plausible = window.plausible || function () { (plausible.q = plausible.q || []).push(arguments) },
		plausible.init = plausible.init || function (i) { plausible.o = i || {} }; plausible.init(OPTIONS)</script>`
	const script = `<script async src="/js/pa-AbC_12-x.js"></script>`
	tab := browsertest.Open(t)
	for _, c := range []struct {
		name, options, act string
		want               []string
	}{
		{"no options", ``, `history.pushState({}, '', '/b#c')`, []string{"pageview /a", "pageview /b"}},
		{"events", ``, `plausible('Signup', {props: {plan: 'pro'}})`, []string{
			"pageview /a",
			`Signup /a {"plan":"pro"}`,
		}},
		{"twice", ``, `plausible.init({domain: 'b.test'})`, []string{"pageview /a"}},
		{"on by itself", ``, `document.querySelector('#out').click()`, []string{
			"pageview /a", `Outbound Link: Click /a {"url":"https://other.test/x?y=1#z"}`,
		}},
		{
			"off", `{outboundLinks: false, fileDownloads: false, formSubmissions: false}`,
			`for (const id of ['out', 'pdf', 'subscribe']) document.getElementById(id).click()`,
			[]string{"pageview /a"},
		},
		{
			"file types", `{fileDownloads: {fileExtensions: ['foo', 'bar']}}`,
			`for (const id of ['pdf', 'custom']) document.getElementById(id).click()`,
			[]string{"pageview /a", `File Download /a {"url":"BASE/a.foo"}`},
		},
		{"forms", `{}`, `document.querySelector('#subscribe').click()`, []string{
			"pageview /a",
			`Form: Submission /a {"path":"/a"}`,
		}},
		{
			"manual", `{autoCapturePageviews: false}`, `plausible('pageview', {url: 'https://shop.test/mine'})`,
			[]string{"pageview /mine"},
		},
		{
			"hash", `{hashBasedRouting: true}`, `location.hash = '/x';
				await new Promise((done) => addEventListener('hashchange', done))`,
			[]string{"pageview /a", "pageview /a#/x"},
		},
		{
			"properties", `{customProperties: {author: 'Ada'}}`, `plausible('Read', {props: {page: 2}})`,
			[]string{`pageview /a {"author":"Ada"}`, `Read /a {"author":"Ada","page":2}`},
		},
		{
			"properties by a function", `{customProperties: (name) => ({of: name})}`, ``,
			[]string{`pageview /a {"of":"pageview"}`},
		},
		{
			"transform", `{transformRequest: (body) => body.n == 'Secret' ? null : {...body, n: body.n + '!'}}`,
			`await new Promise((callback) => plausible('Secret', {callback})); plausible('Open')`,
			[]string{"pageview! /a", "Open! /a"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab.T = t
			s := newSite(t, script+strings.Replace(stub, "OPTIONS", c.options, 1)+stay, links)
			tab.Visit(s.base + "/a")
			tab.Until(`plausible.l`)
			tab.Run(c.act)
			var want []string
			for _, line := range c.want {
				want = append(want, strings.ReplaceAll(line, "BASE", s.base))
			}
			s.Same(t, want, engagement)
			s.end(tab)
			s.Same(t, append(want, "end /"), engagement)
		})
	}
	t.Run("where and for whom", func(t *testing.T) {
		tab.T = t
		s := newSite(t, script+strings.Replace(stub, "OPTIONS",
			`{domain: 'a.test,b.test', endpoint: '/api/event?mine'}`, 1), "")
		s.visit(tab, "/a")
		if e := s.Wait(t, "pageview", 1); e.Domain != "a.test,b.test" {
			t.Errorf("posted for %s", e.Domain)
		}
	})
}

// How fast the page was is sent once, when it is hidden, for the page that was loaded.
func TestVitals(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t, tagOf("turf.vitals.js"), `<h1>A heading</h1><button onclick="const end = performance.now() + 120;
		while (performance.now() < end);">slow</button><p>text</p>`)
	s.visit(tab, "/a")
	tab.Run(`await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);
		document.querySelector('p').style.marginTop = '500px'`)
	tab.Click("button")
	tab.Run(`await new Promise(requestAnimationFrame); await new Promise((done) => setTimeout(done, 100));
		history.pushState({}, '', '/later')`)
	front := tab.Another()
	e := s.Wait(t, "vitals", 1)
	told, _ := e.Body["vitals"].(map[string]any)
	for name, limits := range map[string][2]float64{
		"lcp": {1, 30_000}, "fcp": {1, 30_000}, "ttfb": {0, 30_000}, "inp": {96, 30_000}, "cls": {1, 5000},
	} {
		v, ok := told[name].(float64)
		if !ok || v < limits[0] || v > limits[1] || v != float64(int(v)) {
			t.Errorf("%s is %v, want a whole number from %v to %v", name, told[name], limits[0], limits[1])
		}
	}
	if e.URL != s.base+"/a" || len(e.Props) > 0 {
		t.Errorf("posted %v", e.Body)
	}
	tab.Front()
	front.Close()
	tab.Visit(s.base + "/b")
	s.Wait(t, "pageview", 3)
	s.Same(t, []string{"pageview /a", "pageview /later", e.String(), "pageview /b"}, engagement)
}
