package consent_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"turf/ingest/tracker/browsertest"
)

// manager is a consent manager that the contract is tried with: a fake in testdata, or a module of npm packages.
type manager struct {
	name string
	// adapter is its name in data-consent, where that is another; scheme that of its proof.
	adapter, scheme string
	module          string
	tag             []string
	// traps are states of it that look like a grant and are none.
	traps []string
	// noRefusal: it does not say that nobody has answered yet, so a refusal cannot be told from a page load after one.
	noRefusal bool
}

var managers = []manager{
	{name: "cookiebot", traps: []string{"region", "implied", "text"}},
	{name: "usercentrics3", adapter: "usercentrics", tag: []string{`data-category="turf1"`}, traps: []string{
		"implicit", "noneu", "loading", "broken",
	}},
	{name: "usercentrics2", adapter: "usercentrics", traps: []string{"implicit", "loading", "nohistory"}},
	{name: "onetrust", traps: []string{"optout", "prefix", "noanswer", "bare"}},
	{name: "didomi", traps: []string{"notrequired", "absent", "collect"}},
	{name: "complianz", traps: []string{"optout", "noanswer"}},
	{name: "wpconsent", scheme: "complianz", traps: []string{"optout", "untyped"}},
	{name: "cookieyes", traps: []string{"ccpa", "absent", "noanswer"}},
	{name: "osano", traps: []string{"preset", "permissive"}},
	{name: "gcm", tag: []string{`data-weak="yes"`}, traps: []string{"granted", "mixed", "nodefault"}},
	{name: "manual", traps: []string{"text", "nothing"}, noRefusal: true},
	{name: "cc3", module: cc3Module, traps: []string{"optout", "other", "loading"}},
	{name: "klaro", module: klaroModule, traps: []string{"preset", "reset", "optout", "required"}},
	{name: "tcf", module: tcfModule, traps: []string{"null", "interest", "disabled", "loading", "reask"}},
	{name: "gpp", module: gppModule, traps: []string{"notready", "usa", "america"}},
	{name: "cookieconsent", scheme: "osano", module: classicModule, traps: []string{"dismiss", "optout"}},
}

// A1–A9 of consent.md §3.1, for each adapter; and must hold 3: before a grant and after a refusal, storage, cookies and
// requests show nothing but the counting path's.
func TestContract(t *testing.T) {
	tab := browsertest.Open(t)
	for _, m := range managers {
		t.Run(m.name, func(t *testing.T) {
			tab.T = t
			m := m.filled()
			s := newSite(t)
			if m.module != "" {
				s.module(m.name, m.module)
			}
			for _, trap := range m.traps {
				s.put(m)
				s.open(tab, "/?state="+trap)
				if got := state(tab).Purposes; len(got) > 0 {
					t.Errorf("A1, A2: %s grants %v", trap, got)
				}
				tab.Run(flush)
				s.silent(tab, trap)
			}
			s.contract(tab, m)
			s.refusal(tab, m)
			s.alone(tab, m)
		})
	}
}

// filled is the manager with the names that are left out.
func (m manager) filled() manager {
	m.adapter = cmp.Or(m.adapter, m.name)
	m.scheme = cmp.Or(m.scheme, m.adapter)
	return m
}

// put has the page load the manager first, and then the script with all adapters, which is told its name.
func (s *site) put(m manager) {
	s.head = `<script src="/fake/` + m.name + `"></script>`
	if m.module != "" {
		s.head = `<script defer src="/fake/` + m.name + `"></script>`
	}
	s.tag = tagOf("turf-consent.js", append([]string{`data-consent="` + m.adapter + `"`}, m.tag...)...)
}

