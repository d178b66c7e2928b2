package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"turf/ingest/tracker/browsertest"
)

// Trackers that many sites have, unchanged, in a real browser and in Node.js, against a real server: what they send is
// accepted, nothing of it is dropped, and the stats API has the right numbers.

// client is a tracker, and what it sends. TURF stands for the server's address, SITE for the site's name, BASE for the
// address of its pages.
type client struct {
	name, site string
	// unnamed: the page does not say which site it is of, so that it is that of its host. A test's has a port.
	unnamed bool
	// One of these puts it on a page: a tag, or a module that imports packages from npm and is bundled.
	tag, module string
	// node is the module of a server in Node.js that serves the pages instead of the test and prints its port.
	node    string
	instead []browsertest.StandIn
	script  string // what happens on the first visitor's page /a
	missing bool   // then that visitor opens a page that is not there

	pages  rows            // page views, also those of a second visitor, who looks at /a only
	events rows            // by name
	props  map[string]rows // by property, then event|value
	// paid is an event that carries 5 euros, once.
	paid string
	// read is the page of which engagement has to come: it was scrolled, and looked at for more than a second.
	read string
}

// readPage scrolls a page of its own and reads it for more than a second, which is counted when it is left.
const readPage = `history.pushState({}, '', '/read'); scrollTo(0, 900);
	await new Promise((done) => setTimeout(done, 1200)); history.pushState({}, '', '/next');`

// snippet is what Plausible's settings show for a site since its script is made for each, with the server's host.
const snippet = `<script async src="TURF/js/pa-AbC12.js"></script><script>
	window.plausible=window.plausible||function(){(plausible.q=plausible.q||[]).push(arguments)},
	plausible.init=plausible.init||function(i){plausible.o=i||{}};plausible.init(OPTIONS)</script>`

