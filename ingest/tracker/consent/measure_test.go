package consent_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"turf/ingest/tracker/browsertest"
)

// granted is a page of a visitor who has just said yes to a manager that the site speaks for.
func granted(t *testing.T, tab *browsertest.Tab, body string) *site {
	t.Helper()
	tab.T = t
	s := newSite(t)
	s.head = `<script src="/fake/manual"></script>`
	s.tag = tagOf("turf-consent.manual.js", `data-consent="manual"`)
	s.body = body
	s.open(tab, "/page?x=1#top")
	tab.Run(`await act('accept')`)
	s.sent(tab, "pageview /page?x=1")
	return s
}

// sent waits until an event was sent.
func (s *site) sent(tab *browsertest.Tab, line string) {
	s.t.Helper()
	s.until(tab, func() bool { tab.Run(flush); return slices.Contains(s.events(), line) })
}

// heat are the cells so far: kind, width, x, y, and how many.
func (s *site) heat() map[string]int {
	out := map[string]int{}
	for _, c := range s.all("/v1/x/events") {
		cells, _ := c.body["heat"].([]any)
		for _, cell := range cells {
			cell := cell.(map[string]any)
			out[fmt.Sprint(cell["k"], " ", cell["w"], " ", cell["x"], " ", cell["y"])] += int(cell["n"].(float64))
		}
	}
	return out
}

const sequence = `window.clickAt = (selector, times, dx = 0) => { let e = document.querySelector(selector), box = e.getBoundingClientRect();
	for (let i = 0; i < times; i++) e.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true, composed: true,
		clientX: box.x + 5 + i * dx, clientY: box.y + 5})) };`

// What is sent of pages, events and visits.
func TestEvents(t *testing.T) {
	tab := browsertest.Open(t)
	s := granted(t, tab, ``)
	s.config["purposes"] = append(s.config["purposes"].([]map[string]any), map[string]any{"id": "account_link", "text": "Your account"})
	tab.Run(`history.pushState({}, '', '/two'); history.pushState({}, '', '/two?q=1'); await turf('Buy', {props: {plan: 'pro', n: 2,
		nothing: null, list: [1]}}); turf('Elsewhere', {url: 'https://shop.test/other'})`)
	s.sent(tab, "Elsewhere /other")
	want := []string{"pageview /page?x=1", "pageview /two", `Buy /two?q=1 {"n":"2","plan":"pro"}`, "Elsewhere /other"}
	if got := s.events("$seen"); !slices.Equal(got, want) {
		t.Errorf("sent were %q, want %q", got, want)
	}
	// The counting script counts the same, for everybody.
	s.counted.Until(t, "what is counted", func(events []browsertest.Event) bool {
		var names []string
		for _, e := range events {
			if e.Name != "engagement" {
				names = append(names, e.Name)
			}
		}
		slices.Sort(names)
		return slices.Equal(names, []string{"Buy", "Elsewhere", "pageview", "pageview"})
	})
	visits, last := map[any]bool{}, 0.0
	for _, c := range s.all("/v1/x/events") {
		if c.body["token"] != "token-1" || c.auth != "" {
			t.Errorf("a batch with %q, %v", c.auth, c.body["token"])
		}
		now := c.body["now"].(float64)
		for _, e := range c.body["events"].([]any) {
			e := e.(map[string]any)
			visits[e["s"]] = true
			if at, q := e["t"].(float64), e["q"].(float64); q <= last || at > now || at < now-60000 {
				t.Errorf("event %v after %v, sent at %v", e, last, now)
			} else {
				last = q
			}
			if e["v"] != "events" || len(e["s"].(string)) != 16 {
				t.Errorf("event %v", e)
			}
		}
	}
	if len(visits) != 1 {
		t.Errorf("%d visits", len(visits))
	}
	tab.Run(`turf.identify('ada')`)
	state(tab)
	if calls := s.all("/v1/x/identify"); len(calls) > 0 {
		t.Errorf("identified without a grant of account_link: %v", calls)
	}
	// The page knows the notice that it has read, in which that purpose is not.
	s.visit(tab, "/two?q=1")
	tab.Run(`await turf.consent({events: true, account_link: true, storage: true})`)
	s.until(tab, func() bool { tab.Run(`turf.identify('ada')`); return len(s.all("/v1/x/identify")) > 0 })
	if c := s.all("/v1/x/identify")[0]; c.body["user"] != "ada" || c.auth != "Consent token-1" {
		t.Errorf("identified as %v with %q", c.body, c.auth)
	}
	change := s.chosen(true)[1]
	if p := change.body["purposes"].(map[string]any); change.body["cid"] != "cid-1" || len(p) != 2 {
		t.Errorf("the change is %v", change.body)
	}
	// Without journeys an event belongs to no visit.
	tab.Run(`turf('Loose')`)
	s.sent(tab, "Loose /two?q=1")
	calls := s.all("/v1/x/events")
	for _, e := range calls[len(calls)-1].body["events"].([]any) {
		if e.(map[string]any)["s"] != "0000000000000000" {
			t.Errorf("without journeys: %v", e)
		}
	}
}

