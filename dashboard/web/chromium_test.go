package web

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"turf/ingest/tracker/browsertest"
)

// chromium is the browser of the test process. Each test has a tab and a storage of its own in it.
var chromium browsertest.Shared

func TestMain(m *testing.M) { chromium.Main(m) }

// tab is a tab with the page of a server, that a test drives. Its methods end the test when they fail.
type tab struct {
	*browsertest.Tab
	base string
}

// open opens a tab of 1280 by 900 with nothing in its storage. The test is skipped where there is no browser.
func open(t *testing.T, server *httptest.Server) *tab {
	t.Helper()
	return &tab{chromium.Open(t), server.URL}
}

func (tb *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	tb.T.Helper()
	tb.Do(steps...)
}

func (tb *tab) visit(path string) {
	tb.T.Helper()
	tb.Visit(tb.base + path)
}

func (tb *tab) until(expression string) {
	tb.T.Helper()
	tb.Until(expression)
}

func (tb *tab) wait(what string, is func() bool) {
	tb.T.Helper()
	tb.Wait(what, is)
}

// eval is the value of a JavaScript expression.
func eval[V any](tb *tab, expression string) V {
	tb.T.Helper()
	return browsertest.Eval[V](tb.Tab, expression)
}

// middle is where the element's middle is in the window, once it is scrolled into sight and neither covered nor
// disabled.
const middle = `(() => { const e = document.querySelector(%q); if (!e || e.disabled) return [];
	e.scrollIntoView({ block: 'center', behavior: 'instant' });
	const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
	return r.width > 0 && e.contains(document.elementFromPoint(x, y)) ? [x, y] : []; })()`

// at waits until the element can take a click and stays where it is, and returns its middle.
func (tb *tab) at(selector string) (x, y float64) {
	tb.T.Helper()
	var now []float64
	tb.Wait("a place to click on "+selector, func() bool {
		before := now
		now = eval[[]float64](tb, fmt.Sprintf(middle, selector))
		return len(now) == 2 && slices.Equal(now, before)
	})
	return now[0], now[1]
}

func (tb *tab) click(selector string) {
	tb.T.Helper()
	x, y := tb.at(selector)
	tb.do(chromedp.MouseClickXY(x, y))
}

func (tb *tab) hover(selector string) {
	tb.T.Helper()
	x, y := tb.at(selector)
	tb.do(chromedp.MouseEvent(chromedp.MouseMoved, x, y))
}

// write replaces what is in a field by keys, as a hand does.
func (tb *tab) write(selector, text string) {
	tb.T.Helper()
	tb.click(selector)
	eval[any](tb, "document.querySelector(`"+selector+"`).select()")
	tb.do(chromedp.KeyEvent(text))
}