func clients() []client {
	return []client{
		{
			name: "turf.js", site: "turf.test",
			tag: `<script>window.turf = window.turf || function () { (turf.q = turf.q || []).push(arguments) };
				turf('Early', {props: {plan: 'free'}})</script><script defer data-domain="SITE"
				src="TURF/js/turf.outbound-links.file-downloads.form-submissions.404.tagged-events.js"></script>`,
			script: `turf('Signup', {props: {plan: 'pro', seats: 3}, revenue: {currency: 'EUR', amount: '5.00'}});
				for (const id of ['out', 'pdf', 'send', 'tagged']) document.getElementById(id).click();` + readPage,
			missing: true, read: "/read", paid: "Signup",
			pages: rows{"/a": {2}, "/read": {1}, "/next": {1}, "/missing": {1}},
			events: rows{
				"Early": {3}, "Signup": {1}, "Outbound Link: Click": {1}, "File Download": {1}, "Form: Submission": {1},
				"Add to cart": {1}, "404": {1},
			},
			props: map[string]rows{
				"plan":  {"Early|free": {3}, "Signup|pro": {1}},
				"seats": {"Signup|3": {1}},
				"url":   {"Outbound Link: Click|https://other.test/there": {1}, "File Download|BASE/files/list.pdf": {1}},
				"path":  {"Form: Submission|/a": {1}, "404|/missing": {1}},
				"item":  {"Add to cart|shoe": {1}},
			},
		},
		{
			name: "Plausible's tag of before", site: "legacy.test",
			tag: `<script defer data-domain="SITE" src="TURF/js/script.outbound-links.file-downloads.js"></script>
				<script>window.plausible = window.plausible || function () {
				(window.plausible.q = window.plausible.q || []).push(arguments) }</script>`,
			script: `for (const id of ['out', 'pdf']) document.getElementById(id).click();
				await new Promise((callback) => plausible('Signup', {callback, props: {plan: 'pro'}}));` + readPage,
			pages: rows{"/a": {2}, "/read": {1}, "/next": {1}}, read: "/read",
			events: rows{"Outbound Link: Click": {1}, "File Download": {1}, "Signup": {1}},
			props: map[string]rows{
				"plan": {"Signup|pro": {1}},
				"url":  {"Outbound Link: Click|https://other.test/there": {1}, "File Download|BASE/files/list.pdf": {1}},
			},
		},
		{
			name: "Plausible's snippet of today", site: "snippet.test", unnamed: true,
			tag: strings.ReplaceAll(snippet, "OPTIONS", `{customProperties: {author: 'Ada'}}`),
			script: `for (const id of ['out', 'pdf', 'send']) document.getElementById(id).click();
				plausible('Signup', {props: {plan: 'pro'}, interactive: false});` + readPage,
			pages: rows{"/a": {2}, "/read": {1}, "/next": {1}}, read: "/read",
			events: rows{"Outbound Link: Click": {1}, "File Download": {1}, "Form: Submission": {1}, "Signup": {1}},
			props: map[string]rows{
				"plan": {"Signup|pro": {1}},
				"author": {
					"Outbound Link: Click|Ada": {1}, "File Download|Ada": {1}, "Form: Submission|Ada": {1}, "Signup|Ada": {1},
					"pageview|Ada": {4},
				},
			},
		},
		{
			name: "plausible-tracker", site: "plausible-tracker.test",
			module: `import Plausible from 'plausible-tracker'
				const p = Plausible({domain: 'SITE', apiHost: 'TURF'})
				p.enableAutoPageviews(); p.enableAutoOutboundTracking(); window.p = p`,
			script: `history.pushState({}, '', '/b'); p.trackEvent('Signup', {props: {plan: 'pro'}});
				p.trackPageview({url: 'https://SITE/mine'})`,
			pages:  rows{"/a": {2}, "/b": {1}, "/mine": {1}},
			events: rows{"Signup": {1}},
			props:  map[string]rows{"plan": {"Signup|pro": {1}}},
		},
		{
			name: "@plausible-analytics/tracker", site: "plausible-analytics.test",
			module: `import { init, track } from '@plausible-analytics/tracker'
				init({domain: 'SITE', endpoint: 'TURF/api/event', outboundLinks: true, fileDownloads: true,
				formSubmissions: true, customProperties: {author: 'Ada'}}); window.track = track`,
			script: `for (const id of ['out', 'pdf', 'send']) document.getElementById(id).click();
				await new Promise((callback) => track('Buy', {revenue: {currency: 'EUR', amount: 5}, props: {plan: 'pro'},
				interactive: false, callback}));` + readPage,
			pages: rows{"/a": {2}, "/read": {1}, "/next": {1}}, read: "/read",
			events: rows{"Outbound Link: Click": {1}, "File Download": {1}, "Form: Submission": {1}, "Buy": {1}},
			paid:   "Buy",
			props: map[string]rows{
				"plan": {"Buy|pro": {1}},
				"url":  {"Outbound Link: Click|https://other.test/there": {1}, "File Download|BASE/files/list.pdf": {1}},
				"author": {
					"Outbound Link: Click|Ada": {1}, "File Download|Ada": {1}, "Form: Submission|Ada": {1}, "Buy|Ada": {1},
					"pageview|Ada": {4},
				},
			},
		},
		{
			name: "@barbapapazes/plausible-tracker", site: "barbapapazes.test",
			module: `import { createPlausibleTracker } from '@barbapapazes/plausible-tracker'
				import { useAutoPageviews } from '@barbapapazes/plausible-tracker/extensions/auto-pageviews'
				import { useAutoOutboundTracking } from '@barbapapazes/plausible-tracker/extensions/auto-outbound-tracking'
				const p = createPlausibleTracker({domain: 'SITE', apiHost: 'TURF'})
				useAutoPageviews(p).install(); useAutoOutboundTracking(p).install(); window.p = p`,
			script: `history.pushState({}, '', '/b'); document.querySelector('#out').target = '_blank';
				document.querySelector('#out').click();
				p.trackEvent('Signup', {props: {plan: 'pro'}, revenue: {currency: 'EUR', amount: 5}})`,
			pages:  rows{"/a": {2}, "/b": {1}},
			events: rows{"Outbound Link: Click": {1}, "Signup": {1}},
			paid:   "Signup",
			props: map[string]rows{
				"plan": {"Signup|pro": {1}}, "url": {"Outbound Link: Click|https://other.test/there": {1}},
			},
		},
		nextPlausible(), nuxtPlausible(),
	}
}