// A page that nobody has seen yet is no page view.
func TestPageBehind(t *testing.T) {
	tab := browsertest.Open(t)
	s := granted(t, tab, ``)
	s.visit(tab, "/behind?state=behind")
	tab.Run(`await act('accept')`)
	tab.Run(`turf('Played')`)
	s.sent(tab, `Played /behind?state=behind`)
	if slices.Contains(s.events(), "pageview /behind?state=behind") {
		t.Error("a page view of a page in the background")
	}
	tab.Run(`behind = false; fire(document, 'visibilitychange')`)
	s.sent(tab, "pageview /behind?state=behind")
}

// Clicks by where they are in the markup, those in anger, and the buttons that were seen.
func TestClicks(t *testing.T) {
	tab := browsertest.Open(t)
	body := `<main id="shop"><div><button>Ada's secret</button><button id="buy-now">Buy</button></div>
		<button data-turf-click="menu">Menu</button> <button id="user-42">x</button> <button id="plus">+</button>
		<a id="link" href="#here">go</a> <input id="name" value="secret"><p id="text">words</p></main>`
	s := granted(t, tab, body)
	tab.Run(sequence + `clickAt('#shop button', 1); clickAt('#buy-now', 3, 4); clickAt('[data-turf-click]', 1); clickAt('#user-42', 1, 1);
		clickAt('#name', 4); clickAt('#plus', 4); clickAt('#link', 1)`)
	s.until(tab, func() bool { tab.Run(flush); return strings.Contains(strings.Join(s.events(), ""), "$seen") })
	tab.Run(`turf('End')`)
	s.sent(tab, "End /page?x=1")
	count := map[string]int{}
	for _, line := range s.events("pageview", "End") {
		count[strings.Replace(line, " /page?x=1", "", 1)]++
	}
	of := func(key string) string { return `{"element":"` + key + `"}` }
	for line, want := range map[string]int{
		"$click " + of("main#shop>div>button"): 1, "$click " + of("button#buy-now"): 3, "$click " + of("menu"): 1,
		"$click " + of("main#shop>button:2"): 1, "$click " + of("input#name"): 4, "$click " + of("button#plus"): 4,
		"$click " + of("a#link"): 1, "$rage " + of("button#buy-now"): 1, "$rage " + of("input#name"): 0, "$rage " + of("button#plus"): 0,
		"$dead " + of("a#link"): 0, "$dead " + of("input#name"): 0,
		"$seen " + of("menu"): 1, "$seen " + of("a#link"): 1, "$seen " + of("button#buy-now"): 1,
	} {
		if got := count[line]; got != want {
			t.Errorf("%d of %s, want %d", got, line, want)
		}
	}
	for line := range count {
		for _, never := range []string{"secret", "Ada", "42", "words"} {
			if strings.Contains(line, never) {
				t.Errorf("%s was sent in %s", never, line)
			}
		}
	}
}

