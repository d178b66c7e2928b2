package tracker_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"turf/ingest/tracker"
	"turf/ingest/tracker/browsertest"
)

// inline puts a script in a page's head. A text that ends a script element cannot be there.
func inline(t *testing.T, script string) string {
	t.Helper()
	if strings.Contains(script, "</script") {
		t.Fatal("the script cannot be in a page")
	}
	return "<script>" + script + "</script>"
}

// Trackers of others, as npm has them, post what the endpoint understands: their calls, and what they notice by
// themselves.
func TestClients(t *testing.T) {
	folder := browsertest.Clients(t)
	tab := browsertest.Open(t)
	for _, c := range []struct {
		name, module, script string
		want                 []string
	}{
		{
			"plausible-tracker", `import Plausible from 'plausible-tracker'
			const p = Plausible({domain: 'shop.test', apiHost: location.origin})
			p.enableAutoPageviews(); p.enableAutoOutboundTracking(); window.p = p`,
			`history.pushState({}, '', '/b'); p.trackEvent('Signup', {props: {plan: 'pro'}});
			p.trackPageview({url: 'https://shop.test/mine'})`,
			[]string{"pageview /a", "pageview /b", `Signup /b {"plan":"pro"}`, "pageview /mine"},
		},
		{
			"@plausible-analytics/tracker", `import { init, track } from '@plausible-analytics/tracker'
			init({domain: 'shop.test', endpoint: '/api/event', outboundLinks: true, fileDownloads: true, formSubmissions: true,
			customProperties: {author: 'Ada'}}); window.track = track`,
			`history.pushState({}, '', '/b');
				for (const id of ['out', 'pdf', 'subscribe']) document.getElementById(id).click();
			await new Promise((callback) => track('Buy', {revenue: {currency: 'EUR', amount: 5}, interactive: false, callback}))`,
			[]string{
				`pageview /a {"author":"Ada"}`, `pageview /b {"author":"Ada"}`, `Form: Submission /b {"author":"Ada"}`,
				`Outbound Link: Click /b {"author":"Ada","url":"https://other.test/x?y=1#z"}`,
				`File Download /b {"author":"Ada","url":"BASE/files/Price%20list.PDF"}`, `Buy /b {"author":"Ada"}`,
			},
		},
		{
			"@barbapapazes/plausible-tracker", `import { createPlausibleTracker } from '@barbapapazes/plausible-tracker'
			import { useAutoPageviews } from '@barbapapazes/plausible-tracker/extensions/auto-pageviews'
			const p = createPlausibleTracker({domain: 'shop.test', apiHost: location.origin})
			useAutoPageviews(p).install(); window.p = p`,
			`history.pushState({}, '', '/b');
				p.trackEvent('Signup', {props: {plan: 'pro'}, revenue: {currency: 'EUR', amount: 5}})`,
			[]string{"pageview /a", "pageview /b", `Signup /b {"plan":"pro"}`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab.T = t
			s := newSite(t, inline(t, browsertest.Bundle(t, folder, c.module))+stay, strings.ReplaceAll(links,
				"Price%20list.PDF", "Price%20list.pdf"))
			tab.Visit(s.base + "/a")
			tab.Run(c.script)
			var want []string
			for _, line := range c.want {
				want = append(want, strings.NewReplacer("BASE", s.base, ".PDF", ".pdf").Replace(line))
			}
			s.Same(t, want, engagement)
			for _, e := range s.Events() {
				if e.Domain != "shop.test" {
					t.Errorf("%s is for %q", e, e.Domain)
				}
			}
		})
	}
}

