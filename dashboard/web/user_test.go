package web

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Numbers that cannot be asked for again are said to be old, and all come back by themselves, those of days past too.
func TestServerAway(t *testing.T) {
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	tb.Quiet()
	tb.visit("/example.com")
	tb.until(numbersShown + ` && document.querySelector('[data-current="7"]')`)
	api.set(func() { api.away = 503 })
	tb.until(`document.querySelector('.out-of-date[role=alert]')?.innerText.match(/numbers of .*\d\d.*The database does not answer/) &&
		` + numbersShown)
	tb.until(`!document.querySelector('[data-current]')`) // who is here now is not known
	tb.click("[data-period=yesterday]")
	tb.until(`document.querySelectorAll('.refusal').length > 5 && !document.querySelector('.out-of-date')`)
	api.set(func() { api.away = 0 })
	tb.until(numbersShown + ` && !document.querySelector('.refusal, .out-of-date') && document.querySelector('[data-current="7"]') &&
		document.querySelector('[data-metric=visitors] [data-change]')`)
}

// Before the first answer there is no axis: one without a line would say that nobody came.
func TestNoAxisWithoutNumbers(t *testing.T) {
	api := &cannedAPI{signedIn: true, held: make(chan struct{})}
	tb := open(t, api.serve(t))
	tb.visit("/example.com")
	// The page asks in the same turn in which it would draw.
	tb.wait("the questions of the overview and the panels", func() bool { return api.waiting.Load() >= 4 })
	tb.until(`document.querySelector('.number .bone') && document.querySelector('.chart') && !document.querySelector('canvas')`)
	close(api.held)
	tb.until(numbersShown + ` && document.querySelector('canvas')`)
}

// Large numbers stay in their places on screens of all widths, and can be read in full.
func TestHugeNumbers(t *testing.T) {
	tb := open(t, (&cannedAPI{signedIn: true, scale: 7654321}).serve(t))
	for _, width := range []int{1440, 1021, 768, 360} {
		tb.do(chromedp.EmulateViewport(int64(width), 800))
		tb.visit("/example.com")
		tb.until(`document.querySelectorAll('.number [data-change]').length === 6 &&
			document.querySelectorAll('[data-panel=pages] .row').length === 9`)
		tb.until(`document.documentElement.scrollWidth <= innerWidth`)
		tb.until(`[...document.querySelectorAll('.number, .number-value')].every((n) => n.scrollWidth <= n.clientWidth)`)
	}
	tb.until(`document.querySelector('[data-metric=visitors] .number-value').innerText === '9.45B' &&
		document.querySelector('[data-metric=visitors] .number-value').title === '9,445,432,114'`)
}

// A goal has its conversion rate, and its revenue where it has amounts, in the numbers, over time, and in the panel.
func TestRevenue(t *testing.T) {
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	tb.visit("/example.com")
	const panel = `document.querySelector('[data-panel=goals]')`
	tb.until(panel + `.querySelector('[data-value="Read an article"] [data-number=total_revenue]').textContent === '€114.00 revenue' &&
		` + panel + `.querySelector('[data-value="Sign up"] [data-number=total_revenue]').textContent.startsWith('–')`)
	tb.visit("/example.com?goal=Read+an+article")
	tb.until(`document.querySelectorAll('.number').length === 5 &&
		document.querySelector('[data-metric=conversion_rate]').innerText.includes('2.5%') &&
		document.querySelector('[data-metric=total_revenue]').innerText.includes('€11,723.00')`)
	tb.click("[data-metric=total_revenue]")
	tb.until(`location.search.includes('metric=total_revenue') && document.querySelector('.chart tbody').innerText.includes('€2,850.00')`)
	tb.click("[data-metric=conversion_rate]")
	tb.until(`document.querySelector('.chart tbody').innerText.includes('2.5%')`)
	if !api.askedMetric("group_conversion_rate", "time:day", 1) {
		t.Error("the conversion rate of each day was not asked for")
	}
	tb.visit("/example.com?event=Signup")
	tb.until(`document.querySelectorAll('.number').length === 3`)
}

// The list of details can be searched at once and saved with all its rows, and (other) is its last row.
func TestDetailsAsFile(t *testing.T) {
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	tb.visit("/example.com?page=/pricing")
	tb.until(`document.querySelector('[data-panel=places] .row')`)
	// What would be saved is kept, in place of a file of the machine.
	eval[any](tb, `(() => { window.saved = []; const make = URL.createObjectURL;
		URL.createObjectURL = (b) => { b.arrayBuffer().then((a) => saved.push(new TextDecoder('utf-8', { ignoreBOM: true }).decode(a)));
			return make.call(URL, b); };
		HTMLAnchorElement.prototype.click = function () { saved.push(this.download); }; })()`)
	tb.click("[data-panel=places] .details-button")
	tb.until(`document.activeElement.type === 'search' && document.querySelectorAll('dialog tbody tr').length === 3 &&
		document.querySelector('dialog tbody tr:last-child').dataset.value === '(other)'`)
	tb.click("dialog .download")
	tb.until(`saved.length === 2`)
	saved := eval[[]string](tb, `saved.sort()`)
	if !strings.HasPrefix(saved[0], "example.com-countries-20") || !strings.HasSuffix(saved[0], ".csv") {
		t.Errorf("the file is called %q", saved[0])
	}
	want := "\uFEFFCountry,Unique visitors,Visits,Bounce rate,Visit duration\r\n" +
		"Netherlands,800,900,42,75\r\nGermany,134,234,42,75\r\nOther,300,400,42,75\r\n"
	if saved[1] != want {
		t.Errorf("the file holds %q, want %q", saved[1], want)
	}
	tb.click("dialog [aria-label=Close]")
	tb.click("[data-panel=pages] .details-button")
	tb.until(`document.querySelector('dialog .next-pages tbody tr:last-child').dataset.value === '(other)'`)
}

