package tracker_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"turf/ingest/tracker"
	"turf/ingest/tracker/browsertest"
)

// site is a small web site with the tag on each page, and the endpoint that it posts to.
type site struct {
	t *testing.T
	*browsertest.Recorder
	// tag is what each page has in its head, body what it shows; policy its Content-Security-Policy.
	tag, body, policy string
	// base is the site's own address, other that of another host that leads to the same pages.
	base, other string
}

const plainTag = `<script defer data-domain="shop.test" src="/js/turf.js"></script>`

func newSite(t *testing.T, tag, body string) *site {
	t.Helper()
	s := &site{t: t, Recorder: browsertest.NewRecorder(), tag: tag, body: body}
	mux := http.NewServeMux()
	mux.Handle("/js/", tracker.Handler(nil))
	mux.Handle("/api/event", s.Recorder)
	mux.HandleFunc("/", s.page)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	s.base, s.other = "http://shop.localhost:"+port, "http://blog.localhost:"+port
	return s
}

func (s *site) page(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if s.policy != "" {
		h.Set("Content-Security-Policy", s.policy)
	}
	if strings.HasPrefix(r.URL.Path, "/missing") {
		w.WriteHeader(http.StatusNotFound)
	}
	fmt.Fprintf(w, `<!doctype html><html lang="en"><head><title>%s</title><link rel="icon" href="data:,">%s</head><body>%s</body></html>`,
		html.EscapeString(r.URL.Path), s.tag, s.body)
}

// visit opens a page and waits for its event.
func (s *site) visit(tab *browsertest.Tab, path string) {
	s.t.Helper()
	before := len(s.Events("engagement"))
	tab.Visit(s.base + path)
	s.Until(s.t, "page view of "+path, func([]browsertest.Event) bool { return len(s.Events("engagement")) > before })
}

const engagement = "engagement"

// end posts an event past the script, so that what was not sent before it is not going to be.
func (s *site) end(tab *browsertest.Tab) {
	s.t.Helper()
	tab.Run(`await fetch('/api/event', {method: 'POST', body: '{"n":"end","u":"/"}'})`)
}

// The parts that are there in every script: page views, navigation without loading, events from code.
func TestPagesAndEvents(t *testing.T) {
	tab := browsertest.Open(t)
	for _, c := range []struct {
		name, tag, path, script string
		want                    []string
	}{
		{"load", plainTag, "/a?utm_source=x#top", "", []string{"pageview /a?utm_source=x"}},
		{
			"navigation", plainTag, "/a", `history.pushState({}, '', '/b'); history.pushState({}, '', '/b?page=2');
			history.replaceState({}, '', '/c'); history.pushState({}, '', '/d'); location.hash = 'x'`,
			[]string{"pageview /a", "pageview /b", "pageview /d"},
		},
		{
			"back", plainTag, "/a", `history.pushState({}, '', '/b'); history.back();
			await new Promise((done) => addEventListener('popstate', done)); history.forward();
			await new Promise((done) => addEventListener('popstate', done))`,
			[]string{"pageview /a", "pageview /b", "pageview /a", "pageview /b"},
		},
		{
			"event", plainTag, "/a", `await turf('Signup', {props: {plan: 'pro', seats: 3}}); turf('Plain');
				turf('Null', null)`,
			[]string{"pageview /a", `Signup /a {"plan":"pro","seats":3}`, "Plain /a", "Null /a"},
		},
		{
			"event of another page", plainTag, "/a", `turf('Read', {url: 'https://shop.test/long/story'})`,
			[]string{"pageview /a", "Read /long/story"},
		},
		{
			"calls before load", `<script>window.turf = window.turf || function () { (turf.q = turf.q || []).push(arguments) };
			turf('Early', {props: {a: 1}})</script>` + plainTag,
			"/a", "",
			[]string{"pageview /a", `Early /a {"a":1}`},
		},
		{"twice on the page", plainTag + plainTag, "/a", `history.pushState({}, '', '/b')`, []string{
			"pageview /a",
			"pageview /b",
		}},
		{
			"hash", tagOf("turf.hash.js"), "/a#/x", `location.hash = '/y';
				await new Promise((done) => addEventListener('hashchange', done))`,
			[]string{"pageview /a#/x", "pageview /a#/y"},
		},
		{
			"manual", tagOf("turf.manual.js"), "/a", `history.pushState({}, '', '/b');
				turf('pageview', {url: 'https://shop.test/mine'});`,
			[]string{"pageview /mine"},
		},
		{
			"exclusions", tagOf("turf.exclusions.js", `data-exclude="/admin/**, /*/edit"`), "/admin/users/1",
			`for (const p of ['/posts/edit', '/posts/edit/more', '/admin', '/a.b']) history.pushState({}, '', p);
				turf('Here')`,
			[]string{"pageview /posts/edit/more", "pageview /admin", "pageview /a.b", "Here /a.b"},
		},
		{
			"inclusions", tagOf("turf.exclusions.js",
				`data-include="/blog*, /docs/**" data-exclude="/docs/old/**"`), "/blog",
			`for (const p of ['/a', '/blogs', '/docs/a/b', '/docs/old/b', '/blog/x']) history.pushState({}, '', p);
				turf('Nowhere')`,
			[]string{"pageview /blog", "pageview /blogs", "pageview /docs/a/b"},
		},
		{
			"mask", tagOf("turf.mask.form-submissions.js", `data-mask="/users/*, /orders/*/items/*"`), "/users/ada?x=1",
			`for (const p of ['/orders/12/items/13/edit', '/users', '/products/7']) history.pushState({}, '', p);`,
			[]string{
				"pageview /users/:id?x=1", "pageview /orders/:id/items/:id/edit", "pageview /users",
				"pageview /products/7",
			},
		},
		{
			"properties", tagOf("turf.pageview-props.js", `data-prop-author="Ada" data-prop-page-type="post"`), "/a",
			`turf('Read', {props: {author: 'Bob'}})`,
			[]string{`pageview /a {"author":"Ada","page-type":"post"}`, `Read /a {"author":"Bob","page-type":"post"}`},
		},
		{
			"not found", tagOf("turf.404.js"), "/missing/page", ``,
			[]string{"pageview /missing/page", `404 /missing/page {"path":"/missing/page"}`},
		},
		{"found", tagOf("turf.404.js"), "/a", ``, []string{"pageview /a"}},
		{
			"compat: as a module", `<script type="module" data-domain="shop.test" src="/js/turf.compat.js"></script>`, "/a", ``,
			[]string{"pageview /a"},
		},
		{
			"plausible", `<script defer data-domain="shop.test" data-api="/api/event" src="/js/script.pageview-props.revenue.js"
			event-author="Ada"></script>`, "/a", `await new Promise((callback) => plausible('Buy', {callback,
			revenue: {currency: 'EUR', amount: 1.5}}))`,
			[]string{`pageview /a {"author":"Ada"}`, `Buy /a {"author":"Ada"}`},
		},
		{
			"plausible, called before load", `<script>window.plausible = window.plausible || function () {
			(window.plausible.q = window.plausible.q || []).push(arguments) }; plausible('Early')</script>
			<script defer data-domain="shop.test" src="/js/p.js"></script>`,
			"/a", ``,
			[]string{"pageview /a", "Early /a"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, c.tag, "")
			tab.T = t
			tab.Visit(s.base + c.path)
			if len(c.want) > 1 || c.name != "manual" {
				tab.Until(`window.turf?.call || window.plausible?.call`)
			}
			tab.Run(c.script)
			s.Same(t, c.want, engagement)
			s.end(tab)
			s.Same(t, append(c.want, "end /"), engagement)
		})
	}
}