// next-plausible's proxy: its own rewrites, carried out here as Next.js carries them out, lead a page's script and
// events to the server, and the page sees its own host only.
func TestNextPlausibleProxy(t *testing.T) {
	out := browsertest.RunNode(t, browsertest.Clients(t), `
		import withPlausibleProxy from 'next-plausible/dist/lib/withPlausibleProxy.js'
		const {rewrites, env} = withPlausibleProxy({src: 'https://turf.test/js/pa-AbC12.js'})({})
		console.log(JSON.stringify({rewrites: await rewrites(), env}))`)
	var config struct {
		Rewrites []struct{ Source, Destination string }
		Env      map[string]string
	}
	if err := json.Unmarshal([]byte(out), &config); err != nil || len(config.Rewrites) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	rec := browsertest.NewRecorder()
	upstream := http.NewServeMux()
	upstream.Handle("/js/", tracker.Handler(nil))
	upstream.Handle("/api/event", rec)
	turf := httptest.NewServer(upstream)
	t.Cleanup(turf.Close)
	target, err := url.Parse(turf.URL)
	if err != nil {
		t.Fatal(err)
	}
	next := http.NewServeMux()
	for _, rewrite := range config.Rewrites {
		to, err := url.Parse(rewrite.Destination)
		if err != nil || to.Host != "turf.test" {
			t.Fatalf("rewrite to %s: %v", rewrite.Destination, err)
		}
		next.Handle(rewrite.Source, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.Path = target.Scheme, target.Host, to.Path
			r.Out.Host = to.Host
		}})
	}
	next.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		// What the package's PlausibleProvider puts on a page.
		fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><script async src="%s"></script><script>window.plausible = window.plausible ||
			function () { (plausible.q = plausible.q || []).push(arguments) },
				plausible.init = plausible.init || function (i) {
			plausible.o = i || {} }; plausible.init({endpoint: %q})</script>`,
			config.Env["next_plausible_scriptPath"], config.Env["next_plausible_apiPath"])
	})
	server := httptest.NewServer(next)
	t.Cleanup(server.Close)
	tab := browsertest.Open(t)
	tab.Visit(strings.Replace(server.URL, "127.0.0.1", "shop.localhost", 1) + "/a")
	rec.Same(t, []string{"pageview /a"}, engagement)
	tab.Run(`plausible('Signup', {props: {plan: 'pro'}}); history.pushState({}, '', '/b')`)
	rec.Same(t, []string{"pageview /a", `Signup /a {"plan":"pro"}`, "pageview /b"}, engagement)
}

// The npm package turf-tracker, as it is published.
func TestModule(t *testing.T) {
	const start = `import { init, track, optOut, optIn } from './turf.js'
		track('Early'); init({domain: 'shop.test', outboundLinks: true, customProperties: {app: 'web'}});
			init({domain: 'twice.test'})
		Object.assign(window, {track, optOut, optIn})`
	tab := browsertest.Open(t)
	tab.Quiet() // it says on the console what it does not send
	s := newSite(t, inline(t, browsertest.Bundle(t, "npm", start))+stay, links)
	s.visit(tab, "/a")
	tab.Run(`history.pushState({}, '', '/b'); document.querySelector('#out').click();
		document.querySelector('#tagged').click();
		await new Promise((callback) => track('Buy', {revenue: {currency: 'EUR', amount: 5}, callback}));
		optOut(); track('Out'); history.pushState({}, '', '/c'); optIn(); history.pushState({}, '', '/d')`)
	s.Same(t, []string{
		`pageview /a {"app":"web"}`, `Early /a {"app":"web"}`, `pageview /b {"app":"web"}`, `Buy /b {"app":"web"}`,
		`Outbound Link: Click /b {"app":"web","url":"https://other.test/x?y=1#z"}`, `pageview /d {"app":"web"}`,
		`Add to cart /b {"app":"web","item":"shoe","shoe-size":"42"}`,
	}, engagement)
	if buy := s.Wait(t, "Buy", 1); fmt.Sprint(buy.Body["$"]) != "map[amount:5 currency:EUR]" || buy.Domain != "shop.test" {
		t.Errorf("posted: %v", buy.Body)
	}
	out := browsertest.RunNode(t, "npm", `import { init, track } from './turf.js'
		console.log(track('Before')); init({domain: 'shop.test'}); console.log(track('On a server'))`)
	if out != "false\nfalse\n" { // not kept either: a server's calls have no end
		t.Errorf("in Node.js: %s", out)
	}
}