// The chart can be by hour, day, week or month, as the days allow, and the address tells which.
func TestStepOfTheChart(t *testing.T) {
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	const steps = `[...document.querySelectorAll('.by option')].map((o) => o.value).join(' ')`
	choose := func(step string) {
		eval[any](tb, `(() => { const s = document.querySelector('.by'); s.value = '`+step+`';
			s.dispatchEvent(new Event('change', { bubbles: true })); })()`)
	}
	tb.visit("/example.com?period=30d")
	tb.until(numbersShown + ` && ` + steps + ` === 'day week' && document.querySelectorAll('.chart tbody tr').length === 30`)
	choose("week")
	tb.until(`location.search === '?period=30d&by=week' && document.querySelector('.chart caption').innerText.endsWith('by week') &&
		[5, 6].includes(document.querySelectorAll('.chart tbody tr').length) &&
		document.querySelector('.chart tbody').innerText.match(/\w+ \d+\s–\s.*300/)`)
	tb.do(chromedp.Reload())
	tb.until(`document.querySelector('.by')?.value === 'week' && document.querySelector('.chart tbody td')?.innerText.match(/\d/)`)
	choose("day")
	tb.until(`location.search === '?period=30d'`)
	tb.visit("/example.com?by=hour")
	tb.until(`document.querySelectorAll('.chart tbody tr').length > 6 * 24 && ` + steps + ` === 'hour day'`)
	tb.inked(1000)
	// Where hours are not counted they are not offered, and one day has no other step.
	tb.visit("/example.com?by=hour&page=/pricing&source=Google")
	tb.until(`document.querySelectorAll('.chart tbody tr').length === 7 && !document.querySelector('.by')`)
	tb.visit("/example.com?period=yesterday")
	tb.until(numbersShown + ` && !document.querySelector('.by')`)
	tb.visit("/example.com?period=12mo")
	tb.until(steps + ` === 'day week month'`)
	tb.do(chromedp.EmulateViewport(360, 740))
	tb.until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)
}

// The values of the properties of events are shown, of those of one event too, and not asked for where they are not counted.
func TestProperties(t *testing.T) {
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	const panel = `document.querySelector('[data-panel=properties]')`
	tb.visit("/example.com")
	tb.until(panel + `.querySelectorAll('.row').length === 3 && ` + panel + `.querySelector('.row:last-child .why')`)
	tb.until(panel + `.querySelector('[data-value=pro]').innerText.match(/pro\s+8.*24/s) &&
		` + panel + `.querySelector('[data-value="(not set)"]').innerText.startsWith('Unknown')`)
	eval[any](tb, `(() => { const s = `+panel+`.querySelector('select'); s.value = 'url';
		s.dispatchEvent(new Event('change', { bubbles: true })); })()`)
	tb.until(panel + `.querySelector('.none').innerText === 'No url in these days'`)
	tb.visit("/example.com?goal=Sign+up")
	tb.until(panel + `.querySelectorAll('.row').length === 3`)
	if !api.asked("event:props:plan", `"is" "event:goal" ["Sign up"]`) {
		t.Error("the property of the goal's events was not asked for")
	}
	tb.visit("/example.com?country=NL")
	tb.until(panel + `.querySelector('.refusal').innerText.includes('counted with events and goals only')`)
	if api.asked("event:props:plan", `"is" "visit:country" ["NL"]`) {
		t.Error("what the server refuses was asked for")
	}
	tb.do(chromedp.EmulateViewport(360, 740))
	tb.until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)
	tb.visit("/new.example")
	tb.until(`document.querySelector('.tag') && !` + panel)
}