// A click is dead when nothing answers it within a second; the page's own answers, and other pages, are answers.
func TestDeadClicks(t *testing.T) {
	tab := browsertest.Open(t)
	s := granted(t, tab, `<button id="dead">d</button><button id="works" onclick="this.after('done')">w</button>`)
	tab.Until(`document.querySelector('#dead')`)
	tab.Run(sequence + `clickAt('#works', 1); await new Promise((done) => setTimeout(done, 1200)); clickAt('#dead', 1)`)
	s.until(tab, func() bool {
		tab.Run(flush)
		return slices.Contains(s.events(), `$dead /page?x=1 {"element":"button#dead"}`)
	})
	if slices.Contains(s.events(), `$dead /page?x=1 {"element":"button#works"}`) {
		t.Error("a click that was answered is dead")
	}
}

// Clicks and scroll depth are added up in the browser: no place of a single click leaves it beside an event.
func TestHeat(t *testing.T) {
	tab := browsertest.Open(t)
	s := granted(t, tab, `<style>body{margin:0}div{height:3000px}</style><div id="area"></div>`)
	tab.Run(`let at = (x, y) => document.querySelector('#area').dispatchEvent(new MouseEvent('click', {bubbles: true, view: window, clientX: x, clientY: y}));
		for (let i = 0; i < 5; i++) at(0, 0); at(innerWidth / 2, 33); at(innerWidth, 100); scrollTo(0, 1000);
		await new Promise((done) => addEventListener('scroll', done, {once: true})); at(10, 24)`)
	s.until(tab, func() bool { tab.Run(flush); return len(s.heat()) >= 5 })
	heat, width := s.heat(), browsertest.Eval[int](tab, `Math.floor(innerWidth / 160) * 160`)
	bottom := browsertest.Eval[int](tab, `Math.floor((1000 + innerHeight) / 16)`)
	for cell, want := range map[string]int{
		fmt.Sprint("click ", width, " 0 0"): 5, fmt.Sprint("click ", width, " 50 2"): 1, fmt.Sprint("click ", width, " 99 6"): 1,
		fmt.Sprint("click ", width, " 0 64"): 1, fmt.Sprint("rage ", width, " 0 0"): 1,
	} {
		if heat[cell] != want {
			t.Errorf("cell %s has %d, want %d; all: %v", cell, heat[cell], want, heat)
		}
	}
	scrolls := 0
	for cell, n := range heat {
		if strings.HasPrefix(cell, "scroll") {
			scrolls += n
			if first := fmt.Sprint("scroll ", width, " 0 "); !strings.HasPrefix(cell, first) {
				t.Errorf("scroll cell %s", cell)
			}
		}
	}
	if scrolls != 1 || bottom < 100 {
		t.Errorf("%d scroll cells, want one a page: %v", scrolls, heat)
	}
}