// tagOf is a tag with attributes.
func tagOf(script string, attributes ...string) string {
	return `<script defer data-domain="shop.test" src="/js/` + script + `" ` + strings.Join(attributes,
		" ") + `></script>`
}

// What a body holds, field by field.
func TestBody(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t, plainTag, "")
	tab.Visit(s.other + "/from?q=1")
	s.Wait(t, "pageview", 1)
	tab.Run(`setTimeout(() => { location.href = '` + s.base + `/to' })`)
	view := s.Wait(t, "pageview", 2)
	if view.URL != s.base+"/to" || view.Domain != "shop.test" || view.Referrer != s.other+"/" {
		t.Errorf("page view: %v", view.Body)
	}
	if got := view.Header.Get("Content-Type"); got != "text/plain;charset=UTF-8" {
		t.Errorf("content type %q needs a preflight", got)
	}
	tab.Run(`document.cookie = 'session=1';
		turf('Buy', {revenue: {currency: 'EUR', amount: '12.50'}, interactive: false})`)
	buy := s.Wait(t, "Buy", 1)
	if fmt.Sprint(buy.Body["revenue"]) != "map[amount:12.50 currency:EUR]" || buy.Body["interactive"] != false {
		t.Errorf("event: %v", buy.Body)
	}
	if cookie := buy.Header.Get("Cookie"); cookie != "" {
		t.Errorf("a cookie was sent: %s", cookie)
	}
	s.tag = tagOf("script.js")
	tab.Visit(s.base + "/legacy")
	s.Wait(t, "pageview", 3)
	answer := browsertest.Eval[map[string]any](tab,
		`new Promise((callback) => plausible('Buy', {callback, props: {a: 1},
		revenue: {currency: 'EUR', amount: 3}, interactive: false}))`)
	buy = s.Wait(t, "Buy", 2)
	if fmt.Sprint(answer) != "map[status:202]" || fmt.Sprint(buy.Body["$"], buy.Body["p"], buy.Body["i"]) !=
		"map[amount:3 currency:EUR] map[a:1] false" {
		t.Errorf("event of a tag of Plausible's: %v, answered %v", buy.Body, answer)
	}
	for _, e := range s.Events() {
		if e.Name == "OPTIONS" {
			t.Error("a preflight was sent")
		}
	}
}