// A tab can show its rows by the parts of a campaign, and the versions of a browser once it is filtered by.
func TestKinds(t *testing.T) {
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	tb.visit("/example.com")
	tb.until(numbersShown + ` && !document.querySelector('.panel .kind')`) // a version of which browser?
	tb.click("[data-panel=sources] [data-tab=campaign]")
	tb.until(`document.querySelectorAll('[data-panel=sources] .kind option').length === 5`)
	choose := func(panel, kind string) {
		eval[any](tb, `(() => { const s = document.querySelector('[data-panel=`+panel+`] .kind'); s.value = '`+kind+`';
			s.dispatchEvent(new Event('change', { bubbles: true })); })()`)
	}
	choose("sources", "utm_medium")
	tb.until(`document.querySelector('[data-panel=sources] [data-value=email]')`)
	if !api.asked("visit:utm_medium", `"is_not" "visit:utm_medium" ["(not set)"]`) {
		t.Error("the media were not asked for without those of visits that have none")
	}
	tb.click("[data-panel=sources] [data-tab=channel]")
	tb.until(`!document.querySelector('[data-panel=sources] .kind')`)
	tb.click("[data-panel=sources] [data-tab=campaign]")
	tb.click("[data-panel=sources] [data-value=email] .pick")
	tb.until(`location.search === '?utm_medium=email' && document.querySelector('[data-filter=utm_medium]').innerText.includes('UTM medium')`)
	tb.until(`document.querySelector('[data-panel=pages].off .refusal').innerText.includes('Page is not counted together with utm medium')`)

	tb.visit("/example.com?browser=Firefox")
	tb.until(`document.querySelectorAll('[data-panel=devices] .kind option').length === 2`)
	choose("devices", "version")
	tb.until(`document.querySelector('[data-panel=devices] [data-value="145"]')`)
	tb.click("[data-filter=browser] .remove")
	tb.until(`!document.querySelector('.panel .kind') && document.querySelector('[data-panel=devices] [data-value=Firefox]')`)
	tb.do(chromedp.EmulateViewport(360, 740))
	tb.until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)
}

// On paper all is light, in dark colours too, and what can only be pressed is left out.
func TestPrint(t *testing.T) {
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	tb.visit("/example.com?country=NL")
	eval[any](tb, `localStorage.setItem('turf-theme', 'dark')`)
	tb.do(chromedp.Reload())
	tb.until(`document.querySelector('[data-panel=pages] .row')`)
	if _, err := chromedp.Call(tb.Context(), emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
		t.Fatal(err)
	}
	tb.until(paper + ` === 'rgb(255, 255, 255)' && getComputedStyle(document.querySelector('h2')).color === 'rgb(26, 33, 24)'`)
	tb.until(`['.details-button', '.segments', '.remove', '.views', '[data-tab=entry]', '.segment-select', '.bar .quiet'].every(
		(s) => !document.querySelector(s).checkVisibility())`)
	tb.until(`['.brand', '.chip', '.span-label', '[data-tab=page]'].every((s) => document.querySelector(s).checkVisibility())`)
}

// Fields in a line are as high as each other, a check stands beside its words, and no text is cut.
func TestFieldsAreInLine(t *testing.T) {
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	tb.visit("/example.com")
	tb.until(numbersShown)
	tb.until(`(() => { const s = document.querySelector('.segment-select'), c = getComputedStyle(s);
		return s.clientHeight - parseFloat(c.paddingTop) - parseFloat(c.paddingBottom) >= parseFloat(c.fontSize) * 1.5; })()`)
	tb.visit("/example.com?tab=people")
	tb.until(`document.querySelectorAll('.options > .field').length > 3`)
	tb.until(`new Set([...document.querySelectorAll('.options > .field')].map((f) =>
		f.querySelector('select, input').getBoundingClientRect().top)).size === 1`)
	const middles = `[...document.querySelectorAll('.check')].every((c) => { const [a, b] = [...c.children].map((e) => {
		const r = e.getClientRects()[0]; return r.y + Math.min(r.height, 24) / 2; }); return Math.abs(a - b) <= 1.5; })`
	tb.until(`document.querySelectorAll('.check').length > 2 && ` + middles)
	tb.do(chromedp.EmulateViewport(360, 740))
	tb.until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)
}

// Who came by a link is not told to add sites.
func TestSharedLinkToAnotherSite(t *testing.T) {
	tb := open(t, (&cannedAPI{signedIn: true, shared: true}).serve(t))
	tb.visit("/unheard.example")
	tb.until(`document.querySelector('.notice').innerText.includes('The link that you came by is to another site') &&
		!document.querySelector('.notice').innerText.includes('turf site add')`)
}

func TestUserAccessible(t *testing.T) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("dashboard/web/node_modules is not there (npm ci), so there is no axe-core")
	}
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	tb.Quiet()
	for _, theme := range []string{"light", "dark"} {
		tb.visit("/example.com")
		tb.click("[data-panel=sources] [data-tab=campaign]")
		tb.until(`document.querySelector('.panel .kind')`)
		tb.audit("kinds", string(axe))
		tb.visit("/example.com?goal=Read+an+article")
		eval[any](tb, `localStorage.setItem('turf-theme', '`+theme+`')`)
		tb.do(chromedp.Reload())
		tb.until(`document.querySelector('[data-metric=total_revenue]') && document.querySelector('[data-panel=goals] .money')`)
		api.set(func() { api.away = 503 })
		tb.until(`document.querySelector('.out-of-date')`)
		tb.audit("revenue and old numbers, "+theme, string(axe))
		api.set(func() { api.away = 0 })
		tb.until(`!document.querySelector('.out-of-date')`)
		tb.click("[data-panel=goals] .details-button")
		tb.until(`document.querySelector('dialog .details tbody tr')`)
		tb.audit("details of goals, "+theme, string(axe))
	}
}
