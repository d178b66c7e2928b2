package consent_test

import (
	"slices"
	"strings"
	"testing"

	"turf/ingest/tracker/browsertest"
)

const ownTag = `data-consent="own"`

// L4 and L9 with the own prompt: it is in the page, in nobody's way, with two equal buttons; no is remembered as such and
// no more; withdrawing takes as many clicks as granting, one, and no dialog.
func TestPrompt(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t)
	s.body = `<p>The page</p><a href="#x">link</a>`
	s.tag = tagOf("turf-consent.own.js", ownTag)
	s.open(tab, "/a")
	tab.Until(`document.querySelector('#turf-consent')`)
	if got := browsertest.Eval[[]string](tab, `[...document.querySelectorAll('#turf-consent button')].map((b) => b.textContent)`); !slices.Equal(
		got, []string{"Accept all", "Reject all"}) {
		t.Errorf("the buttons are %q", got)
	}
	for what, expression := range map[string]string{
		"the buttons are equal": `(([a, b]) => a.style.cssText == b.style.cssText && a.offsetHeight == b.offsetHeight)(
			document.querySelectorAll('#turf-consent button'))`,
		"nothing is ticked":        `[...document.querySelectorAll('#turf-consent input')].length == 3 && !document.querySelector('#turf-consent :checked')`,
		"it took the focus":        `document.activeElement == document.body`,
		"it is no dialog":          `!document.querySelector('dialog, [aria-modal], [role=dialog]')`,
		"the page can be used":     `document.elementFromPoint(20, 20).closest('#turf-consent') == null`,
		"it has a name":            `document.querySelector('section[aria-label="May we measure?"]')`,
		"nothing is stored before": `ours() == ''`,
	} {
		if !browsertest.Eval[bool](tab, `Boolean(`+expression+`)`) {
			t.Errorf("not so: %s", what)
		}
	}
	s.wait(t, "/v1/consent/events", 1)
	for _, c := range s.all("/v1/consent/events") {
		if c.body["action"] != "shown" || c.body["cid"] != nil || c.key != "" {
			t.Errorf("L9: before an answer %v", c.body)
		}
	}

	// Esc is no answer: it is not asked again in this tab, and again in another.
	tab.Run(`document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))`)
	tab.Until(`!document.querySelector('#turf-consent')`)
	s.wait(t, "/v1/consent/events", 2)
	if got := s.all("/v1/consent/events")[1].body["action"]; got != "dismiss" {
		t.Errorf("Esc is %v", got)
	}
	s.forget()
	s.visit(tab, "/b")
	tab.Run(`await turf.state()`)
	if n := len(s.paths()); n > 0 || browsertest.Eval[bool](tab, `Boolean(document.querySelector('#turf-consent'))`) {
		t.Errorf("asked again in the same tab: %v", s.paths())
	}
	if stored := browsertest.Eval[string](tab, `ours()`); stored != "turf_later" {
		t.Errorf("after Esc the browser stores %s", stored)
	}

	// No, in one click: a flag and a date, and one number on the server.
	s.open(tab, "/c")
	tab.Until(`document.querySelector('#turf-consent')`)
	tab.Run(button("Reject all") + `.click()`)
	s.until(tab, func() bool { return len(s.chosen(false)) == 1 })
	if c := s.chosen(false)[0]; c.body["cid"] != nil || c.body["proof"] != nil {
		t.Errorf("L9: a refusal is %v", c.body)
	}
	if got := browsertest.Eval[string](tab, `ours() + Object.keys(JSON.parse(localStorage.turf_choice))`); got != "turf_choiceyes,at" {
		t.Errorf("of a refusal the browser stores %s", got)
	}
	s.forget()
	s.visit(tab, "/d")
	tab.Run(`await turf.state()`)
	if len(s.paths()) > 0 || browsertest.Eval[bool](tab, `Boolean(document.querySelector('#turf-consent'))`) {
		t.Errorf("asked again after a refusal: %v", s.paths())
	}
	tab.Run(`let c = JSON.parse(localStorage.turf_choice); c.at = new Date(Date.now() - 183 * 864e5).toISOString();
		localStorage.turf_choice = JSON.stringify(c)`)
	s.visit(tab, "/e")
	tab.Until(`document.querySelector('#turf-consent')`) // half a year later

	// Yes takes one click, and so does taking it back.
	granting := 1
	tab.Run(button("Accept all") + `.click()`)
	tab.Until(`ours().includes('turf_id')`)
	grant := s.chosen(true)[0]
	proof, _ := grant.body["proof"].(map[string]any)
	if proof["scheme"] != "own" || proof["id"] != "nonce-1" || grant.body["ui"] != "own" {
		t.Errorf("the grant is %v", grant.body)
	}
	s.visit(tab, "/f")
	tab.Until(`ours().includes('turf_id')`)
	tab.Run(`await turf.state()`)
	if n := len(s.chosen(true)); n != 1 {
		t.Errorf("A6: %d grants", n)
	}
	withdrawing := 0
	for len(s.all("/v1/consent/withdraw")) == 0 {
		tab.Run(button("Withdraw consent") + `.click(); await turf.state()`)
		withdrawing++
		s.wait(t, "/v1/consent/withdraw", 1)
	}
	if withdrawing > granting {
		t.Errorf("L4: granting takes %d clicks, withdrawing %d", granting, withdrawing)
	}
	tab.Until(`ours() == 'turf_choice'`)
	if !browsertest.Eval[bool](tab, `Boolean(`+button("Privacy choices")+`)`) {
		t.Error("the link is not there after a withdrawal")
	}

	// What is ticked is what is granted.
	tab.Run(button("Privacy choices") + `.click()`)
	tab.Until(`document.querySelector('#turf-consent')`)
	tab.Run(`document.querySelector('[name=heatmap]').click(); ` + button("Save my choice") + `.click()`)
	s.until(tab, func() bool { return len(s.chosen(true)) == 2 })
	if p := s.chosen(true)[1].body["purposes"].(map[string]any); len(p) != 1 || p["heatmap"] != true {
		t.Errorf("ticked was heatmap, granted %v", p)
	}
}