// contract is the life of a consent.
func (s *site) contract(tab *browsertest.Tab, m manager) {
	t := s.t
	s.put(m)
	s.open(tab, "/a?state=")
	tab.Run(`turf('Before', {props: {secret: 'early'}}); document.body.click();` + flush)
	s.silent(tab, "before an answer")

	// A1, A5: an explicit yes begins now.
	tab.Run(`await act('accept')`)
	grant := s.wait(t, "/v1/consent/events", 1)
	tab.Until(`ours() == 'turf_id'`)
	s.checkGrant(m, grant)
	tab.Run(`turf('During', {props: {n: 1}})`)
	s.until(tab, func() bool { tab.Run(flush); return len(s.events("$seen")) > 1 })
	if got := s.events("$seen"); !slices.Equal(got, []string{"pageview /a?state=", `During /a?state= {"n":"1"}`}) {
		t.Errorf("after the grant %q", got)
	}

	// A6: the same again is no news, also on the next page, which measures at once.
	tab.Run(`await act('again'); await turf.state(); await act('again'); await turf.state()`)
	s.visit(tab, "/b?state=")
	if m.name == "manual" {
		tab.Run(`await act('accept')`) // the site says it on each page
	}
	s.until(tab, func() bool { tab.Run(flush); return slices.Contains(s.events(), "pageview /b?state=") })
	if n := len(s.chosen(true)); n != 1 {
		t.Errorf("A6: %d grants", n)
	}

	// A5: a withdrawal ends it all; what waits is not sent.
	tab.Run(`turf('Unsent'); await act('deny'); await turf.state();` + flush)
	withdrawn := s.wait(t, "/v1/consent/withdraw", 1)
	if withdrawn.body["token"] != "token-1" {
		t.Errorf("A5: withdrawn with %v", withdrawn.body)
	}
	s.nothingStored(tab, "A5")
	if !slices.Contains(browsertest.Eval[[]string](tab, `sent`), "/v1/consent/withdraw keepalive") {
		t.Error("A5: the withdrawal does not outlive the page")
	}
	tab.Run(`turf('Between'); await act('accept')`)
	tab.Until(`ours() == 'turf_id'`)
	tab.Run(`turf('Again')`)
	s.until(tab, func() bool { tab.Run(flush); return slices.Contains(s.events(), "Again /b?state=") })

	// A4: a withdrawal that nobody is told of is found before anything is sent.
	tab.Run(`let batches = () => sent.filter((path) => path.startsWith('/v1/x/events')).length, before = batches();
		turf('Unsent'); await act('silent');` + flush + `await turf.state(); await new Promise((done) => setTimeout(done)); window.leaked = batches() - before`)
	s.wait(t, "/v1/consent/withdraw", 2)
	s.nothingStored(tab, "A4")
	if n := browsertest.Eval[int](tab, `leaked`); n > 0 {
		t.Errorf("A4: %d batches after the withdrawal", n)
	}
	for _, line := range s.events() {
		for _, never := range []string{"Before", "Unsent", "Between"} {
			if strings.HasPrefix(line, never) {
				t.Errorf("A5: %s was sent", line)
			}
		}
	}
	if called := browsertest.Eval[[]string](tab, `grants`); len(called) > 0 {
		t.Errorf("A7: it called %v", called)
	}
}

func (s *site) checkGrant(m manager, grant call) {
	t := s.t
	t.Helper()
	proof, _ := grant.body["proof"].(map[string]any)
	adapter, _ := grant.body["adapter"].(map[string]any)
	if adapter["name"] != m.adapter || proof["scheme"] != m.scheme || proof["method"] != "explicit" || grant.body["explicit"] != true {
		t.Errorf("A1: the grant is %v", grant.body)
	}
	if grant.body["cid"] != nil || grant.body["site"] != "shop.test" || grant.body["notice_id"] != "sha256:one" || len(grant.key) < 8 {
		t.Errorf("A1: the grant is %v, key %q", grant.body, grant.key)
	}
	purposes, _ := grant.body["purposes"].(map[string]any)
	if len(purposes) != 3 || purposes["account_link"] != nil {
		t.Errorf("A1: granted %v", purposes)
	}
	if text := grant.body["page"].(string); strings.Contains(text, "#") {
		t.Errorf("the page is %s", text)
	}
}

// refusal is somebody who says no: one number and no id, and on the next page nothing at all.
func (s *site) refusal(tab *browsertest.Tab, m manager) {
	t := s.t
	s.put(m)
	s.open(tab, "/no?state=")
	s.silent(tab, "before a refusal")
	tab.Run(`await act('reject'); await turf.state(); await act('reject'); turf('Refused'); await turf.state();` + flush)
	state(tab)
	if !m.noRefusal {
		refused := s.wait(t, "/v1/consent/events", 1)
		for _, id := range []string{"cid", "proof", "page", "occurred_at"} {
			if refused.body[id] != nil || refused.key != "" {
				t.Errorf("L9: a refusal has %s: %v", id, refused.body)
			}
		}
	}
	if n := len(s.chosen(false)); n > 1 || len(s.chosen(true)) > 0 || len(s.all("/v1/x/events")) > 0 {
		t.Errorf("a refusal: %v", s.paths())
	}
	s.nothingStored(tab, "after a refusal")
	s.forget()
	s.visit(tab, "/no2?state=")
	tab.Run(flush)
	s.silent(tab, "on the page after a refusal")
}

