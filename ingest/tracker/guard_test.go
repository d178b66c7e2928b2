package tracker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"turf/ingest/tracker/browsertest"
)

// before runs a script in each page of the tab before the page's own, until the test is over.
func before(t *testing.T, tab *browsertest.Tab, script string) {
	t.Helper()
	params := page.AddScriptToEvaluateOnNewDocumentParams{Source: script}
	added, err := chromedp.Call(tab.Context(), page.AddScriptToEvaluateOnNewDocument, params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		remove := page.RemoveScriptToEvaluateOnNewDocumentParams(added)
		if _, err := chromedp.Call(tab.Context(), page.RemoveScriptToEvaluateOnNewDocument, remove); err != nil {
			t.Log(err) // the browser is closed already
		}
	})
}

// CF-18: after turf.optOut() nothing is sent, in ten navigations, in this tab and in others, until turf.optIn().
func TestOptOut(t *testing.T) {
	for _, c := range []struct{ tag, global string }{{plainTag, "turf"}, {tagOf("script.js"), "plausible"}} {
		tab := browsertest.Open(t)
		s := newSite(t, c.tag, tall)
		s.visit(tab, "/a")
		second := tab.Another()
		s.visit(second, "/b")
		tab.Front()
		s.Wait(t, engagement, 2) // each was hidden once
		second.Run(c.global + `.optOut()`)
		if got := browsertest.Eval[string](second,
			`JSON.stringify(localStorage) + document.cookie`); got != `{"`+c.global+`_ignore":"true"}` {
			t.Errorf("stored is %s", got)
		}
		s.Forget()
		for i := range 10 {
			tab.Visit(fmt.Sprint(s.base, "/", i))
			tab.Until(`window.turf?.call || window.plausible?.call`)
			tab.Run(`scrollTo(0, 500); history.pushState({}, '', '/x'); ` + c.global + `('Event')`)
		}
		second.Run(`history.pushState({}, '', '/y')`)
		s.end(tab)
		s.Same(t, []string{"end /"})
		tab.Run(c.global + `.optIn(); history.pushState({}, '', '/back')`)
		s.Same(t, []string{"end /", "pageview /back"})
		if got := browsertest.Eval[int](tab, `localStorage.length`); got != 0 {
			t.Errorf("%d things are stored after opt-in", got)
		}
	}
}

// What a browser or its owner says is obeyed, before anything is sent.
func TestIgnored(t *testing.T) {
	say := func(name, value string) string {
		return `Object.defineProperty(Navigator.prototype, '` + name + `', {get: () => ` + value + `})`
	}
	tab := browsertest.Open(t)
	for _, c := range []struct {
		name, tag, before, host string
		want                    bool
	}{
		{"a visitor", plainTag, "", "shop.localhost", true},
		{"GPC", plainTag, say("globalPrivacyControl", "true"), "shop.localhost", false},
		{"no GPC", plainTag, say("globalPrivacyControl", "false"), "shop.localhost", true},
		{"DNT", plainTag, say("doNotTrack", "'1'"), "shop.localhost", false},
		{"no DNT", plainTag, say("doNotTrack", "'0'"), "shop.localhost", true},
		{"a driven browser", plainTag, say("webdriver", "true"), "shop.localhost", false},
		{"localhost", plainTag, "", "localhost", false},
		{"127.0.0.1", plainTag, "", "127.0.0.1", false},
		{"a name that begins like it", plainTag, "", "localhost.test", true},
		{"local", tagOf("turf.local.js"), say("webdriver", "true"), "localhost", true},
		{
			"strict leaves GPC to the server", tagOf("turf.strict.js"), say("globalPrivacyControl", "true"),
			"shop.localhost", true,
		},
		{"strict on localhost", tagOf("turf.strict.js"), "", "localhost", false},
		{"plausible: localhost", tagOf("script.js"), "", "127.0.0.1", false},
		{"plausible: local", tagOf("script.local.js"), "", "127.0.0.1", true},
		{"plausible: Cypress", tagOf("script.js"), "window.Cypress = {}", "shop.localhost", false},
		{"plausible: Nightmare", tagOf("script.js"), "window.__nightmare = {}", "shop.localhost", false},
		{
			"plausible: a test that wants to be counted", tagOf("script.js"), say("webdriver",
				"true") + "; window.__plausible = true",
			"shop.localhost", true,
		},
		{"plausible: flag", tagOf("script.js"), "localStorage.plausible_ignore = 'true'", "shop.localhost", false},
		{
			"plausible: other flag", tagOf("script.js"), "localStorage.plausible_ignore = 'false'", "shop.localhost",
			true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab.T = t
			s := newSite(t, c.tag, "")
			before(t, tab, c.before)
			base := strings.Replace(s.base, "shop.localhost", c.host, 1)
			tab.Visit(base + "/a")
			tab.Until(`window.turf?.call || window.plausible?.call`)
			tab.Run(`const {turf, plausible} = window; (turf || plausible)('Event')`)
			want := []string{"end /"}
			if c.want {
				want = []string{"pageview /a", "Event /a", "end /"}
			}
			s.end(tab)
			s.Same(t, want, engagement)
		})
	}
}

