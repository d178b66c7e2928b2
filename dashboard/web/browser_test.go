package web

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
)

const (
	// numbersShown is true when the top numbers and the pages are there.
	numbersShown = `document.querySelector('[data-metric=visitors][data-value="1234"]') &&
		document.querySelectorAll('[data-panel=pages] .row').length === 9`
	paper = `getComputedStyle(document.documentElement).backgroundColor`
	// colours are those of the page that are others at night, in the order of their declarations.
	colours = `(() => { const style = getComputedStyle(document.documentElement);
		return [...document.styleSheets].flatMap((s) => [...s.cssRules]).filter((r) => r.selectorText === ':root')
			.flatMap((r) => [...r.style]).filter((name) => name.startsWith('--') && !['--light', '--dark'].includes(name))
			.filter((name) => !['--sans', '--mono', '--radius'].includes(name))
			.map((name) => name + ' ' + style.getPropertyValue(name).trim()); })()`
	// ink is how many pixels of the chart have a colour.
	ink = `(() => { const c = document.querySelector('.chart canvas');
		const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
		let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i] > 0) n++; return n; })()`
)

func TestPageShowsTheNumbers(t *testing.T) {
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	tb.visit("/example.com")
	tb.until(numbersShown)
	for name, expression := range map[string]string{
		"six top numbers":      `document.querySelectorAll('.number').length === 6`,
		"visit duration":       `document.querySelector('[data-metric=visit_duration]').innerText.includes('1m 15s')`,
		"change":               `document.querySelector('[data-metric=visitors] [data-change="0"]')`,
		"current visitors":     `document.querySelector('[data-current="7"]')`,
		"share of a page":      `document.querySelector('[data-value="/pricing"]').innerText.includes('34%')`,
		"country by its name":  `document.querySelector('[data-value=NL]').innerText.includes('Netherlands')`,
		"other explained":      `document.querySelector('[data-panel=places] [role=tooltip]').textContent.includes('privacy')`,
		"other is last":        `document.querySelector('[data-panel=places] .row:last-child').dataset.value === '(other)'`,
		"goals":                `document.querySelector('[data-panel=goals] [data-value="Sign up"]').innerText.match(/30.*90.*2.5%/s)`,
		"drops":                `document.querySelector('.drops summary').innerText === 'Not counted: 1,234 requests (1,000 robots, 200 data centres, 30 browsers without a window, …)'`,
		"events with counts":   `document.querySelector('[data-panel=events] [data-number=events]').textContent.startsWith('99')`,
		"chart as a table":     `document.querySelectorAll('.chart tbody tr').length === 7`,
		"nothing too wide":     `document.documentElement.scrollWidth <= innerWidth`,
		"nothing from outside": `performance.getEntriesByType('resource').every((e) => new URL(e.name).origin === origin)`,
	} {
		t.Log(name)
		tb.until(expression)
	}
	tb.inked(2000)

	tb.click("[data-panel=places] [data-tab=city]")
	tb.until(`document.querySelector('[data-value="2759794"]').innerText.startsWith('Amsterdam')`)
	tb.click("[data-metric=bounce_rate]")
	tb.until(`location.search === '?metric=bounce_rate' && document.querySelector('.legend').innerText.includes('Bounce rate')`)
	tb.do(chromedp.EmulateViewport(360, 740))
	tb.until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)
	tb.click("[data-panel=pages] .details-button")
	tb.until(`document.querySelectorAll('dialog .details tbody tr').length === 11`)
	tb.until(`document.documentElement.scrollWidth <= 360`)
}

func TestRowFiltersAndBackUndoes(t *testing.T) {
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	tb.visit("/example.com")
	tb.until(numbersShown)
	tb.click(`[data-panel=pages] [data-value="/pricing"] .pick`)
	tb.until(`location.search === '?page=/pricing' && document.querySelector('[data-filter=page]')`)
	// What is not counted under the filter says so, and is not asked for.
	tb.until(`document.querySelector('[data-panel=events].off .refusal').innerText.includes('Event is not counted together with page')`)
	tb.until(`document.querySelector('[data-panel=pages] [data-tab=entry]').matches('.off') &&
		document.querySelector('[data-panel=places] [data-tab=region]').innerText.includes('not counted') &&
		document.querySelector('[data-panel=devices] .details-button').disabled`)
	if api.asked("event:name", `"is" "event:page" ["/pricing"]`) {
		t.Error("what the server refuses was asked for")
	}
	// What the server refuses all the same, it says in its own words.
	tb.click("[data-panel=sources] [data-tab=channel]")
	tb.until(`document.querySelector('[data-panel=sources] .refusal').innerText.includes('page and channel are not counted together')`)
	tb.click("[data-panel=sources] [data-tab=source]")
	tb.wait("the sources under the filter", func() bool { return api.asked("visit:source", `"is" "event:page" ["/pricing"]`) })

	tb.click("[data-filter=page] .operator")
	tb.until(`location.search === '?page.not=/pricing'`)
	eval[any](tb, `history.go(-2)`)
	tb.until(`location.search === '' && !document.querySelector('[data-filter]') &&
		document.querySelector('[data-panel=events] .row')`)

	// One day has no hours under filters of two sides.
	tb.visit("/example.com?period=today&page=/pricing&source=Google")
	tb.until(`document.querySelector('.chart-space .refusal').innerText.includes('days are counted, and no hours')`)

	tb.visit("/example.com?period=30d&source=Google")
	tb.until(`document.querySelector('[data-filter=source]')?.innerText.includes('Google')`)
	tb.click("[data-filter=source] .remove")
	tb.until(`location.search === '?period=30d' && !document.querySelector('[data-filter]')`)
}

