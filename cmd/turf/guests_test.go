package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"turf/ingest/tracker/browsertest"
)

const ownersPassword = "grass is green"

// TestGuestInTheBrowser goes the way of a guest with a real server and a real browser: the owner invites on the page of the site, the
// guest follows the link, chooses a password and sees that site; with the keyboard alone, and without complaints of axe-core.
func TestGuestInTheBrowser(t *testing.T) {
	audit := auditor(t)
	in := install(t)
	in.must(nil, "site", "add", "one.example", "--timezone", "UTC")
	in.must(nil, "site", "add", "two.example", "--timezone", "UTC")
	if r := in.turf(ownersPassword+"\n", "user", "add", "ada", "--password-stdin"); r.status != 0 {
		t.Fatal(r.stderr)
	}
	server := in.serve()

	owner := browsertest.Open(t)
	owner.Visit(server.url + "/one.example?tab=access")
	owner.Until(`document.querySelector('[name=password]')`)
	typeKeys(owner, "[name=name]", "ada")
	typeKeys(owner, "[name=password]", ownersPassword+"\r")
	owner.Until(`document.querySelector('.access [name=email]') && document.body.innerText.includes('ada')`)
	audit(owner, "access")
	typeKeys(owner, "[name=email]", "Bob@Example.net\r")
	owner.Until(`document.querySelector('[data-guest="bob@example.net"]')`)
	link := browsertest.Eval[string](owner, `document.querySelector('.access .tag code').textContent`)
	if !strings.HasPrefix(link, server.url+"/#invitation=") {
		t.Fatalf("the link is %q", link)
	}
	audit(owner, "access, invited")

	// Another browser, which knows nothing of the owner's session.
	guest := browsertest.Open(t)
	guest.Visit(link)
	guest.Until(`document.querySelector('[name=name]')?.value === 'bob@example.net' && document.activeElement.name === 'password'`)
	audit(guest, "invitation")
	typeKeys(guest, "[name=password]", "a guest's own\r")
	guest.Until(`location.pathname === '/' && location.hash === '' && document.querySelector('a.cover')?.textContent === 'one.example'`)
	if sites := browsertest.Eval[int](guest, `document.querySelectorAll('a.cover').length`); sites != 1 {
		t.Errorf("the guest sees %d sites", sites)
	}
	guest.Visit(server.url + "/one.example")
	guest.Until(`document.querySelector('.views')`)
	if tabs := browsertest.Eval[string](guest, `[...document.querySelectorAll('.views a')].map((a) => a.textContent).join(' ')`); tabs != "Numbers People" {
		t.Errorf("the guest sees the tabs %s", tabs)
	}
	guest.Visit(server.url + "/one.example?tab=access") // by its address
	guest.Until(`document.querySelector('.views') && !document.querySelector('.access')`)
	guest.Visit(server.url + "/two.example")
	guest.Until(`document.body.innerText.includes('You were not invited to this site')`)
	guest.Visit(link) // a second time
	guest.Until(`document.querySelector('[role=alert]').textContent.includes('followed already')`)

	// The owner makes an editor of the guest, and then removes it: the next look shows nothing.
	owner.Visit(server.url + "/one.example?tab=access")
	owner.Until(`document.querySelector('[data-guest="bob@example.net"] select').value === 'viewer' && !document.body.innerText.includes('no password yet')`)
	owner.Run(`const s = document.querySelector('[data-guest="bob@example.net"] select'); s.value = 'editor'; s.dispatchEvent(new Event('change', {bubbles: true}))`)
	owner.Wait("an editor", func() bool { return in.guestRole("bob@example.net") == "editor" })
	guest.Visit(server.url + "/one.example")
	guest.Until(`[...document.querySelectorAll('.views a')].map((a) => a.textContent).join(' ') === 'Numbers Goals People Consent'`)
	owner.Run(`document.querySelector('[aria-label="Remove bob@example.net"]').focus()`)
	owner.Do(chromedp.KeyEvent("\r"))
	owner.Until(`!document.querySelector('[data-guest]')`)
	guest.Visit(server.url + "/")
	guest.Until(`document.body.innerText.includes('not invited to a site at the moment')`)

	// A site that was renamed is found by a bookmark of its old name.
	in.must(nil, "site", "rename", "one.example", "uno.example")
	owner.Visit(server.url + "/one.example?period=30d")
	owner.Until(`location.pathname + location.search === '/uno.example?period=30d' && document.querySelector('.views')`)
}