// nextPlausible has next-plausible's own rewrites, carried out in Node.js as Next.js carries them out: all of a request
// is sent on, its address in a header. The page has what the package's PlausibleProvider puts there.
func nextPlausible() client {
	return client{
		name: "next-plausible", site: "next.test", unnamed: true,
		node: `import http from 'node:http'
			import withPlausibleProxy from 'next-plausible/dist/lib/withPlausibleProxy.js'
			const {rewrites, env} = withPlausibleProxy({src: 'TURF/js/pa-AbC12.js'})({})
			const table = await rewrites()
			const page = PAGE.replace('TURF/js/pa-AbC12.js', env.next_plausible_scriptPath)
				.replace('OPTIONS', JSON.stringify({endpoint: env.next_plausible_apiPath}))
			http.createServer((req, res) => {
				const to = table.find((rewrite) => rewrite.source == req.url)?.destination
				if (!to) return res.writeHead(200, {'content-type': 'text/html; charset=utf-8'}).end(page)
				const headers = {'x-forwarded-for': req.socket.remoteAddress, 'x-forwarded-host': req.headers.host,
					...req.headers, host: new URL(to).host}
				req.pipe(http.request(to, {method: req.method, headers}, (up) => {
					res.writeHead(up.statusCode, up.headers); up.pipe(res)
				}))
			}).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`,
		tag: snippet,
		script: `plausible('Signup', {props: {plan: 'pro'}}); document.getElementById('out').click();
			history.pushState({}, '', '/b');` + readPage,
		pages: rows{"/a": {2}, "/b": {1}, "/read": {1}, "/next": {1}}, read: "/read",
		events: rows{"Signup": {1}, "Outbound Link: Click": {1}},
		props: map[string]rows{
			"plan": {"Signup|pro": {1}}, "url": {"Outbound Link: Click|https://other.test/there": {1}},
		},
	}
}

// nuxtPlausible has the module @nuxtjs/plausible with its proxy: its setup gives the settings and the route, its plugin
// runs in the browser, and its handler in h3, Nuxt's server, in Node.js. Stand-ins are in the place of Nuxt itself,
// which is some hundred packages: they hand out the settings and take what the module registers.
func nuxtPlausible() client {
	const imports = `export const defineNuxtPlugin = (plugin) => plugin
		export const useRuntimeConfig = () => ({public: {plausible: globalThis.settings}})`
	const kit = `export const defineNuxtModule = (module) => module
		export const createResolver = () => ({resolve: (path) => path})
		export const addServerHandler = (handler) => { globalThis.registered = handler }
		export const addImports = () => {}, addPlugin = () => {}`
	const setup = `import module from '@nuxtjs/plausible'
		const nuxt = {options: {runtimeConfig: {public: {}}, build: {transpile: []}, vite: {}, serverHandlers: [],
			devServerHandlers: []}}
		module.setup({...module.defaults, domain: 'SITE', apiHost: 'TURF', proxy: true, autoOutboundTracking: true,
			fileDownloads: true}, nuxt)
		globalThis.settings = nuxt.options.runtimeConfig.public.plausible
		`
	return client{
		name: "@nuxtjs/plausible", site: "nuxt.test",
		instead: []browsertest.StandIn{{Name: "#imports", Text: imports}, {Name: "@nuxt/kit", Text: kit}},
		node: setup + `
			import http from 'node:http'
			import { createApp, createRouter, defineEventHandler, setResponseHeader, toNodeListener } from 'h3'
			import handler from './node_modules/@nuxtjs/plausible/dist/runtime/server/event-handler.js'
			const page = PAGE.replace('SETTINGS', JSON.stringify(settings))
			const router = createRouter()
			router.add(registered.route, handler, registered.method)
			router.get('/**', defineEventHandler((event) => {
				setResponseHeader(event, 'content-type', 'text/html; charset=utf-8')
				return page
			}))
			http.createServer(toNodeListener(createApp().use(router)))
				.listen(0, '127.0.0.1', function () { console.log(this.address().port) })`,
		tag: `<script>window.settings = SETTINGS</script>`,
		module: `import plugin from './node_modules/@nuxtjs/plausible/dist/runtime/plugin.client.js'
			window.$plausible = plugin.setup().provide.plausible`,
		script: `for (const id of ['out', 'pdf']) document.getElementById(id).click();
			$plausible.trackEvent('Signup', {props: {plan: 'pro'}}); $plausible.trackPageview({url: 'https://SITE/mine'});` +
			readPage,
		pages: rows{"/a": {2}, "/mine": {1}, "/read": {1}, "/next": {1}}, read: "/read",
		events: rows{"Signup": {1}, "Outbound Link: Click": {1}, "File Download": {1}},
		props:  map[string]rows{"plan": {"Signup|pro": {1}}},
	}
}

// clientLinks is what the pages show. What is clicked does not leave the page: the last script keeps it.
const clientLinks = `<a id="out" href="https://other.test/there">out</a> <a id="pdf" href="/files/list.pdf">pdf</a>
	<form action="/sent"><button id="send">send</button></form>
	<button id="tagged" data-turf-event="Add to cart" data-turf-item="shoe">buy</button><div style="height: 3000px"></div>
	<script>for (const type of ['click', 'submit'])
	addEventListener(type, (e) => (type == 'submit' || e.target.closest?.('a')) && e.preventDefault())</script>`