// Every tab of every panel asks for its own values.
func TestTabs(t *testing.T) {
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	tb.visit("/example.com")
	tb.until(numbersShown)
	for _, c := range []struct{ panel, tab, shows, dimension, filter string }{
		{"pages", "entry", "700", "visit:entry_page", ""},
		{"pages", "exit", "/thanks", "visit:exit_page", ""},
		{"sources", "channel", "Organic Search", "visit:channel", ""},
		{"sources", "campaign", "spring", "visit:utm_campaign", `"is_not" "visit:utm_campaign" ["(not set)"]`},
		{"sources", "referrer", "No referrers in these days", "visit:referrer", ""},
		{"places", "region", "North Holland", "visit:region", ""},
		{"places", "city", "Amsterdam", "visit:city", ""},
		{"devices", "os", "No operating systems in these days", "visit:os", ""},
		{"devices", "device", "No devices in these days", "visit:device", ""},
	} {
		panel := "[data-panel=" + c.panel + "]"
		tb.click(panel + " [data-tab=" + c.tab + "]")
		tb.until(`document.querySelector('` + panel + `').innerText.includes('` + c.shows + `')`)
		if !api.asked(c.dimension, c.filter) {
			t.Errorf("%s was not asked for with filter %q", c.dimension, c.filter)
		}
	}
	// Numbers that are not exact say so.
	tb.click("[data-panel=sources] [data-tab=channel]")
	tb.until(`document.querySelector('[data-panel=sources] .note').innerText.startsWith('At most so many')`)
	tb.until(`!document.querySelector('.most')`)
	tb.click(`[data-panel=sources] [data-value="Direct"] .pick`)
	tb.until(`document.querySelectorAll('.most').length === 1 && document.querySelector('[data-metric=visitors] .most')`)
	tb.until(`document.querySelector('[data-panel=places] .panel-foot .note').innerText ===
		'IP geolocation by Somebody (places.example/free), March 2026.'`)
	tb.until(`document.querySelector('.panel-foot .note a').href === 'https://places.example/free'`)
}

func TestPeriods(t *testing.T) {
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	tb.visit("/example.com")
	tb.until(numbersShown)
	for _, c := range []struct{ period, search string }{
		{"today", "?period=today"},
		{"yesterday", "?period=yesterday"},
		{"30d", "?period=30d"},
		{"12mo", "?period=12mo"},
		{"7d", ""},
	} {
		tb.click("[data-period='" + c.period + "']")
		tb.until(`location.search === '` + c.search + `' && !document.querySelector('.stale') &&
			document.querySelector('[data-period="` + c.period + `"]').ariaPressed === 'true'`)
	}
	tb.until(`document.querySelector('[aria-label=Later]').disabled`)
	tb.click("[aria-label=Earlier]")
	tb.until(`/^\?from=.*&to=/.test(location.search) && !document.querySelector('[aria-label=Later]').disabled`)
	tb.click("[aria-label=Later]")
	tb.until(`location.search === ''`)

	tb.click("[data-period=custom]")
	tb.until(`document.querySelector('dialog[open] [name=from]')`)
	set := func(field, day string) {
		eval[any](tb, `(() => { const f = document.querySelector('[name=`+field+`]'); f.value = '`+day+`';
			f.dispatchEvent(new Event('input', { bubbles: true })); })()`)
	}
	set("from", "2026-03-09")
	set("to", "2026-03-02")
	tb.until(`document.querySelector('dialog [type=submit]').disabled`)
	set("from", "2026-02-23")
	tb.click("dialog [type=submit]")
	tb.until(`location.search === '?from=2026-02-23&to=2026-03-02' && !document.querySelector('dialog')`)
	tb.wait("a question about the days and one about those before them", func() bool {
		return api.askedFor("2026-02-23", "2026-03-02") && api.askedFor("2026-02-15", "2026-02-22")
	})
	tb.visit("/example.com?period=yesterday&metric=pageviews")
	tb.until(numbersShown)
	tb.hover(".chart-space")
	tb.until(`document.querySelector('.chart-tip')`)
}