// A notice that has changed is asked about again; the old answer is none to it.
func TestPromptNewNotice(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t)
	s.tag = tagOf("turf-consent.own.js", ownTag)
	s.open(tab, "/a")
	tab.Until(`document.querySelector('#turf-consent')`)
	tab.Run(button("Accept all") + `.click()`)
	tab.Until(`ours().includes('turf_id')`)
	s.set(func(c call) (int, any) {
		if c.path == "/v1/x/events" {
			return 409, map[string]string{"code": "notice_superseded"}
		}
		return 0, nil
	})
	s.mu.Lock()
	s.config["notice_id"] = "sha256:two"
	s.mu.Unlock()
	tab.Run(`turf('X')`)
	s.until(tab, func() bool { tab.Run(flush); return len(s.all("/v1/x/events")) > 0 })
	tab.Until(`!ours().includes('turf_id')`)
	grants := len(s.chosen(true))
	s.visit(tab, "/b")
	tab.Until(`document.querySelector('#turf-consent')`)
	if n := len(s.chosen(true)); n != grants {
		t.Errorf("%d grants to a notice that nobody saw", n-grants)
	}
}

// The prompt is not shown, and nothing asked, where the browser says no.
func TestPromptAndGPC(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t)
	s.tag = tagOf("turf-consent.own.js")
	s.open(tab, "/?state=gpc")
	s.silent(tab, "with GPC")
	if browsertest.Eval[bool](tab, `Boolean(document.querySelector('#turf-consent'))`) {
		t.Error("asked somebody who said no")
	}
}

// L4 where a manager asks: one click on what the site marks takes it back, whatever the manager goes on saying, also on
// the next page; a later yes counts again.
func TestWithdrawElement(t *testing.T) {
	tab := browsertest.Open(t)
	s := newSite(t)
	s.body = `<button data-turf-withdraw>Stop measuring</button>`
	s.put(managers[0].filled())
	s.open(tab, "/a")
	tab.Run(`await act('accept')`)
	tab.Until(`ours() == 'turf_id'`)
	tab.Click(`[data-turf-withdraw]`)
	s.wait(t, "/v1/consent/withdraw", 1)
	tab.Until(`ours() == 'turf_no'`)
	s.visit(tab, "/b")
	tab.Run(`await turf.state();` + flush)
	if n := len(s.chosen(true)); n != 1 {
		t.Errorf("granted again by the manager's old answer: %d", n)
	}
	tab.Run(`await act('reject'); await turf.state(); await act('accept')`)
	tab.Until(`ours() == 'turf_id'`)
}

func button(text string) string {
	return `[...document.querySelectorAll('button')].find((b) => b.textContent == '` + strings.ReplaceAll(text, "'", `\'`) + `')`
}