// page is the text of the client's pages.
func (c *client) page(t *testing.T, folder string) string {
	t.Helper()
	head := c.tag
	if c.module != "" {
		script := browsertest.Bundle(t, folder, c.module, c.instead...)
		if strings.Contains(script, "</script") {
			t.Fatal("the script cannot be in a page")
		}
		head += "<script>" + script + "</script>"
	}
	return `<!doctype html><html lang="en"><head><title>Page</title><link rel="icon" href="data:,">` + head +
		"</head><body>" + clientLinks + "</body></html>"
}

// serve serves the pages, and returns their address in a browser.
func (c *client) serve(t *testing.T, folder string) string {
	t.Helper()
	text := c.page(t, folder)
	if c.node != "" {
		quoted, err := json.Marshal(text) // a string of JavaScript too
		if err != nil {
			t.Fatal(err)
		}
		module := strings.Replace(c.node, "PAGE", string(quoted), 1)
		return "http://" + c.site + ":" + browsertest.StartNode(t, folder, module, c.instead...)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if strings.HasPrefix(r.URL.Path, "/missing") {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, text) // the browser may have gone
	}))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + c.site + ":" + address.Port()
}

// posts is how many events the client sends, without those of engagement.
func (c *client) posts() (pageviews, all int) {
	for _, n := range c.pages {
		pageviews += int(n[0])
	}
	all = pageviews
	for _, n := range c.events {
		all += int(n[0])
	}
	return pageviews, all
}

// TestClientsEndToEnd opens pages with each tracker as two visitors, and asks the stats API.
func TestClientsEndToEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser")
	}
	parent, folder, tab := t, browsertest.Clients(t), browsertest.Open(t)
	in := install(t)
	server := in.serve("--trusted-proxy", "127.0.0.1")
	for _, c := range clients() {
		t.Run(c.name, func(t *testing.T) {
			in.t = t
			t.Cleanup(func() { in.t, tab.T = parent, parent })
			tab.T = t
			tap := newTap(t, server.url)
			fill := strings.NewReplacer("TURF", tap.url, "SITE", c.site)
			for _, text := range []*string{&c.tag, &c.module, &c.node, &c.script} {
				*text = fill.Replace(*text)
			}
			base := c.serve(t, folder)
			if c.unnamed {
				c.site = strings.TrimPrefix(base, "http://")
			}
			in.must(nil, "site", "add", c.site, "--timezone", quietZone())
			if c.paid != "" {
				in.must(nil, "goal", "add", "--site", c.site, "--event", c.paid, "--currency", "EUR")
			}
			key := in.key(c.site)
			c.drive(tab, tap, base)
			tap.check(t)
			c.check(t, server, key, base)
			if _, all := c.posts(); len(tap.Events(engagementName)) != all {
				t.Errorf("%d events came, want %d:\n%s", len(tap.Events(engagementName)), all, strings.Join(tap.Lines(), "\n"))
			}
		})
	}
	t.Run("a server in Node.js", func(t *testing.T) {
		in.t = t
		t.Cleanup(func() { in.t = parent })
		c := client{
			site: "node.test", pages: rows{"/a": {1}, "/b": {1}}, events: rows{"Signup": {1}},
			props: map[string]rows{"plan": {"Signup|pro": {1}}},
		}
		in.must(nil, "site", "add", c.site, "--timezone", quietZone())
		tap := newTap(t, server.url)
		browsertest.RunNode(t, folder, strings.NewReplacer("TURF", tap.url, "AGENT", firefox).Replace(nodeServer))
		tap.check(t)
		c.check(t, server, in.key(c.site), "")
	})
}

// nodeServer reports for its visitors from a server in Node.js, as Plausible's documentation of the events API has it.
const nodeServer = `const send = async (address, event) => {
		const answer = await fetch('TURF/api/event', {method: 'POST', body: JSON.stringify({domain: 'node.test', ...event}),
			headers: {'Content-Type': 'application/json', 'X-Forwarded-For': address, 'User-Agent': 'AGENT'}})
		if (answer.status != 202) throw await answer.text()
	}
	await send('198.51.100.1', {name: 'pageview', url: 'https://node.test/a'})
	await send('198.51.100.1', {name: 'Signup', url: 'https://node.test/a', props: {plan: 'pro'}})
	await send('198.51.100.2', {name: 'pageview', url: 'https://node.test/b', referrer: 'https://www.google.com/'})`

const (
	engagementName = "engagement"
	// askPause is between two tries to get the right numbers, so that a key is not refused for asking too often.
	askPause = 500 * time.Millisecond
)