// All can be done from the keyboard.
func TestKeyboard(t *testing.T) {
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	tb.visit("/example.com")
	tb.until(numbersShown)
	press := func(keys string) { tb.do(chromedp.KeyEvent(keys)) }
	focus := func(selector string) { eval[any](tb, `document.querySelector('`+selector+`').focus()`) }

	press("\t")
	tb.until(`document.activeElement.className === 'skip' && document.activeElement.getBoundingClientRect().top >= 0`)
	press("\r")
	tb.until(`location.hash === '#content'`)
	focus("[data-panel=sources] [data-tab=source]")
	press(kb.ArrowRight)
	tb.until(`document.activeElement.dataset.tab === 'channel' && document.activeElement.ariaSelected === 'true'`)
	press(kb.ArrowLeft + kb.ArrowLeft)
	tb.until(`document.activeElement.dataset.tab === 'referrer'`)
	focus(`[data-panel=pages] [data-value="/pricing"] .pick`)
	press("\r")
	tb.until(`location.search === '?page=/pricing' && document.activeElement.matches('.pick[aria-pressed=true]')`)
	press("\r")
	tb.until(`location.search === ''`)
	focus("[data-panel=places] .why")
	tb.until(`getComputedStyle(document.querySelector('[data-panel=places] .tip')).visibility === 'visible'`)
	focus("[data-panel=pages] .details-button")
	press("\r")
	tb.until(`document.querySelector('dialog[open]').contains(document.activeElement)`)
	press(kb.Escape)
	tb.until(`!document.querySelector('dialog') && document.activeElement.matches('[data-panel=pages] .details-button')`)
}

func TestDarkAndLight(t *testing.T) {
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	tb.visit("/example.com")
	tb.until(numbersShown)
	light := eval[string](tb, paper)
	emulate := func(params emulation.SetEmulatedMediaParams) {
		t.Helper()
		if _, err := chromedp.Call(tb.Context(), emulation.SetEmulatedMedia, params); err != nil {
			t.Fatal(err)
		}
	}
	day := eval[[]string](tb, colours)
	dark := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}
	emulate(emulation.SetEmulatedMediaParams{Features: dark})
	tb.until(paper + ` !== '` + light + `'`)
	night := eval[string](tb, paper)
	system := eval[[]string](tb, colours)
	if len(day) < 15 || len(day) != len(system) {
		t.Fatalf("the colours are %v, at night %v", day, system)
	}
	for i := range day {
		if day[i] == system[i] {
			t.Errorf("%s is the colour of day and night", day[i])
		}
	}
	tb.click(`[aria-label="Use light colours"]`)
	tb.until(paper + ` === '` + light + `'`)
	tb.do(chromedp.Reload())
	tb.until(numbersShown + ` && ` + paper + ` === '` + light + `'`)
	tb.click(`[aria-label="Use dark colours"]`)
	tb.until(paper + ` === '` + night + `'`)
	emulate(emulation.SetEmulatedMediaParams{}) // chosen, and not the system's
	tb.until(`!matchMedia('(prefers-color-scheme: dark)').matches`)
	if diff := cmp.Diff(system, eval[[]string](tb, colours)); diff != "" {
		t.Errorf("the dark colours that are chosen (+) are not the system's (-):\n%s", diff)
	}
	emulate(emulation.SetEmulatedMediaParams{Media: "print", Features: dark}) // paper is light
	if printed, i := eval[[]string](tb, colours), slices.IndexFunc(day, isInk); printed[i] != day[i] {
		t.Errorf("it is printed in %s, and shown in %s", printed[i], day[i])
	}
	emulate(emulation.SetEmulatedMediaParams{})
	tb.inked(2000)
}

func isInk(colour string) bool { return strings.HasPrefix(colour, "--ink ") }