// A3 for managers that are found by themselves: Consent Mode beside Cookiebot can say no, and has no yes that counts alone.
func TestTwoManagers(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t)
	s.head = `<script src="/fake/gcm"></script><script src="/fake/cookiebot"></script>`
	s.tag = tagOf("turf-consent.js")
	s.open(tab, "/?state=")
	tab.Run(`await act('accept'); await turf.state()`)
	s.silent(tab, "Cookiebot says yes, Consent Mode no")
	tab.Run(`gtag('consent', 'update', {analytics_storage: 'granted'})`)
	s.sent(tab, "pageview /?state=")
	if proof := s.chosen(true)[0].body["proof"].(map[string]any); proof["scheme"] != "cookiebot" {
		t.Errorf("the proof is %v", proof)
	}
	tab.Run(`gtag('consent', 'update', {analytics_storage: 'denied'})`)
	s.wait(t, "/v1/consent/withdraw", 1)
	tab.Until(`ours() == ''`)

	s.head = `<script src="/fake/gcm"></script>`
	s.open(tab, "/?state=")
	tab.Run(`await act('accept'); await turf.state();` + flush)
	s.silent(tab, "Consent Mode alone")
}

// alone is what depends on others: GPC, another manager, a manager that comes late, and the end.
func (s *site) alone(tab *browsertest.Tab, m manager) {
	t := s.t
	s.put(m)
	// A3: GPC.
	s.open(tab, "/gpc?state=gpc")
	tab.Run(`await act('accept'); await turf.state();` + flush)
	s.silent(tab, "A3: with GPC")

	// A3: another manager that does not grant. The other one is manual, or Cookiebot for that.
	other := "manual"
	if m.name == "manual" {
		other = "cookiebot"
	}
	s.tag = tagOf("turf-consent.js", append([]string{`data-consent="` + m.adapter + `,` + other + `"`}, m.tag...)...)
	s.open(tab, "/two?state=")
	tab.Run(`await act('accept'); await turf.state();` + flush)
	s.silent(tab, "A3: with another that does not say yes")

	// A8: it comes after the script, found by itself; A9: and all is put back at the end.
	s.put(m)
	s.head = `<script>window.OptanonWrapper = () => { count++ }; window.dataLayer = [];
		dataLayer.push = function (...entries) { count++; return Array.prototype.push.apply(this, entries) }; window.before = dataLayer.push</script>`
	s.tag = tagOf("turf-consent.js", m.tag...)
	s.open(tab, "/late?state=")
	s.silent(tab, "A8: without a manager")
	tab.Run(`await new Promise((done, failed) => { let e = document.createElement('script'); e.src = '/fake/` + m.name + `';
		e.onload = done; e.onerror = failed; document.body.append(e) }); dispatchEvent(new Event('load'))`)
	s.until(tab, func() bool { return state(tab).Known || m.name == "manual" })
	tab.Run(`await act('accept')`)
	tab.Until(`ours() == 'turf_id'`)
	if n := len(s.chosen(true)); n != 1 {
		t.Errorf("A8: %d grants", n)
	}
	if n := browsertest.Eval[int](tab, `(count = 0, dataLayer.push({event: 'x'}), OptanonWrapper(), count)`); n != 2 {
		t.Errorf("A9: of what the site had put there, %d of 2 were called", n)
	}
	tab.Run(`history.pushState({}, '', '/moved?state='); turf.end()`)
	if !browsertest.Eval[bool](tab, `dataLayer.push == before`) {
		t.Error("A9: dataLayer.push is not put back")
	}
	tab.Run(`sent.length = 0; turf('After'); if ('` + m.name + `' != 'manual') await act('deny'); await new Promise((done) => setTimeout(done));` + flush)
	for _, sent := range browsertest.Eval[[]string](tab, `sent`) {
		if !strings.HasPrefix(sent, "/api/event") {
			t.Errorf("A9: after the end %s", sent)
		}
	}
	s.counted.Until(t, "the counting script goes on", func(events []browsertest.Event) bool {
		return slices.ContainsFunc(events, func(e browsertest.Event) bool { return e.Name == "After" })
	})
}