// spy notes what a script reads of the browser, in window.reads: the layout, what is stored, what it knows about
// itself.
const spy = `window.reads = [];
	for (const [object, names] of [
		[Element.prototype, ['scrollHeight', 'clientHeight', 'scrollTop', 'getBoundingClientRect']],
		[HTMLElement.prototype, ['offsetHeight', 'offsetTop']], [window, ['scrollY', 'pageYOffset', 'innerHeight', 'innerWidth',
			'localStorage', 'sessionStorage', 'indexedDB', 'caches', 'screen', 'devicePixelRatio']],
		[Document.prototype, ['cookie']],
		[Navigator.prototype, ['userAgent', 'language', 'languages', 'webdriver', 'doNotTrack', 'globalPrivacyControl', 'platform',
			'hardwareConcurrency', 'plugins', 'connection', 'userAgentData', 'serviceWorker']],
		[Storage.prototype, ['getItem', 'setItem']], [Performance.prototype, ['getEntriesByType']],
	]) for (const name of names) {
		const d = Object.getOwnPropertyDescriptor(object, name)
		if (!d) continue
		Object.defineProperty(object, name, d.get ? {...d, get() { reads.push(name); return d.get.call(this) }} :
			{...d, value: function (...args) { reads.push(name); return d.value.apply(this, args) }})
	}`

// No layout is read while the page loads, by any part; the strict script never reads anything, and stores nothing
// (CF-20).
func TestReads(t *testing.T) {
	const everything = "turf.exclusions.mask.pageview-props.outbound-links.file-downloads.form-submissions.404.tagged-events.clicks.vitals.js"
	layout := []string{
		"scrollHeight", "clientHeight", "scrollTop", "getBoundingClientRect", "offsetHeight", "offsetTop", "scrollY",
		"pageYOffset", "innerHeight", "innerWidth", "screen", "devicePixelRatio",
	}
	for _, name := range []string{"turf.js", everything, "turf.strict.outbound-links.tagged-events.js", "script.js"} {
		t.Run(name, func(t *testing.T) {
			tab := browsertest.Open(t)
			s := newSite(t, tagOf(name), tall+links)
			before(t, tab, spy)
			s.visit(tab, "/a")
			tab.Until(`document.readyState == 'complete'`)
			read := browsertest.Eval[[]string](tab, `reads`)
			for _, one := range read {
				for _, l := range layout {
					if one == l {
						t.Errorf("%s was read while the page loaded", one)
					}
				}
			}
			tab.Run(`document.querySelector('#tagged').click(); scrollTo(0, 500);
				await new Promise((done) => addEventListener('scroll', done, {once: true}));
					history.pushState({}, '', '/b')`)
			s.Wait(t, "pageview", 2)
			all := browsertest.Eval[[]string](tab, `reads`)
			strict := strings.Contains(name, "strict")
			if strict && len(all) > 0 {
				t.Errorf("strict read %v", all)
			}
			if !strict && strings.Join(all, " ") == strings.Join(read, " ") {
				t.Error("the spy saw no reading when the page was left: it does not work")
			}
			if got := browsertest.Eval[string](tab,
				`document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage)`); got != "" {
				t.Errorf("stored is %q", got)
			}
		})
	}
}