// What happens when the ledger or the network is not there, when a token ends, and when consent ends elsewhere.
func TestAnswers(t *testing.T) {
	tab := browsertest.Open(t)
	t.Run("a token is renewed", func(t *testing.T) {
		s := granted(t, tab, ``)
		s.set(func(c call) (int, any) {
			if c.path == "/v1/x/events" && len(s.calls) > 0 && !slices.ContainsFunc(s.calls, func(c call) bool {
				return c.path == "/v1/consent/state"
			}) {
				return 401, map[string]string{"code": "token_invalid"}
			}
			return 0, nil
		})
		tab.Run(`turf('Once')`)
		s.until(tab, func() bool { tab.Run(flush); return len(s.all("/v1/consent/state")) > 0 })
		if auth := s.all("/v1/consent/state")[0].auth; auth != "Consent token-1" {
			t.Errorf("renewed with %q", auth)
		}
		s.until(tab, func() bool { tab.Run(flush); return strings.Count(strings.Join(s.events(), "\n"), "Once") >= 2 })
	})
	t.Run("a batch that failed is sent again", func(t *testing.T) {
		s := granted(t, tab, ``)
		failing := true
		s.set(func(c call) (int, any) {
			if failing && c.path == "/v1/x/events" {
				failing = false
				return 503, map[string]string{"code": "ledger_unavailable"}
			}
			return 0, nil
		})
		tab.Run(`turf('Kept')`)
		s.until(tab, func() bool { tab.Run(flush); return strings.Count(strings.Join(s.events(), "\n"), "Kept") >= 2 })
	})
	for _, status := range []int{403, 410} {
		t.Run(fmt.Sprintf("%d ends it", status), func(t *testing.T) {
			s := granted(t, tab, ``)
			s.set(func(c call) (int, any) {
				if c.path == "/v1/x/events" {
					return status, map[string]string{"code": "consent_withdrawn"}
				}
				return 0, nil
			})
			tab.Run(`turf('Last')`)
			s.until(tab, func() bool { tab.Run(flush); return len(s.all("/v1/x/events")) > 1 })
			tab.Until(`ours() == 'turf_no'`)
			s.forget()
			tab.Run(`turf('After');` + flush)
			state(tab)
			if paths := s.paths(); len(paths) > 0 {
				t.Errorf("after the end %v", paths)
			}
		})
	}
	t.Run("another tab has withdrawn", func(t *testing.T) {
		s := granted(t, tab, ``)
		before := len(s.all("/v1/x/events"))
		tab.Run(`localStorage.clear(); turf('After');` + flush + `await turf.state()`)
		tab.Run(`turf('After');` + flush + `await turf.state()`)
		if n := len(s.all("/v1/x/events")); n != before {
			t.Errorf("%d batches", n-before)
		}
	})
	t.Run("a grant waits for the ledger, and what came before it is not sent", func(t *testing.T) {
		tab.T = t
		s := newSite(t)
		s.head, s.tag = `<script src="/fake/manual"></script>`, tagOf("turf-consent.manual.js", `data-consent="manual"`)
		tries := 0
		s.set(func(c call) (int, any) {
			if c.path == "/v1/consent/events" {
				if tries++; tries < 2 {
					return 503, map[string]string{"code": "ledger_unavailable"}
				}
			}
			return 0, nil
		})
		s.open(tab, "/")
		tab.Run(`await act('accept')`)
		s.wait(t, "/v1/consent/events", 1)
		tab.Run(`turf('Waiting')`)
		s.wait(t, "/v1/consent/events", 2)
		s.sent(tab, "pageview /")
		calls := s.all("/v1/consent/events")
		if calls[0].key != calls[1].key || fmt.Sprint(calls[0].body) != fmt.Sprint(calls[1].body) {
			t.Error("the second try is another grant")
		}
		if slices.Contains(s.events(), "Waiting /") {
			t.Error("sent from before the grant")
		}
	})
	t.Run("withdrawn while the ledger answers", func(t *testing.T) {
		tab.T = t
		s := newSite(t)
		s.head, s.tag = `<script src="/fake/manual"></script>`, tagOf("turf-consent.manual.js", `data-consent="manual"`)
		answered := make(chan struct{})
		s.hold = func(c call) {
			if c.path == "/v1/consent/events" {
				<-answered
			}
		}
		s.open(tab, "/")
		tab.Run(`act('accept'); while (!sent.some((s) => s.startsWith('/v1/consent/events'))) await new Promise((done) => setTimeout(done));
			await act('deny')`)
		close(answered)
		s.wait(t, "/v1/consent/withdraw", 1)
		s.nothingStored(tab, "withdrawn at once")
		if n := len(s.all("/v1/x/events")); n > 0 {
			t.Errorf("%d batches", n)
		}
	})
	t.Run("who objects to being counted has objected to more", func(t *testing.T) {
		s := granted(t, tab, ``)
		tab.Run(`turf('Unsent'); turf.optOut();` + flush)
		s.wait(t, "/v1/consent/withdraw", 1)
		s.forget()
		s.visit(tab, "/next")
		tab.Run(`await act('accept'); turf('Never');` + flush + `await turf.state()`)
		if paths := s.paths(); len(paths) > 0 {
			t.Errorf("CF-18: after the objection %v", paths)
		}
		if sent := browsertest.Eval[[]string](tab, `sent`); len(sent) > 0 {
			t.Errorf("CF-18: after the objection %v", sent)
		}
	})
	t.Run("the manager has forgotten the answer", func(t *testing.T) {
		tab.T = t
		s := newSite(t)
		s.put(managers[0].filled())
		s.open(tab, "/a?state=")
		tab.Run(`await act('accept')`)
		s.sent(tab, "pageview /a?state=")
		tab.Run(`bake('CookieConsent')`)
		// It may only be late: for half a minute the id is left alone, and nothing is sent.
		s.forget()
		s.visit(tab, "/b?state=")
		tab.Run(`await turf.state(); turf('Nothing');` + flush)
		if state(tab).Answered || len(s.paths()) > 0 || browsertest.Eval[string](tab, `ours()`) != "turf_id" {
			t.Errorf("at first %v", s.paths())
		}
		s.visit(tab, "/c?state=fast")
		s.wait(t, "/v1/consent/withdraw", 1)
		tab.Until(`ours() == ''`)
		if paths := s.paths(); len(paths) != 1 {
			t.Errorf("then %v", paths)
		}
	})
	t.Run("the site spoke before the script was there", func(t *testing.T) {
		tab.T = t
		s := newSite(t)
		s.head = `<script>window.turfConsent = [{events: true}, {id: 'early'}]</script>`
		s.tag = tagOf("turf-consent.manual.js")
		s.open(tab, "/")
		s.sent(tab, "pageview /")
		if proof := s.chosen(true)[0].body["proof"].(map[string]any); proof["id"] != "early" || proof["scheme"] != "manual" {
			t.Errorf("granted with %v", proof)
		}
	})
	t.Run("the counting script comes last, and the page has a stand-in for it", func(t *testing.T) {
		tab.T = t
		s := newSite(t)
		stub := `<script>window.turf = window.turf || function () { (turf.q = turf.q || []).push(arguments) }; turf('%s')</script>`
		s.head = fmt.Sprintf(stub, "First") + strings.Replace(tagOf("turf-consent.manual.js"), "defer", "", 1) + fmt.Sprintf(stub, "Second")
		s.open(tab, "/")
		tab.Run(`await turf.consent({events: true})`)
		s.sent(tab, "pageview /")
		tab.Run(fmt.Sprintf(stub[len("<script>"):len(stub)-len("</script>")], "Third"))
		s.sent(tab, "Third /")
		tab.Run(`turf.end(); await turf('Fourth'); turf.optOut(); await turf('Fifth')`)
		s.counted.Same(t, []string{"pageview /", "First /", "Second /", "Third /", "Fourth /"}, "engagement")
		if got := s.events("$seen"); !slices.Equal(got, []string{"pageview /", "Third /"}) {
			t.Errorf("sent were %q", got)
		}
	})
	t.Run("the opt-in path is off", func(t *testing.T) {
		tab.T = t
		s := newSite(t)
		s.head, s.tag = `<script src="/fake/manual"></script>`, tagOf("turf-consent.manual.js", `data-consent="manual"`)
		s.config = map[string]any{"site": "shop.test", "enabled": false}
		s.open(tab, "/")
		tab.Run(`await act('accept'); await turf.state(); turf('Off');` + flush)
		s.wait(t, "/v1/consent/config", 1)
		state(tab)
		if paths := s.paths(); len(paths) != 1 {
			t.Errorf("asked for %v", paths)
		}
		s.nothingStored(tab, "off")
	})
	t.Run("storage is refused: the id is in the page only", func(t *testing.T) {
		tab.T = t
		s := newSite(t)
		s.head, s.tag = `<script src="/fake/manual"></script>`, tagOf("turf-consent.manual.js", `data-consent="manual"`)
		s.open(tab, "/")
		tab.Run(`await turf.consent({events: true})`)
		s.sent(tab, "pageview /")
		s.nothingStored(tab, "without storage")
		tab.Run(`await turf.consent({events: true}); await turf.state()`)
		if n := len(s.chosen(true)); n != 1 {
			t.Errorf("A6: %d grants", n)
		}
	})
}

// At most 100 events are in one batch, and all of them arrive.
func TestBatches(t *testing.T) {
	tab := browsertest.Open(t)
	s := granted(t, tab, ``)
	tab.Run(`for (let i = 0; i < 250; i++) turf('Many', {props: {i}})`)
	s.until(tab, func() bool {
		tab.Run(flush)
		return strings.Count(strings.Join(s.events(), "\n"), "Many") >= 250
	})
	for _, c := range s.all("/v1/x/events") {
		if n := len(c.body["events"].([]any)); n > 100 {
			t.Errorf("%d events in a batch", n)
		}
	}
}
