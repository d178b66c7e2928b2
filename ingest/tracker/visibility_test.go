package tracker_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"turf/ingest/tracker/browsertest"
)

const tall = `<div style="height: 3000px">tall</div>`

// number is a number of an event's body.
func number(t *testing.T, e browsertest.Event, key string) float64 {
	t.Helper()
	n, ok := e.Body[key].(float64)
	if !ok || n != float64(int(n)) {
		t.Fatalf("%s is %v, want a whole number: %v", key, e.Body[key], e.Body)
	}
	return n
}

// Engagement is sent when the page is left by navigation: depth in per cent of the page, time in milliseconds.
func TestEngagementOnNavigation(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t, plainTag, tall)
	s.visit(tab, "/a")
	tab.Run(`scrollTo(0, 600); await new Promise((done) => addEventListener('scroll', done, {once: true}));
		await new Promise((done) => setTimeout(done, 50)); history.pushState({}, '', '/b')`)
	first := s.Wait(t, engagement, 1)
	// The page is 3,016 pixels high (its margins), of which 600 + 900 were seen.
	if sd := number(t, first, "sd"); first.URL != s.base+"/a" || sd < 49 || sd > 51 {
		t.Errorf("engagement of /a: %v", first.Body)
	}
	if e := number(t, first, "e"); e < 50 || e > 60_000 {
		t.Errorf("engaged for %v ms", e)
	}
	s.Wait(t, "pageview", 2)
	tab.Visit(s.base + "/c")
	second := s.Wait(t, engagement, 2)
	if sd := number(t, second, "sd"); second.URL != s.base+"/b" || sd < 49 || sd > 51 {
		t.Errorf("engagement of /b, still scrolled down: %v", second.Body)
	}
}

// While a page is hidden no time passes, and nothing is sent twice.
func TestTabHiddenAndClosed(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t, plainTag, tall)
	s.visit(tab, "/a")
	// From here the page's time passes when the test says so: three seconds in sight would be worth an event.
	tab.Run(`scrollTo(0, 99999); await new Promise((done) => addEventListener('scroll', done, {once: true}));
		window.at = performance.now(); performance.now = () => at`)
	front := tab.Another()
	front.Visit("about:blank")
	hidden := s.Wait(t, engagement, 1)
	if number(t, hidden, "sd") != 100 {
		t.Errorf("scrolled to the end: %v", hidden.Body)
	}
	tab.Until(`document.hidden`)
	tab.Run(`at += 60_000; turf('Hidden')`)
	s.Wait(t, "Hidden", 1)
	tab.Front()
	tab.Until(`!document.hidden`)
	front.Front()
	tab.Until(`document.hidden`)
	s.end(tab)
	s.Same(t, []string{"pageview /a", "engagement /a", "Hidden /a", "end /"})
	tab.Front()
	tab.Until(`!document.hidden`)
	tab.Run(`history.pushState({}, '', '/closed')`)
	s.Wait(t, "pageview", 2)
	tab.Close()
	if last := s.Wait(t, engagement, 2); last.URL != s.base+"/closed" {
		t.Errorf("the closed tab sent %v", last.Body)
	}
}

// Each tab counts for itself, and one that was opened in the background only when it is shown.
func TestTwoTabs(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t, plainTag, `<a href="/b" target="_blank" rel="opener">b</a>`)
	s.visit(tab, "/a")
	second := tab.Another()
	s.visit(second, "/b")
	tab.Run(`history.pushState({}, '', '/a2')`)
	second.Run(`history.pushState({}, '', '/b2')`)
	s.Same(t, []string{"pageview /a", "pageview /b", "pageview /a2", "pageview /b2"}, engagement)

	s.Forget()
	tab.Front()
	tab.Until(`!document.hidden`)
	second.Until(`document.hidden`)
	second.Do(chromedp.Navigate(s.base + "/unseen"))
	second.Until(`window.turf?.call`)
	second.Run(`turf('Early'); history.pushState({}, '', '/seen')`)
	s.end(tab)
	s.Same(t, []string{"end /"}, engagement)
	second.Front()
	s.Same(t, []string{"end /", "pageview /seen", "Early /seen"}, engagement)
}