// Each colour is said once, of day and night together.
func TestColoursAreSaidOnce(t *testing.T) {
	css, err := os.ReadFile("src/style/base.css")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\s*(--[\w-]+):`).FindAllStringSubmatch(string(css), -1) {
		name := m[1]
		if seen[name] && name != "--light" && name != "--dark" { // those say which of a colour's two holds
			t.Errorf("%s is said twice", name)
		}
		seen[name] = true
	}
	if len(seen) < 20 {
		t.Errorf("found only %d of the page's properties", len(seen))
	}
}

func TestNewSiteShowsItsTag(t *testing.T) {
	server := (&cannedAPI{signedIn: true}).serve(t)
	tb := open(t, server)
	tb.visit("/")
	tb.until(`document.querySelectorAll('.site-card').length === 3 && document.querySelector('.spark-line')`)
	// A zone that this browser does not know breaks neither the list nor the page around it.
	tb.until(`document.querySelectorAll('.site-card')[2].innerText.includes('Mars/Olympus_Mons')`)
	tb.click(`.site-card a[href="/new.example"]`)
	tag := `<script defer src="` + server.URL + `/js/turf.js" data-domain="new.example"></script>`
	tb.until(`document.querySelector('.tag')?.innerText.includes('` + tag + `')`)
	tb.visit("/odd.example")
	tb.until(`document.querySelector('[role=alert]').innerText.includes('Mars/Olympus_Mons') &&
		document.querySelector('.switcher select').value === 'odd.example'`)
	tb.visit("/unheard.example")
	tb.until(`document.body.innerText.includes('No site unheard.example here')`)
}

func TestSignIn(t *testing.T) {
	tb := open(t, (&cannedAPI{}).serve(t))
	tb.visit("/example.com")
	tb.write("[name=name]", "ada")
	tb.write("[name=password]", "hay")
	tb.click("[type=submit]")
	tb.until(`document.querySelector('[role=alert]').innerText.includes('do not go together')`)
	tb.until(`document.activeElement.name === 'password'`) // what was wrong is selected, so typing replaces it
	tb.do(chromedp.KeyEvent("grass"), chromedp.KeyEvent("\r"))
	tb.until(numbersShown)
	tb.click(".bar .quiet")
	tb.until(`document.querySelector('[name=password]').value === ''`)
}

// Password managers write into the fields without a key; some tell nobody.
func TestPasswordManagerSignsIn(t *testing.T) {
	for name, tell := range map[string]string{
		"silent": "", "with an event": "f.dispatchEvent(new Event('input', { bubbles: true }));",
	} {
		tb := open(t, (&cannedAPI{}).serve(t))
		tb.visit("/example.com")
		tb.until(`document.querySelector('[name=password]')`)
		eval[any](tb, `for (const [name, value] of [['name', 'ada'], ['password', 'grass']]) {
			const f = document.querySelector('[name=' + name + ']'); f.value = value; `+tell+` } undefined`)
		tb.click("[type=submit]")
		t.Log(name)
		tb.until(numbersShown)
	}
}

// axe-core finds nothing to complain about, in either theme, on a wide and a narrow screen, with and without a window.
func TestAccessible(t *testing.T) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("dashboard/web/node_modules is not there (npm ci), so there is no axe-core")
	}
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	for _, c := range []struct{ name, path, theme, then string }{
		{"light", "/example.com", "light", numbersShown},
		{"dark", "/example.com?country=NL", "dark", numbersShown},
		{"refusals", "/example.com?page=/pricing", "light", `document.querySelector('.refusal')`},
		{"sites", "/", "dark", `document.querySelector('.spark-line')`},
		{"new site", "/new.example", "light", `document.querySelector('.tag')`},
	} {
		tb.visit(c.path)
		eval[any](tb, `localStorage.setItem('turf-theme', '`+c.theme+`')`)
		tb.do(chromedp.Reload())
		tb.until(c.then)
		tb.audit(c.name, string(axe))
	}
	tb.visit("/example.com")
	tb.until(numbersShown)
	tb.click("[data-panel=pages] .details-button")
	tb.until(`document.querySelector('dialog .details')`)
	tb.audit("details", string(axe))
	tb.do(chromedp.EmulateViewport(360, 740))
	tb.visit("/example.com")
	tb.until(numbersShown)
	tb.audit("narrow", string(axe))
}

// inked waits until the chart is not nearly blank: it is drawn a moment after its table is there.
func (tb *tab) inked(atLeastPixels int) {
	tb.T.Helper()
	tb.until(fmt.Sprintf("%s >= %d", ink, atLeastPixels))
}

// audit runs axe-core on the page as it is.
func (tb *tab) audit(name, axe string) {
	tb.T.Helper()
	// Old answers fade for a moment while new ones are on their way; contrast is that of the page at rest.
	tb.until(`!document.querySelector('.stale') && document.getAnimations().every((a) => a.playState === 'finished')`)
	eval[any](tb, axe+"; undefined")
	found := eval[json.RawMessage](tb, `axe.run().then((r) => r.violations.map((v) => v.id + ': ' + v.help + '\n' +
		v.nodes.map((n) => '  ' + n.target + ' ' + n.failureSummary).join('\n')))`)
	var violations []string
	if err := json.Unmarshal(found, &violations); err != nil {
		tb.T.Fatal(err)
	}
	if len(violations) > 0 {
		tb.T.Errorf("%s:\n%s", name, strings.Join(violations, "\n"))
	}
}