// drive is what the two visitors do, one after the other.
func (c *client) drive(tab *browsertest.Tab, tap *tap, base string) {
	tab.T.Helper()
	await := func(n int) {
		tab.T.Helper()
		tap.Until(tab.T, fmt.Sprint(n, " events"), func([]browsertest.Event) bool {
			return len(tap.Events(engagementName)) >= n
		})
	}
	early := 0
	if n := c.events["Early"]; n != nil {
		early = 1
	}
	c.visitAs(tab, 2)
	tab.Visit(base + "/a")
	await(1 + early)
	c.visitAs(tab, 1)
	tab.Visit(base + "/a")
	await(2 + 2*early)
	tab.Run(c.script)
	if c.missing {
		tab.Visit(base + "/missing")
	}
	_, all := c.posts()
	await(all)
	if c.read != "" {
		tap.Until(tab.T, "engagement of "+c.read, func(events []browsertest.Event) bool {
			return slices.ContainsFunc(events, func(e browsertest.Event) bool {
				return e.Name == engagementName && strings.HasSuffix(e.URL, c.read)
			})
		})
	}
	tab.Visit("about:blank") // what is sent when a page is left is sent while there is somebody to take it
}

// visitAs makes the tab that of the first or second visitor: another browser, or one at another address where a proxy
// is to tell addresses. What a page sends when it is left has the browser's own agent and address.
func (c *client) visitAs(tab *browsertest.Tab, visitor int) {
	tab.T.Helper()
	agent, headers := tab.Agent, network.Headers{}
	switch {
	case c.node != "":
		headers["X-Forwarded-For"] = fmt.Sprint("198.51.100.", visitor)
	case visitor == 2:
		agent = firefox
	}
	userAgent := emulation.SetUserAgentOverrideParams{UserAgent: agent}
	if _, err := chromedp.Call(tab.Context(), emulation.SetUserAgentOverride, userAgent); err != nil {
		tab.T.Fatal(err)
	}
	extra := network.SetExtraHTTPHeadersParams{Headers: headers}
	if _, err := chromedp.Call(tab.Context(), network.SetExtraHTTPHeaders, extra); err != nil {
		tab.T.Fatal(err)
	}
}

// check asks the stats API for all that the client sent, until it is there.
func (c *client) check(t *testing.T, server *process, key, base string) {
	t.Helper()
	pageviews, _ := c.posts()
	ask := func(metrics, dimensions []string, filters ...any) rows {
		t.Helper()
		question := map[string]any{"site_id": c.site, "metrics": metrics, "date_range": "day"}
		if dimensions != nil {
			question["dimensions"] = dimensions
		}
		if filters != nil {
			question["filters"] = filters
		}
		return server.query(key, question)
	}
	eventually(t, "the right numbers", func() (string, bool) {
		total := ask([]string{"pageviews", "visitors", "visits"}, nil)
		diff := cmp.Diff(rows{"": {float64(pageviews), 2, 2}}, total)
		diff += cmp.Diff(c.pages, ask([]string{"pageviews"}, []string{"event:page"}))
		diff += cmp.Diff(c.events, ask([]string{"events"}, []string{"event:name"}))
		for prop, want := range c.props {
			got := ask([]string{"events"}, []string{"event:name", "event:props:" + prop})
			for name := range got {
				if strings.HasSuffix(name, "|(none)") { // events without the property
					delete(got, name)
				}
			}
			filled := rows{}
			for name, n := range want {
				filled[strings.ReplaceAll(name, "BASE", base)] = n
			}
			diff += cmp.Diff(filled, got)
		}
		if diff != "" {
			time.Sleep(askPause)
		}
		return "- want, + got:\n" + diff, diff == ""
	})
	if c.paid != "" {
		status, body := server.ask(key, map[string]any{
			"site_id": c.site, "metrics": []string{"total_revenue"}, "date_range": "day", "dimensions": []string{"event:goal"},
		})
		if status != http.StatusOK || !strings.Contains(body, `"value":5,`) || !strings.Contains(body, `"currency":"EUR"`) {
			t.Errorf("revenue: %d %s", status, body)
		}
	}
	if c.read == "" {
		return
	}
	eventually(t, "engagement", func() (string, bool) {
		got := ask([]string{"time_on_page", "scroll_depth"}, []string{"event:page"},
			[]any{"is", "event:page", []string{c.read}})
		n := got[c.read]
		return fmt.Sprint(got), len(n) == 2 && n[0] >= 1 && n[0] < waitTimeout.Seconds() && n[1] > 0 && n[1] < 100
	})
}
