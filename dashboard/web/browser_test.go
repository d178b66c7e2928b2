package web

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

const (
	browserTimeout = 2 * time.Minute
	// renderTimeout is how long one change of the page may take, on a busy machine.
	renderTimeout = 20 * time.Second
)

// browsers are the names under which Chromium may be installed.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"}

// tab is a browser's tab that a test drives.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string
}

// open starts a browser of its own. The test is skipped where there is none.
func open(t *testing.T, server *httptest.Server) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no browser")
	}
	path := ""
	for _, name := range browsers {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Skip("no Chromium is installed, so the page cannot be looked at")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses to run as root
	}
	ctx, cancel := context.WithTimeout(context.Background(), browserTimeout)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, _ = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("close the browser: %v", err)
		}
	})
	tb := &tab{t: t, ctx: ctx, base: server.URL}
	tb.do(chromedp.EmulateViewport(1280, 900))
	tb.watchConsole()
	return tb
}

// watchConsole fails the test on what the page writes to the console. A refused question (HTTP 400) is an answer like any
// other, though Chromium notes it as a network message.
func (tb *tab) watchConsole() {
	ctx, stop := context.WithCancel(tb.ctx)
	messages := chromedp.Console(ctx)
	done := make(chan struct{})
	tb.t.Cleanup(func() {
		stop()
		<-done
	})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil {
				return // the test is over
			}
			if m.Source != "network" {
				tb.t.Errorf("console: %s (%s)", m, m.URL)
			}
		}
	}()
}

func (tb *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	if err := chromedp.Do(tb.ctx, steps...); err != nil {
		tb.t.Fatal(err)
	}
}

func (tb *tab) visit(path string) {
	tb.t.Helper()
	tb.do(chromedp.Navigate(tb.base + path))
}

// eval is the value of a JavaScript expression.
func eval[T any](tb *tab, expression string) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		tb.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for a JavaScript expression to be true; one that throws is not true yet. It asks from here, because the page's policy allows no eval inside it.
func (tb *tab) until(expression string) {
	tb.t.Helper()
	for deadline := time.Now().Add(renderTimeout); time.Now().Before(deadline); {
		if eval[bool](tb, "(() => { try { return Boolean("+expression+"); } catch { return false; } })()") {
			return
		}
		tb.do(chromedp.Sleep(50 * time.Millisecond))
	}
	tb.t.Fatalf("never came: %s\nthe page: %s", expression, eval[string](tb, "document.body.innerText"))
}

func (tb *tab) click(selector string) {
	tb.t.Helper()
	tb.do(chromedp.Click(chromedp.CSS(selector)))
}

const (
	// numbersShown is true when the top numbers and the pages are there.
	numbersShown = `document.querySelector('[data-metric=visitors][data-value="1234"]') &&
		document.querySelectorAll('[data-panel=pages] .row').length === 9`
	paper = `getComputedStyle(document.documentElement).backgroundColor`
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
		"events with counts":   `document.querySelector('[data-panel=events] [data-number=events]').textContent.startsWith('99')`,
		"chart as a table":     `document.querySelectorAll('.chart tbody tr').length === 7`,
		"nothing too wide":     `document.documentElement.scrollWidth <= innerWidth`,
		"nothing from outside": `performance.getEntriesByType('resource').every((e) => new URL(e.name).origin === origin)`,
	} {
		t.Log(name)
		tb.until(expression)
	}
	if n := eval[int](tb, ink); n < 2000 {
		t.Errorf("the chart is nearly blank: %d pixels", n)
	}

	tb.click("[data-panel=places] [data-tab=city]")
	tb.until(`document.querySelector('[data-value="2759794:Amsterdam"]').innerText.startsWith('Amsterdam')`)
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
	tb.until(`document.querySelector('[data-panel=events] .refusal')?.innerText.includes('page and event are not counted together')`)
	if !api.asked("visit:source", `"is" "event:page" ["/pricing"]`) {
		t.Error("the sources were not asked for under the filter")
	}

	tb.click("[data-filter=page] .operator")
	tb.until(`location.search === '?page.not=/pricing'`)
	tb.do(chromedp.NavigateBack(), chromedp.NavigateBack())
	tb.until(`location.search === '' && !document.querySelector('[data-filter]') &&
		document.querySelector('[data-panel=events] .row')`)

	tb.visit("/example.com?period=30d&source=Google")
	tb.until(`document.querySelector('[data-filter=source]')?.innerText.includes('Google')`)
	tb.click("[data-filter=source] .remove")
	tb.until(`location.search === '?period=30d' && !document.querySelector('[data-filter]')`)
}

func TestDarkAndLight(t *testing.T) {
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	tb.visit("/example.com")
	tb.until(numbersShown)
	light := eval[string](tb, paper)
	dark := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}
	params := emulation.SetEmulatedMediaParams{Features: dark}
	if _, err := chromedp.Call(tb.ctx, emulation.SetEmulatedMedia, params); err != nil {
		t.Fatal(err)
	}
	tb.until(paper + ` !== '` + light + `'`)
	night := eval[string](tb, paper)
	tb.click(`[aria-label="Use light colours"]`)
	tb.until(paper + ` === '` + light + `'`)
	tb.do(chromedp.Reload())
	tb.until(numbersShown + ` && ` + paper + ` === '` + light + `'`)
	tb.click(`[aria-label="Use dark colours"]`)
	tb.until(paper + ` === '` + night + `'`)
	if n := eval[int](tb, ink); n < 2000 {
		t.Errorf("the dark chart is nearly blank: %d pixels", n)
	}
}

func TestNewSiteShowsItsTag(t *testing.T) {
	server := (&cannedAPI{signedIn: true}).serve(t)
	tb := open(t, server)
	tb.visit("/")
	tb.until(`document.querySelectorAll('.site-card').length === 2`)
	tb.click(`.site-card a[href="/new.example"]`)
	tag := `<script defer src="` + server.URL + `/js/turf.js" data-domain="new.example"></script>`
	tb.until(`document.querySelector('.tag')?.innerText.includes('` + tag + `')`)
	tb.visit("/unheard.example")
	tb.until(`document.body.innerText.includes('No site unheard.example here')`)
}

func TestSignIn(t *testing.T) {
	tb := open(t, (&cannedAPI{}).serve(t))
	tb.visit("/example.com")
	tb.do(chromedp.SendKeys(chromedp.CSS("[name=name]"), "ada"), chromedp.SendKeys(chromedp.CSS("[name=password]"), "hay"))
	tb.click("[type=submit]")
	tb.until(`document.querySelector('[role=alert]').innerText.includes('do not go together')`)
	tb.do(chromedp.SetValue(chromedp.CSS("[name=password]"), "grass"))
	tb.click("[type=submit]")
	tb.until(numbersShown)
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

// audit runs axe-core on the page as it is.
func (tb *tab) audit(name, axe string) {
	tb.t.Helper()
	// Old answers fade for a moment while new ones are on their way; contrast is that of the page at rest.
	tb.until(`!document.querySelector('.stale') && document.getAnimations().every((a) => a.playState === 'finished')`)
	eval[any](tb, axe+"; undefined")
	found := eval[json.RawMessage](tb, `axe.run().then((r) => r.violations.map((v) => v.id + ': ' + v.help + '\n' +
		v.nodes.map((n) => '  ' + n.target + ' ' + n.failureSummary).join('\n')))`)
	var violations []string
	if err := json.Unmarshal(found, &violations); err != nil {
		tb.t.Fatal(err)
	}
	if len(violations) > 0 {
		tb.t.Errorf("%s:\n%s", name, strings.Join(violations, "\n"))
	}
}