// auditor holds pages against the rules of axe-core.
func auditor(t *testing.T) func(tab *browsertest.Tab, page string) {
	t.Helper()
	axe, err := os.ReadFile("../../dashboard/web/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Log("dashboard/web/node_modules is not there (npm ci), so there is no axe-core: the pages are not audited")
	}
	return func(tab *browsertest.Tab, page string) {
		t.Helper()
		if len(axe) == 0 {
			return
		}
		// Contrast is that of the page at rest.
		tab.Until(`!document.querySelector('.stale') && document.getAnimations().every((a) => a.playState === 'finished')`)
		browsertest.Eval[any](tab, string(axe)+"; undefined")
		found := browsertest.Eval[string](tab, `axe.run().then((r) => r.violations.map((v) => v.id + ': ' + v.help + ' ' +
			v.nodes.map((n) => n.target)).join('\n'))`)
		if found != "" {
			t.Errorf("%s:\n%s", page, found)
		}
	}
}

// TestGuestsChangeNothingOfConsent: the pages of the opt-in path are for who may change the site; a viewer is answered as a stranger
// is, also for reading what the ledger has of people.
func TestGuestsChangeNothingOfConsent(t *testing.T) {
	in := install(t)
	in.must(nil, "site", "add", "one.example", "--timezone", "UTC")
	in.must(nil, "site", "add", "two.example", "--timezone", "UTC")
	for name, role := range map[string]string{"v@example.net": "viewer", "e@example.net": "editor"} {
		if r := in.turf(ownersPassword+"\n", "user", "add", name, "--site", "one.example", "--role", role, "--password-stdin"); r.status != 0 {
			t.Fatal(r.stderr)
		}
	}
	// With a proxy that is trusted, nobody is let in for sitting at this machine.
	server := in.serve("--trusted-proxy", "192.0.2.1")
	for _, c := range []struct {
		user, method, path, body string
		status                   int
	}{
		{"v@example.net", "GET", "/v1/sites/one.example/consent", "", 403},
		{"v@example.net", "PUT", "/v1/sites/one.example/consent", `{"on":true}`, 403},
		{"v@example.net", "GET", "/v1/audit/export?site=one.example", "", 403},
		{"e@example.net", "GET", "/v1/sites/one.example/consent", "", 200},
		{"e@example.net", "PUT", "/v1/sites/one.example/consent", `{"on":true}`, 200},
		{"e@example.net", "GET", "/v1/sites/two.example/consent", "", 403},
		{"e@example.net", "PUT", "/v1/sites/two.example/consent", `{"on":true}`, 403},
		{"e@example.net", "GET", "/v1/audit/export?site=two.example", "", 403},
	} {
		if status := server.as(c.user, c.method, c.path, c.body); status != c.status {
			t.Errorf("%s: %s %s: %d, want %d", c.user, c.method, c.path, status, c.status)
		}
	}
}

// as signs in, and is the status of a request then.
func (p *process) as(user, method, path, body string) int {
	p.t.Helper()
	in, err := json.Marshal(map[string]string{"name": user, "password": ownersPassword})
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := p.client.Post(p.url+"/api/login", "application/json", strings.NewReader(string(in)))
	if err != nil {
		p.t.Fatal(err)
	}
	if status, text := answer(p.t, res); status != http.StatusOK {
		p.t.Fatal(status, text)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, cookie := range res.Cookies() {
		req.AddCookie(cookie)
	}
	if res, err = p.client.Do(req); err != nil {
		p.t.Fatal(err)
	}
	status, _ := answer(p.t, res)
	return status
}

// guestRole is what the commands say of a guest of one site.
func (in *installation) guestRole(name string) string {
	in.t.Helper()
	var users []knownUser
	in.must(&users, "user", "list")
	for _, u := range users {
		if u.User == name && len(u.Sites) == 1 {
			return string(u.Sites[0].Role)
		}
	}
	return ""
}

// typeKeys puts the focus on a field and types, as somebody without a mouse does.
func typeKeys(tab *browsertest.Tab, selector, text string) {
	tab.T.Helper()
	tab.Run("document.querySelector('" + selector + "').focus()")
	tab.Do(chromedp.KeyEvent(text))
}