// A page that comes back from the back/forward cache is viewed again.
func TestBackForwardCache(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t, plainTag, tall)
	s.visit(tab, "/a")
	tab.Run(`window.mark = 1`)
	s.visit(tab, "/b")
	tab.Run(`setTimeout(() => history.back())`)
	s.Wait(t, "pageview", 3)
	if browsertest.Eval[any](tab, `window.mark ?? 0`) != 1.0 {
		t.Skip("this Chromium kept no page in its back/forward cache")
	}
	tab.Run(`history.pushState({}, '', '/a2')`)
	s.Same(t, []string{"pageview /a", "pageview /b", "pageview /a", "pageview /a2"}, engagement)
}

// A prerendered page is counted when it is shown, and not before.
func TestPrerender(t *testing.T) {
	tab := browsertest.Open(t)
	// A page that a debugger looks at prerenders nothing. So one that none looks at does it, and tells through the
	// endpoint.
	const tell = `const tell = (n) => fetch('/api/event', {method: 'POST', body: JSON.stringify({n, u: location.href})})
		addEventListener('pagehide', () => navigator.sendBeacon('/api/event', '{"n":"left","u":"/"}'))
		if (document.prerendering) tell('prerendering').then(() => setTimeout(() => tell('prerendered'), 200))
		if (location.pathname == '/start') new BroadcastChannel('go').onmessage = () => document.querySelector('a').click()`
	s := newSite(t, plainTag+`<script type="speculationrules">{"prerender": [{"urls": ["/next"],
		"eagerness": "immediate"}]}</script>
		<script>`+tell+`</script>`, `<a href="/next">next</a>`)
	s.visit(tab, "/test")
	s.Forget()
	tab.Run(`open('/start', '', 'noopener')`)
	s.Wait(t, "prerendered", 1)
	s.Same(t, []string{"pageview /start", "prerendering /next", "prerendered /next"}, engagement)
	tab.Run(`new BroadcastChannel('go').postMessage('')`)
	s.Wait(t, "left", 1)
	s.Wait(t, "pageview", 2)
	s.Same(t, []string{"pageview /start", "prerendering /next", "prerendered /next", "left /", "pageview /next"},
		engagement)
}

// Hundreds of navigations and a thousand events in one go all arrive, once.
func TestStorms(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t, plainTag, tall)
	s.visit(tab, "/0")
	tab.Run(`for (let i = 1; i <= 300; i++) { history.pushState({}, '', '/' + i);
		history.replaceState({}, '', '/' + i + '?r') }`)
	s.Wait(t, "pageview", 301)
	tab.Run(`for (let i = 0; i < 1000; i++) turf('Event', {props: {i, filler: 'x'.repeat(200)}})`)
	s.Wait(t, "Event", 1000)
	s.end(tab)
	seen := map[string]int{}
	for _, e := range s.Events(engagement, "end") {
		seen[e.String()]++
	}
	if len(seen) != 1301 {
		t.Errorf("%d different events arrived, want 1301", len(seen))
	}
	for line, n := range seen {
		if n != 1 {
			t.Errorf("%s arrived %d times", line, n)
		}
	}
}

// What happens while the network is away is sent when it is back, once.
func TestOfflineThenOnline(t *testing.T) {
	tab := browsertest.Open(t)
	tab.Quiet() // the browser notes each failed request
	s := newSite(t, plainTag, "")
	s.visit(tab, "/a")
	// The network is back before the browser says so: an event that is sent again the moment it says so has to get through.
	set := func(offline bool) {
		conditions := network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{
			{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1},
		}}
		if _, err := chromedp.Call(tab.Context(), network.EmulateNetworkConditionsByRule, conditions); err != nil {
			t.Fatal(err)
		}
		params := network.OverrideNetworkStateParams{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1}
		if _, err := chromedp.Call(tab.Context(), network.OverrideNetworkState, params); err != nil {
			t.Fatal(err)
		}
		tab.Until(fmt.Sprintf(`navigator.onLine === %v`, !offline))
	}
	set(true)
	tab.Run(`await turf('Offline'); history.pushState({}, '', '/b'); await turf('Offline')`)
	if lines := s.Lines(engagement); len(lines) != 1 {
		t.Fatalf("the network is not away: %v", lines)
	}
	set(false)
	s.Same(t, []string{"pageview /a", "Offline /a", "pageview /b", "Offline /b"}, engagement)
	set(true)
	set(false)
	s.end(tab)
	s.Same(t, []string{"pageview /a", "Offline /a", "pageview /b", "Offline /b", "end /"}, engagement)
}