// A page with a strict policy, one whose storage throws, a sandboxed frame: the script works or is silent, and
// nothing is thrown.
func TestHostilePages(t *testing.T) {
	const all = "turf.exclusions.mask.pageview-props.outbound-links.file-downloads.form-submissions.404.tagged-events.clicks.vitals.js"
	tab := browsertest.Open(t)
	s := newSite(t, tagOf(all), links)
	s.policy = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; require-trusted-types-for 'script'"
	s.visit(tab, "/policy")

	tab.Quiet() // the browser tells of the refused request
	s.policy = "default-src 'none'; script-src 'self'"
	tab.Visit(s.base + "/no-connection")
	tab.Until(`window.turf?.call`)
	if got := browsertest.Eval[string](tab,
		`new Promise((done) => { addEventListener('unhandledrejection', () => done('rejected'));
		addEventListener('error', () => done('error'));
			turf('Event').then(() => setTimeout(() => done('silent'), 50)) })`); got != "silent" {
		t.Errorf("with no way out: %s", got)
	}
	s.policy = ""

	thrower := browsertest.Open(t)
	before(t, thrower, `for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches', 'Worker'])
		Object.defineProperty(window, name, {get() { throw new DOMException('denied', 'SecurityError') }})`)
	s.Forget()
	s.visit(thrower, "/no-storage")
	thrower.Run(`turf.optOut(); history.pushState({}, '', '/out'); turf('Out'); turf.optIn();
		history.pushState({}, '', '/in')`)
	s.end(thrower)
	s.Same(t, []string{"pageview /no-storage", "pageview /in", "end /"}, engagement)

	frames := browsertest.Open(t)
	s.Forget()
	s.body = `<script>addEventListener('message', (e) => { window.told = e.data })</script>
		<iframe src="` + s.other + `/frame" onload="this.contentWindow"></iframe>
		<iframe sandbox="allow-scripts" srcdoc="<script>addEventListener('error', (e) => parent.postMessage(e.message, '*'))</script>
		<script src='` + s.base + `/js/turf.js' data-domain='shop.test'></script>
		<script>parent.postMessage(typeof turf, '*')</script>"></iframe>`
	s.tag = `<script>if (top != self) document.write('` + strings.ReplaceAll(tagOf(all), "</", `<\/`) + `')</script>`
	frames.Visit(s.base + "/top")
	frames.Until(`window.told`)
	if told := browsertest.Eval[string](frames, `told`); told != "function" {
		t.Errorf("in a sandboxed frame: %s", told)
	}
	if view := s.Wait(t, "pageview", 1); view.URL != s.other+"/frame" {
		t.Errorf("in a frame of another site: %v", view.Body)
	}
}

// The main thread is not kept busy by a page of a thousand links: no work is done for each of them. What it costs: TestMainThread.
func TestThousandLinks(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t, tagOf(busyTag), thousandLinks())
	before(t, tab, `window.queries = 0; for (const object of [Document.prototype, Element.prototype])
		for (const name of ['querySelectorAll', 'getElementsByTagName', 'getElementsByClassName', 'closest', 'matches']) {
			const own = object[name]; if (own) object[name] = function (...args) { queries++;
				return own.apply(this, args) }
		}
		const listen = EventTarget.prototype.addEventListener; window.listeners = 0
		EventTarget.prototype.addEventListener = function (...args) { listeners++; return listen.apply(this, args) }`)
	s.visit(tab, "/a")
	tab.Until(`document.readyState == 'complete'`)
	if n := browsertest.Eval[int](tab, `queries`); n != 0 {
		t.Errorf("the page was searched %d times while it loaded", n)
	}
	if n := browsertest.Eval[int](tab, `listeners`); n > 12 {
		t.Errorf("%d listeners", n)
	}
}
